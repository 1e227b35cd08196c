"""Lines with confidence bands, over the repeats of an experiment."""

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence

import matplotlib
import numpy as np
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
from scipy import stats

from trainer.sweep import comparison

# Ten colors that can be told apart without full color vision; then the same ones dashed.
_COLORS = matplotlib.color_sequences["petroff10"]
_DASHES = ["-", "--", ":", "-."]
_INCHES = (5.5, 4.2)  # Of a panel.


def panels(titles: Sequence[str]) -> tuple[figure_lib.Figure, list[axes_lib.Axes]]:
    """A figure with a panel for each of `titles`, side by side."""
    width, height = _INCHES
    figure = figure_lib.Figure(figsize=(width * len(titles), height), layout="constrained")
    axes = list(figure.subplots(1, len(titles), squeeze=False)[0])
    for each, title in zip(axes, titles, strict=True):
        each.set_title(title)
        each.grid(which="both", alpha=0.3)
    return figure, axes


def styles() -> Iterator[dict[str, str]]:
    """Line styles that can be told apart."""
    for dashes, color in itertools.product(_DASHES, _COLORS):
        yield {"color": color, "linestyle": dashes}


def half_width(values: Sequence[float], confidence: float) -> float:
    """Of Student's t interval of the mean of `values`; NaN for a single one."""
    _, deviation = comparison.mean_and_deviation(values)
    if len(values) < 2:
        return math.nan
    quantile = stats.t.ppf((1 + confidence) / 2, len(values) - 1)
    return float(quantile) * deviation / math.sqrt(len(values))


def line(
    axes: axes_lib.Axes,
    points: Sequence[tuple[float, Sequence[float]]],
    label: str,
    style: dict[str, str],
    confidence: float = 0.8,
    marker: str | None = None,
) -> None:
    """Draws means and a band.

    Args:
      axes: where.
      points: x, and the values at x of all repeats; in the order of x.
      label: for the legend.
      style: see `styles`.
      confidence: of the interval of the mean that the band shows.
      marker: of matplotlib, for each point.
    """
    x = np.array([x for x, _ in points], float)
    mean = np.array([statistics.fmean(values) for _, values in points])
    half = np.array([half_width(values, confidence) for _, values in points])
    axes.plot(x, mean, label=label, linewidth=1.5, marker=marker, **style)
    axes.fill_between(x, mean - half, mean + half, color=style["color"], alpha=0.2, linewidth=0)


def logarithmic(axes: axes_lib.Axes) -> None:
    """Makes the y-axis logarithmic, for lines that are there already."""
    lowest = min(np.min(each.get_ydata()) for each in axes.get_lines())
    axes.set_yscale("log")
    # A band that reaches below zero would stretch the axis without end.
    axes.set_ylim(bottom=lowest / 2)
