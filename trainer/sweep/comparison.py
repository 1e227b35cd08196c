"""Statistics of a metric over seeds, and of its difference between two configurations."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scipy import stats


class PairedDifference(NamedTuple):
    """The paired difference of a metric between two configurations that share seeds.

    Attributes:
      pairs: number of shared seeds.
      mean: of the differences.
      half_width: of the 95 % confidence interval of the mean; NaN for less than two pairs.
      lower: on how many seeds the metric is below the baseline's.
    """

    pairs: int
    mean: float
    half_width: float
    lower: int


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (n - 1); NaN for what too few values do not have."""
    mean = statistics.fmean(values) if values else math.nan
    return mean, statistics.stdev(values) if len(values) > 1 else math.nan


def paired_difference(
    values: Mapping[int, float], baseline: Mapping[int, float]
) -> PairedDifference:
    """Compares by seed, so that what a seed makes easy or hard for both cancels out.

    Args:
      values: a metric by seed.
      baseline: the same metric of another configuration.

    Returns:
      The differences `values` - `baseline`, with Student's t interval of their mean.
    """
    differences = [values[seed] - baseline[seed] for seed in values if seed in baseline]
    pairs = len(differences)
    mean, deviation = mean_and_deviation(differences)
    half_width = math.nan
    if pairs > 1:
        half_width = float(stats.t.ppf(0.975, pairs - 1)) * deviation / math.sqrt(pairs)
    return PairedDifference(pairs, mean, half_width, sum(d < 0 for d in differences))
