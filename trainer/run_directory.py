"""The files of a run in its model_dir."""

import difflib
import fcntl
import json
import os
import pathlib
import platform
from collections.abc import Iterable
from typing import Any

from trainer import errors


class RunDirectory:
    """A model_dir. Files appear in it whole or not at all.

    Args:
      path: the folder; created by the first file that is written.
      is_written: whether this process writes; of several workers only the chief does.

    Attributes:
      is_claimed: whether it belongs to this process alone.
    """

    def __init__(self, path: str, is_written: bool = True):
        self.path = pathlib.Path(path)
        self.is_written = is_written
        self.is_claimed = False

    def start(self, config: str, overwrite_config: bool, read_only: bool = False) -> None:
        """Claims the folder for a run with the configuration `config`, or only looks at it.

        Raises:
          UserError: the folder belongs to a run with another configuration, cannot be written, or
            is in use by another process; or there is no checkpoint in it to read.
        """
        if not overwrite_config:
            self.check(config)
        if read_only:
            self._require_checkpoint()
            return
        if not self.is_written:
            return
        try:
            self._claim()
            self.write("config.gin", config)
        except OSError as error:
            raise errors.UserError(f"--model_dir={self.path} cannot be written: {error}") from error

    def check(self, config: str) -> None:
        """Raises UserError if the folder belongs to a run with another configuration."""
        file = self.path / "config.gin"
        if not file.exists():
            return
        before, now = file.read_text().splitlines(), config.splitlines()
        difference = "\n".join(difflib.unified_diff(before, now, "before", "now", "", "", 0, ""))
        if difference:
            raise errors.UserError(
                f"{self.path} holds a run with another configuration:\n{difference}\n"
                "Choose another folder, or have //:train go on all the same with "
                "--overwrite_config."
            )

    def _claim(self) -> None:
        """Keeps other processes away as long as this one, or this object, lives."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.path / ".lock", "a+")
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            self._lock.seek(0)
            raise errors.UserError(
                f"--model_dir={self.path} is in use by {self._lock.read()}; wait for its end, or "
                "choose another folder"
            ) from None
        self._lock.truncate(0)
        self._lock.write(f"process {os.getpid()} on {platform.node()}")
        self._lock.flush()
        self.is_claimed = True

    @property
    def checkpoints(self) -> pathlib.Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def best(self) -> pathlib.Path:
        """The folder of the checkpoint with the best evaluation."""
        return self.path / "best"

    def _require_checkpoint(self) -> None:
        """Raises UserError if there is no checkpoint."""
        if not any(self.checkpoints.glob("*.index")):
            raise errors.UserError(f"there is no checkpoint in {self.checkpoints}")

    def write_growths(self, events: Iterable[dict[str, Any]]) -> None:
        """Writes growth.jsonl: one line for each growth so far."""
        self.write("growth.jsonl", "".join(json.dumps(event) + "\n" for event in events))

    def remove_result(self) -> None:
        """Removes result.json, which only a finished run has."""
        if self.is_written:
            (self.path / "result.json").unlink(missing_ok=True)

    def write_result(self, result: dict[str, Any]) -> None:
        """Writes result.json."""
        self.write("result.json", json.dumps(result, indent=2) + "\n")

    def write(self, name: str, text: str) -> None:
        """Writes `text` into the file `name`, replacing it in one step."""
        if not self.is_written:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.path / f".{name}.{os.getpid()}"
        temporary.write_text(text)
        temporary.replace(self.path / name)
