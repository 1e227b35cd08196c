r"""Grown networks against big ones at equal training FLOPs, with a tuned learning rate for each.

Runs tasks x arms x learning rates x seeds, seed by seed, and writes a CSV file, a page and a
picture. What the file has is not run again, and a run that was stopped goes on: give the same
command. The quick form has the main arms, two learning rates and one to three seeds.

    bazel run //:benchmark -- --quick --output_dir=/tmp/growth_benchmark
    bazel run //:benchmark -- --output_dir=/tmp/growth_benchmark --task=vgg --arm=recipe,big
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import difflib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from study import arms as arms_lib
from study import page, plan, results, tables
from study import tasks as tasks_lib
from trainer.command import command_line, errors, interrupts, path_flags
from trainer.sweep import processes, seeded_run, seeded_runs

_OUTPUT_DIR = path_flags.DEFINE_path("output_dir", "Folder of the runs, and of the results.")
_RESULTS = path_flags.DEFINE_path(
    "results", "CSV file of the results, which is extended; by default in --output_dir."
)
_DOCUMENT = path_flags.DEFINE_path("document", "The page; by default in --output_dir.")
_QUICK = flags.DEFINE_bool("quick", False, "Few tasks, arms, rates and seeds.")
_TASKS = flags.DEFINE_list("task", None, "Names of tasks; all by default.")
_ARMS = flags.DEFINE_list("arm", None, "Names of arms; all by default.")
_RATES = flags.DEFINE_list("rate", None, "Of the learning rates only these.")
_SEEDS = flags.DEFINE_integer("seeds", None, "Fewer seeds than a task has.", lower_bound=1)
_PROCESSES = flags.DEFINE_integer("processes", 2, "Runs at the same time.", lower_bound=1)


def main(argv: list[str]) -> None:
    """Runs what has no result yet; status 1 if a run fails, 2 on a user's mistake."""
    del argv
    try:
        with interrupts.catch() as interrupt:
            failures = _run(interrupt)
    except errors.UserError as error:
        command_line.fail(error, 2)
    if interrupt:
        print(f"stopped by {interrupt.signal.name}; the same command goes on")
        raise SystemExit(128 + interrupt.signal)
    if failures:
        command_line.fail("\n".join([f"{len(failures)} runs failed:", *failures]), 1)


def _run(interrupt: interrupts.Interrupt) -> list[str]:
    """Runs, writes and prints; returns what went wrong."""
    folder, file, document = _places()
    page.check_place(document)
    with errors.mistakes():
        bindings = tables.write(folder / "tables")
    known = {each.key: each for each in (results.read(file) if file.exists() else [])}
    todo = [cell for cell in _cells() if cell.key not in known]
    first_of_task = {cell.task.name: cell for cell in reversed(todo)}.values()
    seeded_runs.check(
        ([plan.run(cell, folder / "runs", bindings, None)] for cell in first_of_task), interrupt
    )
    steps = _matched_steps(todo, folder, bindings, interrupt)
    runs = {
        plan.run(cell, folder / "runs", bindings, steps.get((cell.task.name, cell.arm.name))): cell
        for cell in todo
    }
    print(f"{len(runs)} runs to do, {len(known)} done", flush=True)
    failures = []
    done = seeded_runs.perform(plan.train, list(runs), _PROCESSES.value, interrupt, _outcome)
    for run, failure in done:
        result = plan.result(runs[run], run.path)
        if result is None:
            failures.append(f"  {run.path}: {failure} (see {run.log})")
            continue
        known[result.key] = result
        with errors.mistakes():
            results.write(file, known.values())
    if not known:
        return failures
    with errors.mistakes():
        page.write(document, list(known.values()))
    print(f"\n{page.summary(list(known.values()))}\nresults: {file}\npage: {document}")
    return failures


def _places() -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """The folder, the results and the page."""
    assert _OUTPUT_DIR.value is not None  # See `_check_flags`.
    folder = pathlib.Path(_OUTPUT_DIR.value).absolute()
    file = pathlib.Path(_RESULTS.value or folder / "results.csv")
    return folder, file, pathlib.Path(_DOCUMENT.value or folder / "benchmark.md")


def _cells() -> list[plan.Cell]:
    """The runs that the flags name."""
    is_quick = _QUICK.value
    tasks = _chosen("task", _TASKS.value, tasks_lib.TASKS, is_quick)
    arms = _chosen("arm", _ARMS.value, arms_lib.ARMS, is_quick)
    cells = plan.cells(tasks, arms, is_quick)
    rates = None if _RATES.value is None else set(map(_rate, _RATES.value))
    return [
        cell
        for cell in cells
        if (rates is None or cell.rate in rates)
        and (_SEEDS.value is None or cell.seed < _SEEDS.value)
    ]


def _rate(text: str) -> float:
    """A learning rate of some task."""
    known = sorted({rate for task in tasks_lib.TASKS for rate in task.rates})
    try:
        if (rate := float(text)) in known:
            return rate
    except ValueError:
        pass
    raise errors.UserError(f"--rate={text} must be of {', '.join(f'{r:g}' for r in known)}")


def _chosen(flag: str, names: Sequence[str] | None, known: Sequence[Any], is_quick: bool) -> list:
    """Those that a flag names; without it all, or the quick ones."""
    if names is None:
        return [each for each in known if each.is_quick or not is_quick]
    by_name = {each.name: each for each in known}
    for name in names:
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, n=1)
            raise errors.UserError(
                f"--{flag}={name} must be of {', '.join(by_name)}"
                + (f"; did you mean {near[0]}?" if near else "")
            )
    return [by_name[name] for name in dict.fromkeys(names)]


def _matched_steps(
    cells: Sequence[plan.Cell],
    folder: pathlib.Path,
    bindings: Mapping[str, str],
    interrupt: interrupts.Interrupt,
) -> dict[tuple[str, str], int]:
    """The steps of the arms that cost as much as another one, by names of task and arm."""
    by_name = {arm.name: arm for arm in arms_lib.ARMS}
    first = {(cell.task.name, cell.arm.name): cell for cell in cells if cell.arm.costs}
    if first:
        print("planning runs of equal training FLOPs", flush=True)
    jobs = {}
    for cell in first.values():
        for name in (cell.arm.name, cell.arm.costs):
            of_arm = plan.Cell(cell.task, by_name[name], cell.rate, cell.seed)
            jobs[plan.run(of_arm, folder / "runs", bindings, None)] = cell.task.name, name
    costs = {}
    for run, cost in processes.run_all(plan.cost, list(jobs), 1, lambda: interrupt):
        if not isinstance(cost, plan.Cost):
            raise errors.UserError(f"{run.config} cannot be planned: {cost}")
        costs[jobs[run]] = cost
    return {
        (task, name): plan.matched_steps(
            costs[task, name], costs[task, cell.arm.costs], cell.arm.share
        )
        for (task, name), cell in first.items()
        if not interrupt
    }


def _outcome(run: seeded_run.SeededRun) -> str:
    return " ".join(f"{name}={value:.5g}" for name, value in run.result()["test"].items())


def _check_flags() -> None:
    if not _OUTPUT_DIR.value:
        command_line.fail("--output_dir is missing; name a folder for the runs and the page", 2)
    try:
        _cells()
    except errors.UserError as error:
        command_line.fail(error, 2)


if __name__ == "__main__":
    command_line.run(main, _check_flags)
