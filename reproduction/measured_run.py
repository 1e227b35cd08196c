"""A run that is measured: it trains, and then looks at what it trained."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from trainer.model_dir import json_files, run_directory, strict_json
from trainer.sweep import seeded_run


@dataclasses.dataclass(frozen=True)
class MeasuredRun(seeded_run.SeededRun):
    """As `SeededRun`; what it finds is in measurement.json.

    Attributes:
      measure: trains what Gin holds in the folder it is called with, and returns what it found, as
        JSON can hold it; importable by name.
    """

    measure: Callable[[run_directory.RunDirectory], Any]

    def result(self) -> Any | None:
        """The result; None before the end."""
        content = self._content()
        return content and content["found"]

    def seconds(self) -> float:
        """The duration of a run that has ended."""
        return self._content()["seconds"]

    def _content(self):
        return json_files.read(self.path / "measurement.json", ("found", "seconds"))


def measure(run: MeasuredRun) -> str | None:
    """Measures; what is printed goes to `run.log`.

    Returns:
      What went wrong, in a line, or None.
    """
    start = time.monotonic()

    def action(directory):
        found = run.measure(directory)
        content = {"seconds": time.monotonic() - start, "found": found}
        directory.write("measurement.json", strict_json.dumps(content) + "\n")

    return seeded_run.perform(run, action)
