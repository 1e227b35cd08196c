"""The runs of the benchmark, and how many steps each has."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence

from study import arms as arms_lib
from study import results
from study import tasks as tasks_lib
from trainer.model_dir import json_files
from trainer.sweep import seeded_run

# Marks the folder of a run with a loss that was not finite: a result, and no failure.
_DIVERGED = "diverged"


@dataclasses.dataclass(frozen=True)
class Cell:
    """An arm of a task at a learning rate, with a seed."""

    task: tasks_lib.Task
    arm: arms_lib.Arm
    rate: float
    seed: int

    @property
    def key(self) -> tuple[str, str, float, int]:
        """The key of its result."""
        return self.task.name, self.arm.name, self.rate, self.seed


@dataclasses.dataclass(frozen=True)
class Cost:
    """The cost of a run that is still to come.

    Attributes:
      steps: training steps.
      training_flops: of all of them.
    """

    steps: int
    training_flops: int


def cells(
    tasks: Sequence[tasks_lib.Task], arms: Sequence[arms_lib.Arm], is_quick: bool
) -> list[Cell]:
    """All runs, seed by seed, so that there are pairs to compare wherever it is stopped."""
    found = [
        (seed, task, arm, rate)
        for task in tasks
        for arm in arms
        for rate in (task.quick_rates if is_quick else task.rates)
        for seed in range(task.quick_seeds if is_quick else task.seeds)
    ]
    order = {task.name: i for i, task in enumerate(tasks)}
    found.sort(key=lambda each: (each[0], order[each[1].name]))
    return [Cell(task, arm, rate, seed) for seed, task, arm, rate in found]


def run(
    cell: Cell, folder: pathlib.Path, tables: Mapping[str, str], steps: int | None
) -> seeded_run.SeededRun:
    """The run that trains a cell.

    Args:
      cell: the task, the arm, the rate and the seed.
      folder: of all runs.
      tables: the bindings of tables, by the names of their tasks.
      steps: training steps; None for those of the task.
    """
    task, arm = cell.task, cell.arm
    bindings = [*task.bindings, *arm.bindings, f"{task.rate} = {cell.rate}"]
    bindings += [tables[task.name]] if task.name in tables else []
    bindings += [] if steps is None else [f"{task.steps} = {steps}"]
    return seeded_run.SeededRun(
        f"{task.name}/{arm.name}/rate_{cell.rate}",
        (task.file, *arm.files),
        cell.seed,
        tuple(bindings),
        (),
        str(folder),
    )


def train(of_run: seeded_run.SeededRun) -> str | None:
    """Trains, for another process; what went wrong, or None."""
    from trainer import train as train_lib

    def action(directory):
        try:
            train_lib.train_in(directory, evaluate=True)
        except FloatingPointError:
            (of_run.path / _DIVERGED).touch()
            raise

    return seeded_run.perform(of_run, action)


def result(cell: Cell, folder: pathlib.Path) -> results.Result | None:
    """The result of the run of `cell` in `folder`; None before its end."""
    found = json_files.read(folder / "result.json", ("train", "test"))
    if found is None:
        is_lost = (folder / _DIVERGED).exists()
        return results.Result(*cell.key, 0, math.nan, 0, 0, 0.0) if is_lost else None
    part, _, name = cell.task.metric.partition("/")
    value = found[part].get(name)
    return results.Result(
        *(*cell.key, found["steps"]),
        value=math.nan if value is None else value,
        parameters=found["parameters"],
        training_flops=found["training_flops"],
        wall_seconds=round(found["wall_seconds"], 1),
    )


def cost(of_run: seeded_run.SeededRun) -> Cost:
    """Plans a run without training; for another process."""
    from growth.records import spent_flops
    from trainer import experiment, matched_flops

    seeded_run.load(of_run)
    built = experiment.Experiment()
    forward = matched_flops.planned_forward_flops(built.steps, built.model, built.grower)
    return Cost(built.steps, spent_flops.training_flops(forward, built.dataset.batch_size))


def matched_steps(own: Cost, other: Cost, share: float = 1.0) -> int:
    """The steps in which a run has the training FLOPs of another one, or just more.

    Args:
      own: in all steps of the task. Growths keep their places in the run, as fractions of it.
      other: the other run.
      share: of its training FLOPs.

    Example:
      >>> matched_steps(Cost(steps=100, training_flops=1000), Cost(steps=100, training_flops=745))
      75
    """
    return math.ceil(share * other.training_flops * own.steps / own.training_flops)
