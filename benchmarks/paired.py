"""Paired timing: on a shared machine only ratios of neighboring measurements mean anything."""

import time
from collections.abc import Callable

import numpy as np


def seconds(
    function: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> float:
    """The time of one call: wall time, or that of another clock."""
    start = clock()
    function()
    return clock() - start


def ratios(
    measured: Callable[[], object],
    reference: Callable[[], object],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> np.ndarray:
    """Time of `measured` over time of `reference`, for each round; each order in turn."""
    measured(), reference()  # What happens only once is not what is compared.
    results = []
    for i in range(rounds):
        if i % 2:
            base, time_measured = seconds(reference, clock), seconds(measured, clock)
        else:
            time_measured, base = seconds(measured, clock), seconds(reference, clock)
        results.append(time_measured / base)
    return np.array(results)


def describe(values: np.ndarray, unit: str = "") -> str:
    """Median and quartiles."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return f"{median:.3g}{unit} (quartiles {low:.3g} to {high:.3g}, {len(values)} rounds)"
