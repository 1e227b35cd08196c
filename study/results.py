"""Results of runs: a line of a CSV file for each."""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Iterable

from trainer.command import errors
from trainer.model_dir import unfinished


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a run.

    Attributes:
      task: its name.
      arm: its name.
      rate: learning rate.
      seed: of the run.
      steps: training steps.
      value: of the task's metric; NaN if the run diverged.
      parameters: of the network in the end.
      training_flops: of the run.
      wall_seconds: of the run.
    """

    task: str
    arm: str
    rate: float
    seed: int
    steps: int
    value: float
    parameters: int
    training_flops: int
    wall_seconds: float

    @property
    def key(self) -> tuple[str, str, float, int]:
        """Identifies the run: no two results share it."""
        return self.task, self.arm, self.rate, self.seed


_TYPES = {field.name: field.type for field in dataclasses.fields(Result)}


def read(file: pathlib.Path) -> list[Result]:
    """The lines of a file.

    Raises:
      UserError: it is not such a file.
    """
    with file.open(newline="") as text:
        lines = csv.DictReader(text)
        if lines.fieldnames != list(_TYPES):
            raise errors.UserError(f"{file} must begin with the line {','.join(_TYPES)}")
        return [_result(line) for line in lines]


def write(file: pathlib.Path, results: Iterable[Result]) -> None:
    """Writes a file, in the order of the keys."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_TYPES), lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(each) for each in sorted(results, key=lambda r: r.key))
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished.write(file, text.getvalue())


def _result(line: dict[str, str]) -> Result:
    return Result(**{name: _TYPES[name](text) for name, text in line.items()})
