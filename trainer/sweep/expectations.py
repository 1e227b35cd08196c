"""The expected results of the shipped configurations: gin_configs/expected.csv."""

import csv
import dataclasses
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

_TABLE = pathlib.Path(__file__).resolve().parents[2] / "gin_configs" / "expected.csv"
# FLOPs in the table have two digits.
_ROUNDED = 0.05


@dataclasses.dataclass(frozen=True)
class Expectation:
    """A line of the table.

    Attributes:
      files: paths of the .gin files that compose, from the root of the workspace; a task first.
      bindings: set after them.
      metric: where it is in result.json, e.g. `train/loss`.
      expected: the mean over seeds, or None where only bounds are known.
      low: the least mean that agrees, or None.
      high: the largest mean that agrees, or None. Three standard errors around a mean that was
        measured here, one percent around an accuracy of the paper.
      seeds: 0, 1, ..., of the mean.
      source: "measured", or "paper" for what has not been run here.
      training_flops: of a run, to two digits; None where the header does not say.
    """

    files: tuple[str, ...]
    bindings: tuple[str, ...]
    metric: str
    expected: float | None
    low: float | None
    high: float | None
    seeds: int
    source: str
    training_flops: float | None

    def disagreement(self, results: Sequence[Mapping[str, Any]]) -> str | None:
        """Describes how results of all seeds miss the expectation; None if they do not.

        Args:
          results: what the result.json files hold.
        """
        group, _, name = self.metric.partition("/")
        mean = statistics.fmean(result[group][name] for result in results)
        low = float("-inf") if self.low is None else self.low
        high = float("inf") if self.high is None else self.high
        if not low <= mean <= high:  # Also if it is not a number.
            return f"{self.metric} is {mean:.4g}, not within {low:g} and {high:g}"
        if len(results) != self.seeds:
            return f"{len(results)} of {self.seeds} seeds have a result"
        if self.training_flops is not None:
            flops = statistics.fmean(result["training_flops"] for result in results)
            if abs(flops / self.training_flops - 1) > _ROUNDED:
                return f"training_flops is {flops:.2g}, not {self.training_flops:.2g}"
        return None


def read() -> list[Expectation]:
    """The lines of the table."""
    with _TABLE.open(newline="") as file:
        return [_expectation(line) for line in csv.DictReader(file)]


def _expectation(line: dict[str, str]) -> Expectation:
    names = ("expected", "low", "high", "training_flops")
    return Expectation(
        files=tuple(line["config"].split("+")),
        bindings=tuple(filter(None, line["bindings"].split("; "))),
        metric=line["metric"],
        seeds=int(line["seeds"]),
        source=line["source"],
        **{name: float(line[name]) if line[name] else None for name in names},
    )
