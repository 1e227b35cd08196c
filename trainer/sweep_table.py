"""The table of a sweep: a row for each configuration, over its seeds."""

import csv
import io
import statistics
from collections.abc import Mapping
from typing import Any

from trainer import comparison, errors

# Results by seed, by configuration.
Results = Mapping[str, Mapping[int, Mapping[str, Any]]]

_DIFFERENCE = ["difference", "difference_95_percent", "lower_on", "pairs"]


def rows(results: Results, metric: str, baseline: str | None) -> list[dict[str, Any]]:
    """The rows, numbers unrounded.

    Args:
      results: what the result.json files hold; configurations without any are left out.
      metric: where a result has the metric, e.g. `train/loss`.
      baseline: the configuration that the others are compared with by seed, or None.

    Returns:
      For each configuration its name, runs, mean and standard deviation of the metric, and means of
      parameters, training FLOPs and wall seconds. With a baseline also the mean difference to it,
      the half-width of its 95 % interval, and on how many of the shared seeds it is below zero.

    Raises:
      UserError: a result has no such metric.
    """
    values = {
        config: {seed: _metric(result, metric) for seed, result in by_seed.items()}
        for config, by_seed in results.items()
        if by_seed
    }
    table = []
    for config, by_seed in values.items():
        mean, deviation = comparison.mean_and_deviation(list(by_seed.values()))
        row = {"config": config, "runs": len(by_seed), metric: mean, "deviation": deviation}
        for name in ("parameters", "training_flops", "wall_seconds"):
            row[name] = statistics.fmean(result[name] for result in results[config].values())
        if baseline is not None:
            row |= dict.fromkeys(_DIFFERENCE)
            if config != baseline:
                found = comparison.paired_difference(by_seed, values.get(baseline, {}))
                parts = (found.mean, found.half_width, found.lower, found.pairs)
                row |= dict(zip(_DIFFERENCE, parts, strict=True))
        table.append(row)
    return table


def to_csv(table: list[dict[str, Any]]) -> str:
    """The rows of `rows` as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table[0]) if table else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def to_markdown(table: list[dict[str, Any]], metric: str, baseline: str | None) -> str:
    """The rows of `rows` as a table in Markdown, rounded for readers."""
    header = ["config", "runs", f"{metric}, mean", "deviation", "parameters"]
    header += ["training FLOPs", "wall seconds"]
    if baseline is not None:
        header += [f"difference to {baseline}, 95 % interval", "lower on"]
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    for row in table:
        line = [row["config"], str(row["runs"]), f"{row[metric]:.4g}", f"{row['deviation']:.2g}"]
        line += [f"{row['parameters']:.0f}", f"{row['training_flops']:.3g}"]
        line += [f"{row['wall_seconds']:.1f}"]
        if baseline is not None:
            line += _difference(row)
        lines.append(line)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _difference(row: dict[str, Any]) -> list[str]:
    if not row["pairs"]:
        return ["", ""]
    return [
        f"{row['difference']:+.3g} ± {row['difference_95_percent']:.2g}",
        f"{row['lower_on']} of {row['pairs']}",
    ]


def _metric(result: Mapping[str, Any], path: str) -> float:
    """The number at `path`, names joined by slashes, in a result."""
    group, _, name = path.rpartition("/")
    values = result.get(group, {}) if group else result
    if not isinstance(values.get(name), (int, float)):
        known = [name for name, value in result.items() if isinstance(value, (int, float))]
        known += [f"{split}/{name}" for split in ("train", "test") for name in result[split]]
        raise errors.UserError(f"--metric={path} must be one of {', '.join(known)}")
    return values[name]
