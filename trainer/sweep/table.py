"""The table of a sweep: a row for each configuration, over its seeds."""

import csv
import io
import math
import statistics
import types
from collections.abc import Mapping, Sequence
from typing import Any

from trainer.command import console_text, errors
from trainer.sweep import comparison

# Results by seed, by configuration.
Results = Mapping[str, Mapping[int, Mapping[str, Any]]]

_COSTS = ["parameters", "training_flops", "wall_seconds"]
_DIFFERENCE = ["difference", "difference_95_percent", "lower_on", "pairs"]


def rows(
    results: Results,
    metrics: Sequence[str],
    baseline: str | None,
    baselines: Mapping[str, str] = types.MappingProxyType({}),
) -> list[dict[str, Any]]:
    """The rows, numbers unrounded.

    Args:
      results: what the result.json files hold; configurations without any are left out.
      metrics: where a result has them, e.g. `train/loss`.
      baseline: the configuration that the others are compared with by seed, or None.
      baselines: other ones, by the configurations that have them.

    Returns:
      For each configuration, in the order of `results`, its name `config` and number of `runs`;
      the mean of each metric, by its name, and the standard deviation, METRIC_deviation; means of
      `parameters`, `training_flops` and `wall_seconds`. With a baseline also, for the first metric,
      the mean `difference` to it, the half-width of its 95 % interval (`difference_95_percent`),
      and on how many (`lower_on`) of the shared seeds (`pairs`) it is below zero.

    Raises:
      UserError: a result has no such metric.
    """
    values = {
        config: [
            {seed: metric(result, path) for seed, result in by_seed.items()} for path in metrics
        ]
        for config, by_seed in results.items()
        if by_seed
    }
    table = []
    for config, by_metric in values.items():
        row = {"config": config, "runs": len(results[config])}
        for path, by_seed in zip(metrics, by_metric, strict=True):
            mean, deviation = comparison.mean_and_deviation(list(by_seed.values()))
            row |= {path: mean, f"{path}_deviation": deviation}
        for name in _COSTS:
            row[name] = statistics.fmean(result[name] for result in results[config].values())
        if baseline is not None:
            row |= dict.fromkeys(_DIFFERENCE)
            if config != (of_config := baselines.get(config, baseline)):
                others = values.get(of_config, [{}])
                found = comparison.paired_difference(by_metric[0], others[0])
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


def to_markdown(table: list[dict[str, Any]], metrics: Sequence[str], baseline: str | None) -> str:
    """The rows of `rows` as a table in Markdown, rounded for readers."""
    header = ["config", "runs", *(f"{path}, mean (standard deviation)" for path in metrics)]
    header += ["parameters", "training FLOPs", "wall seconds"]
    if baseline is not None:
        header += [f"{metrics[0]} − {baseline}, 95 % interval", "lower on"]
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    for row in table:
        line = [row["config"], str(row["runs"])]
        line += [_with_deviation(row[m], row[f"{m}_deviation"]) for m in metrics]
        line += [f"{row['parameters']:.0f}", f"{row['training_flops']:.3g}"]
        line += [f"{row['wall_seconds']:.1f}"]
        if baseline is not None:
            line += _difference(row)
        lines.append(line)
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return console_text.escaped(text).replace("|", "\\|")


def _with_deviation(mean: float, deviation: float) -> str:
    """`0.8717 (0.0015)`, or the mean alone if a single run gives no deviation."""
    text = _rounded(mean, 4)
    return text if math.isnan(deviation) else f"{text} ({_rounded(deviation, 2)})"


def _difference(row: dict[str, Any]) -> list[str]:
    if not row["pairs"]:
        return ["", ""]
    text = f"{'' if row['difference'] < 0 else '+'}{_rounded(row['difference'], 3)}"
    if not math.isnan(row["difference_95_percent"]):
        text += f" ± {_rounded(row['difference_95_percent'], 2)}"
    return [text, f"{row['lower_on']} of {row['pairs']}"]


def _rounded(value: float, digits: int) -> str:
    """To significant digits, zeros at the end kept: 0.8710 is not the precision of 0.871."""
    return f"{value:#.{digits}g}".rstrip(".")


def metric(result: Mapping[str, Any], path: str) -> float:
    """The number at `path`, names joined by slashes, in a result.

    Raises:
      UserError: there is no such number.
    """
    group, _, name = path.rpartition("/")
    values = result.get(group, {}) if group else result
    if not isinstance(values.get(name), (int, float)):
        known = [name for name, value in result.items() if isinstance(value, (int, float))]
        known += [f"{split}/{name}" for split in ("train", "test") for name in result[split]]
        raise errors.UserError(f"--metric={path} must be one of {', '.join(known)}")
    return values[name]
