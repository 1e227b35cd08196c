"""The best point of each grid, by a metric."""

import math
import statistics
from collections.abc import Mapping, Sequence

from trainer.sweep import configurations as configurations_lib
from trainer.sweep import table

# What a part of result.json was measured on.
_DATA = {"train": "the training examples", "test": "the test examples"}


def choose(
    results: table.Results,
    configurations: Sequence[configurations_lib.Configuration],
    metric: str,
) -> dict[str, str]:
    """The configuration with the best mean over seeds, by the name of its composition.

    Args:
      results: by name of the configuration; those without any are left out.
      configurations: all of a sweep.
      metric: where a result has it, e.g. `train/loss`; see `is_lower_better`.
    """
    sign = 1 if is_lower_better(metric) else -1
    best: dict[str, tuple[float, str]] = {}
    for each in configurations:
        if by_seed := results.get(each.name):
            mean = statistics.fmean(table.metric(result, metric) for result in by_seed.values())
            rank = math.inf if math.isnan(mean) else sign * mean
            if each.composition not in best or rank < best[each.composition][0]:
                best[each.composition] = rank, each.name
    return {composition: name for composition, (_, name) in best.items()}


def is_lower_better(metric: str) -> bool:
    """True for losses and costs; of all other metrics, as of an accuracy, more is better."""
    group, _, name = metric.rpartition("/")
    return not group or name == "loss" or name.endswith("_loss")


def caption(metric: str) -> str:
    """Says how the points were chosen, and on what data."""
    which = "lowest" if is_lower_better(metric) else "highest"
    group = metric.partition("/")[0] if "/" in metric else ""
    text = (
        f"The best point of the grid for each configuration: the {which} mean {metric} over seeds"
    )
    if group in _DATA:
        text += (
            f", on {_DATA[group]}. What a point was chosen by is better there than on other data"
        )
    return f"{text}.\n"


def to_markdown(
    results: table.Results,
    best: Mapping[str, str],
    metrics: Sequence[str],
    baseline: str | None,
) -> str:
    """The table of the best points, below its caption.

    Args:
      results: of all configurations.
      best: what `choose` returns.
      metrics: as in `table.rows`; the first one has chosen.
      baseline: a configuration, or a composition, of which the best point is meant.
    """
    chosen = {name: results[name] for name in best.values()}
    if baseline is not None:
        baseline = best.get(baseline, baseline)
        if baseline in results:
            chosen.setdefault(baseline, results[baseline])
    rows = table.rows(chosen, metrics, baseline)
    return f"{caption(metrics[0])}\n{table.to_markdown(rows, metrics, baseline)}"
