"""The page of the benchmark, its picture, and the table of the README."""

import math
import pathlib
from collections.abc import Mapping, Sequence

from matplotlib import figure as figure_lib

from study import arms as arms_lib
from study import comparison, results, tasks
from trainer.command import errors
from trainer.sweep import comparison as sweep_comparison

_HEAD = """# Grown networks against big ones

Made by

    ./bazelw run //:benchmark -- --output_dir=/tmp/growth_benchmark \\
        --results=study/results.csv --document=docs/benchmark.md

from the runs in `study/results.csv`; it runs what the file lacks. Every arm of a task has the same
learning rates to choose from, and is taken at the one with the best mean over seeds, of those that
have been run. The last column is the difference, seed by seed, to the big network whose schedule is
shortened until it costs as many training FLOPs (for the longer runs of the recipe: to the big
network at full length), with the 95 % interval of Student's t: better or worse where the interval
leaves out zero. FLOPs and seconds are relative to the big network at full length; seconds
are medians of runs on shared cores. What follows from it is in [growth_pays.md](growth_pays.md).
"""
_TITLE = _HEAD.partition("\n")[0]


def check_place(file: pathlib.Path) -> None:
    """Raises UserError if `file` is another page, which would be replaced."""
    text = file.read_text(errors="replace") if file.is_file() else ""
    if text and not text.startswith(_TITLE):
        raise errors.UserError(
            f'--document={file} is another page, which does not begin with "{_TITLE}"; choose '
            "another name"
        )


def write(file: pathlib.Path, found: Sequence[results.Result]) -> None:
    """Writes the page, and the picture beside it, `NAME.png`.

    Args:
      file: the page.
      found: results of any tasks and arms.
    """
    by_task = {task: lines for task in tasks.TASKS if (lines := comparison.lines(task, found))}
    picture = file.with_suffix(".png")
    parts = [_HEAD, f"![Metric against training FLOPs and seconds]({picture.name})\n"]
    for task, lines in by_task.items():
        parts.append(f"## {task.title}\n\n`{task.file}`, {_metric(task)}.\n\n{_table(task, lines)}")
    file.write_text("\n".join(parts))
    _frontiers(by_task).savefig(picture, dpi=100)


def summary(found: Sequence[results.Result]) -> str:
    """The README's table: the recipe and the big network at equal FLOPs, task by task."""
    rows = [
        "| | recipe | big, equal FLOPs | difference | FLOPs of big |",
        "|---|---:|---:|---:|---:|",
    ]
    for task in tasks.TASKS:
        lines = comparison.lines(task, found)
        if not {arms_lib.RECIPE, "big_like_recipe", arms_lib.BIG} <= lines.keys():
            continue
        recipe, rival, big = (lines[n] for n in (arms_lib.RECIPE, "big_like_recipe", arms_lib.BIG))
        if not big.training_flops:
            continue  # It diverged at every rate.
        flops = recipe.training_flops / big.training_flops
        cells = [task.title, _mean(task, recipe.values), _mean(task, rival.values)]
        cells += [_difference(task, recipe, rival), f"{flops:.2f}"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([*rows, ""])


def _table(task: tasks.Task, lines: Mapping[str, comparison.Line]) -> str:
    rates = sorted({rate for line in lines.values() for rate in line.by_rate})
    header = ["", *(f"rate {rate:g}" for rate in rates), "FLOPs", "seconds", "− big"]
    rows = [header, ["---", *["---:"] * (len(header) - 1)]]
    big = lines.get(arms_lib.BIG)
    if big is not None and not big.training_flops:
        big = None  # It diverged at every rate.
    for line in lines.values():
        cells = [line.arm.title]
        for rate in rates:
            by_seed = line.by_rate.get(rate, {})
            text = _mean(task, {seed: each.value for seed, each in by_seed.items()})
            cells.append(f"**{text}**" if rate == line.best else text)
        cells += [
            f"{line.training_flops / big.training_flops:.2f}" if big else "",
            f"{line.wall_seconds / big.wall_seconds:.2f}" if big else "",
        ]
        rival = lines.get(line.arm.rival or "")
        cells.append(_difference(task, line, rival) if rival else "")
        rows.append(cells)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _difference(task: tasks.Task, line: comparison.Line, rival: comparison.Line) -> str:
    found, verdict = comparison.difference(task, line, rival)
    if not found.pairs:
        return ""
    mean, half = (_scaled(task, value) for value in (found.mean, found.half_width))
    digits = _digits(task)
    text = f"{mean:+.{digits}f}".replace("-", "−")
    if not math.isnan(half):
        text += f" ± {half:.{digits}f}"
    return f"{text}, {verdict}" if verdict != comparison.OPEN else text


def _mean(task: tasks.Task, by_seed: Mapping[int, float]) -> str:
    """Mean (standard deviation; seeds), of the runs that did not diverge."""
    finite = [_scaled(task, value) for value in by_seed.values() if not math.isnan(value)]
    lost = len(by_seed) - len(finite)
    if not finite:
        return "diverges" if by_seed else ""
    mean, deviation = sweep_comparison.mean_and_deviation(finite)
    digits = _digits(task)
    spread = "" if math.isnan(deviation) else f"{deviation:.{digits}f}; "
    text = f"{mean:.{digits}f} ({spread}{len(finite)})"
    return f"{text}, {lost} diverged" if lost else text


def _is_percent(task: tasks.Task) -> bool:
    return task.metric.endswith("accuracy")


def _scaled(task: tasks.Task, value: float) -> float:
    return 100 * value if _is_percent(task) else value


def _digits(task: tasks.Task) -> int:
    return 2 if _is_percent(task) else 4


def _metric(task: tasks.Task) -> str:
    part, _, name = task.metric.partition("/")
    unit = " in percent" if _is_percent(task) else ""
    return f"{'training' if part == 'train' else part} {name}{unit}"


def _frontiers(by_task: Mapping[tasks.Task, Mapping[str, comparison.Line]]) -> figure_lib.Figure:
    """For each task the means of its arms against what they cost."""
    figure = figure_lib.Figure(figsize=(11, 3.2 * max(1, len(by_task))), layout="constrained")
    panels = figure.subplots(max(1, len(by_task)), 2, squeeze=False)
    for row, (task, lines) in zip(panels, by_task.items(), strict=False):
        for axes, attribute, label in (
            (row[0], "training_flops", "training FLOPs"),
            (row[1], "wall_seconds", "seconds"),
        ):
            for line in lines.values():
                values = [_scaled(task, value) for value in line.values.values()]
                mean, deviation = sweep_comparison.mean_and_deviation(values)
                error = 0.0 if math.isnan(deviation) else deviation / math.sqrt(len(values))
                is_rival = line.arm.rival is None
                axes.errorbar(
                    getattr(line, attribute),
                    mean,
                    error,
                    fmt="s" if is_rival else "o",
                    label=line.arm.title.replace("*", ""),
                )
            axes.set_title(task.title, fontsize=9)
            axes.set_xlabel(label)
            axes.set_ylabel(_metric(task))
            axes.grid(alpha=0.3)
        row[1].legend(fontsize=6, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
