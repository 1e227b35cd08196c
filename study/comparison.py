"""Arms at their best learning rates, compared seed by seed."""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence

from study import arms as arms_lib
from study import results as results_lib
from study import tasks as tasks_lib
from trainer.sweep import best_points, comparison

ABOVE, BELOW, OPEN = "better", "worse", "not decided"


@dataclasses.dataclass(frozen=True)
class Line:
    """An arm of a task.

    Attributes:
      arm: the arm.
      by_rate: results by seed, by learning rate; rates in ascending order.
      best: the rate with the best mean over seeds; one at which a run diverged comes last.
    """

    arm: arms_lib.Arm
    by_rate: Mapping[float, Mapping[int, results_lib.Result]]
    best: float

    @property
    def results(self) -> Sequence[results_lib.Result]:
        """Those at the best rate."""
        return list(self.by_rate[self.best].values())

    @property
    def values(self) -> dict[int, float]:
        """The metric at the best rate, by seed."""
        return {seed: each.value for seed, each in self.by_rate[self.best].items()}

    @property
    def training_flops(self) -> float:
        """Mean over the runs at the best rate."""
        return statistics.fmean(each.training_flops for each in self.results)

    @property
    def wall_seconds(self) -> float:
        """Median over the runs at the best rate."""
        return statistics.median(each.wall_seconds for each in self.results)


def lines(task: tasks_lib.Task, results: Sequence[results_lib.Result]) -> dict[str, Line]:
    """The arms of a task that have results, by name, in the order of `ARMS`."""
    found = {}
    for arm in arms_lib.ARMS:
        by_rate: dict[float, dict[int, results_lib.Result]] = {}
        for each in results:
            if (each.task, each.arm) == (task.name, arm.name):
                by_rate.setdefault(each.rate, {})[each.seed] = each
        if by_rate:
            by_rate = dict(sorted(by_rate.items()))
            found[arm.name] = Line(arm, by_rate, _best(by_rate, task))
    return found


def difference(
    task: tasks_lib.Task, line: Line, rival: Line
) -> tuple[comparison.PairedDifference, str]:
    """The paired difference of two arms, each at its best rate, and what it says.

    Args:
      task: whose metric says whether more is better.
      line: an arm.
      rival: another one.

    Returns:
      `line` - `rival`, with a 95 % interval, and `ABOVE` or `BELOW` if the interval leaves out
      zero, else `OPEN`.
    """
    found = comparison.paired_difference(line.values, rival.values)
    sign = -1 if best_points.is_lower_better(task.metric) else 1
    if found.pairs < 2 or not abs(found.mean) > found.half_width:
        return found, OPEN
    return found, ABOVE if sign * found.mean > 0 else BELOW


def _best(by_rate, task):
    sign = 1 if best_points.is_lower_better(task.metric) else -1

    def rank(rate):
        mean = statistics.fmean(each.value for each in by_rate[rate].values())
        # Of rates with few seeds, which others have left behind, none is the best.
        few = len(by_rate[rate]) < max(map(len, by_rate.values())) / 2
        return few, math.inf if math.isnan(mean) else sign * mean

    return min(by_rate, key=rank)
