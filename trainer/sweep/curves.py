"""The curves of a sweep: each metric on its way through training, over the seeds."""

import csv
import dataclasses
import io
import statistics
from collections.abc import Mapping, Sequence

from trainer.logs import run_curves
from trainer.sweep import comparison

_COLUMNS = ["config", "seed", "split", "metric", "step", "training_flops", "value"]


@dataclasses.dataclass(frozen=True)
class MeanCurve:
    """A metric of one configuration over its seeds, at the steps that all of them have logged.

    Attributes:
      runs: number of seeds.
      step: training steps, ascending.
      training_flops: at each step, mean over seeds.
      mean: of the metric at each step.
      deviation: sample standard deviation at each step; NaN for a single seed.
      growths: where any of the seeds grew: {"step": steps, "training_flops": means over those that
        grew there}.
    """

    runs: int
    step: Sequence[int]
    training_flops: Sequence[float]
    mean: Sequence[float]
    deviation: Sequence[float]
    growths: Mapping[str, Sequence[float]]


def mean_curve(runs: Sequence[run_curves.RunCurves], metric: str) -> MeanCurve:
    """Averages `metric` over those of `runs`, all of one configuration, that have logged it."""
    runs = [run for run in runs if metric in run.metrics]
    curves = [run.metrics[metric] for run in runs]
    steps = sorted(set.intersection(*map(set, curves))) if curves else []
    statistic = [comparison.mean_and_deviation([curve[s] for curve in curves]) for s in steps]
    growths = {}
    for run in runs:
        for step in run.growth_steps:
            growths.setdefault(step, []).append(run.flops(step))
    growths = dict(sorted(growths.items()))
    return MeanCurve(
        runs=len(runs),
        step=steps,
        training_flops=[statistics.fmean(run.flops(step) for run in runs) for step in steps],
        mean=[mean for mean, _ in statistic],
        deviation=[deviation for _, deviation in statistic],
        growths={
            "step": list(growths),
            "training_flops": [statistics.fmean(flops) for flops in growths.values()],
        },
    )


def to_csv(runs: Sequence[run_curves.RunCurves]) -> str:
    """Every point of every run as CSV, unrounded: what a plot of one's own needs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for run in runs:
        for name, values in run.metrics.items():
            split, _, metric = name.partition("/")
            for step, value in values.items():
                row = [run.config, run.seed, split, metric, step, run.flops(step), value]
                writer.writerow(row)
    return text.getvalue()
