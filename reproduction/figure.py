"""A figure of the paper: runs, a table of numbers, a picture, and claims about it."""

import abc
import csv
import dataclasses
import io
from collections.abc import Sequence
from typing import Any

import matplotlib.figure

from reproduction import claim, measured_run, variant

# A row of the table: all that is plotted is in it.
Row = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Figure(abc.ABC):
    """A figure.

    Attributes:
      name: of the figure in the paper, e.g. "2a".
      title: what it shows.
      paper: what the paper says it shows, in short.
      repeats: of each run, with the seeds 0, 1, 2, ...; the paper's number where it gives one.
      needs_images: whether its runs read Fashion-MNIST.
    """

    name: str
    title: str
    paper: str
    repeats: int = 5
    needs_images: bool = False

    def runs(self, repeats: int, options: variant.Options) -> list[measured_run.MeasuredRun]:
        """All runs; seed by seed, so that whenever it is stopped there are pairs to compare."""
        return [each.run(seed, options) for seed in range(repeats) for each in self.variants()]

    @abc.abstractmethod
    def variants(self) -> Sequence[variant.Variant]:
        """The runs of each seed."""

    @abc.abstractmethod
    def rows(self, runs: Sequence[measured_run.MeasuredRun]) -> list[Row]:
        """The numbers of finished runs, all rows with the same keys."""

    @abc.abstractmethod
    def draw(self, rows: Sequence[Row]) -> matplotlib.figure.Figure:
        """The picture of `rows`."""

    @abc.abstractmethod
    def verdicts(self, rows: Sequence[Row]) -> list[claim.Verdict]:
        """The verdicts on the paper's claims, from `rows`."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FigureOfOneVariant(Figure):
    """A figure that one configuration is enough for, because a run measures all that it shows.

    Attributes:
      variant: the configuration, with what is measured.
    """

    variant: variant.Variant

    def variants(self) -> Sequence[variant.Variant]:
        """See `Figure.variants`."""
        return [self.variant]


def to_csv(rows: Sequence[Row]) -> str:
    """The rows as CSV, numbers unrounded."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
