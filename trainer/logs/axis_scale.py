"""The scale of the y-axis of a plot."""

from collections.abc import Sequence

from matplotlib import axes as axes_lib

# Above this ratio of the highest value to the last ones a linear axis hides how the curves end.
_LINEAR_RANGE = 20


def choose(axes: axes_lib.Axes, curves: Sequence[Sequence[float]]) -> None:
    """Makes the y-axis logarithmic where the `curves` fall to a small part of what they were."""
    lowest = min(map(min, curves))
    if lowest > 0 and max(map(max, curves)) > _LINEAR_RANGE * max(curve[-1] for curve in curves):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        # A band that reaches below zero would stretch the axis without end.
        axes.set_ylim(bottom=lowest / 2)
