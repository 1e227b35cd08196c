"""The standing benchmark: what it runs, how it compares, and that it goes on."""

import dataclasses
import math
import os
import pathlib
import re
import subprocess
import sys

import pytest

from study import arms, comparison, page, plan, results, tables, tasks
from trainer.sweep import seeded_run

_QUICK = [task for task in tasks.TASKS if task.is_quick]
_SMALL = next(task for task in tasks.TASKS if task.name == "teacher_student_small")
_BY_NAME = {arm.name: arm for arm in arms.ARMS}


def _program(*flags):
    """Runs the benchmark as a user does; returns its exit status and what it wrote."""
    done = subprocess.run(
        [sys.executable, "-m", "study.main", *flags],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _result(arm, rate, seed, value, **others):
    fields = dict(steps=10, parameters=3, training_flops=100, wall_seconds=1.0) | others
    return results.Result(_SMALL.name, arm, rate, seed, value=value, **fields)


def test_names_are_unique_and_rivals_exist():
    assert len(_BY_NAME) == len(arms.ARMS)
    assert len({task.name for task in tasks.TASKS}) == len(tasks.TASKS)
    for arm in arms.ARMS:
        assert arm.rival is None or _BY_NAME[arm.rival].files[-1].endswith("baseline_big.gin")
        assert arm.costs is None or arm.costs in _BY_NAME
        assert all(pathlib.Path(file).is_file() for file in arm.files)
    # The quick form has for each arm what it is compared with.
    quick = {arm.name for arm in arms.ARMS if arm.is_quick}
    assert {_BY_NAME[name].rival for name in quick} <= {None, *quick}


@pytest.mark.parametrize("is_quick", [False, True])
def test_every_arm_of_a_task_has_the_same_rates_and_seeds(is_quick):
    cells = plan.cells(tasks.TASKS, arms.ARMS, is_quick)
    assert len({cell.key for cell in cells}) == len(cells)
    for task in tasks.TASKS:
        grids = {
            arm: {(c.rate, c.seed) for c in cells if (c.task, c.arm.name) == (task, arm)}
            for arm in _BY_NAME
        }
        assert len(set(map(frozenset, grids.values()))) == 1
    assert [cell.seed for cell in cells] == sorted(cell.seed for cell in cells)


def test_matched_steps_cost_no_less_and_at_most_a_step_more(tmp_path):
    bindings = tables.write(tmp_path)
    costs = {}
    for name in ("recipe", "big"):
        cell = plan.Cell(_SMALL, _BY_NAME[name], 0.1, 0)
        costs[name] = plan.cost(plan.run(cell, tmp_path, bindings, None))
    assert costs["big"].steps == costs["recipe"].steps == 1500
    # 20:5:10 for 1200 steps, 20:10:10 for the rest.
    assert costs["recipe"].training_flops / costs["big"].training_flops == pytest.approx(
        (1200 * 0.5 + 300) / 1500
    )
    assert plan.matched_steps(costs["big"], costs["recipe"]) == 900


_CELLS = [(_SMALL, arm) for arm in arms.ARMS] + [(task, _BY_NAME["recipe"]) for task in _QUICK]


@pytest.mark.parametrize(("task", "arm"), _CELLS, ids=lambda each: each.name)
def test_a_configuration_binds_what_there_is(task, arm, tmp_path):
    seeded_run.load(plan.run(plan.Cell(task, arm, 0.1, 0), tmp_path, {}, 7))


def test_the_best_rate_has_the_best_mean_and_no_run_that_diverged():
    found = [
        *(_result("recipe", 0.1, seed, 0.5) for seed in range(3)),
        *(_result("recipe", 0.2, seed, 0.4) for seed in range(3)),
        *(_result("recipe", 0.3, seed, math.nan if seed else 0.1) for seed in range(3)),
        _result("recipe", 0.4, 0, 0.01),
    ]
    line = comparison.lines(_SMALL, found)["recipe"]
    assert line.best == 0.2
    assert line.values == {0: 0.4, 1: 0.4, 2: 0.4}


def test_differences_are_paired_and_tell_which_side_is_better():
    recipe = [_result("recipe", 0.1, seed, 0.4 + 0.1 * seed) for seed in range(3)]
    big = [_result("big", 0.1, seed, 0.5 + 0.1 * seed + 0.001 * (seed == 1)) for seed in range(4)]
    lines = comparison.lines(_SMALL, recipe + big)
    found, verdict = comparison.difference(_SMALL, lines["recipe"], lines["big"])
    assert (found.pairs, verdict) == (3, comparison.ABOVE)  # A loss: less is better.
    assert found.mean == pytest.approx(-0.1 - 0.001 / 3)
    higher = dataclasses.replace(_SMALL, metric="test/accuracy")
    assert comparison.difference(higher, lines["recipe"], lines["big"])[1] == comparison.BELOW


def test_the_benchmark_runs_writes_and_does_nothing_twice(tmp_path):
    command = [
        f"--output_dir={tmp_path}",
        "--task=teacher_student_small",
        "--arm=recipe,big,big_like_recipe",
        "--seeds=1",
        "--quick",
    ]
    status, output = _program(*command)
    assert status == 0, output
    found = results.read(tmp_path / "results.csv")
    assert len(found) == 6
    text = (tmp_path / "benchmark.md").read_text()
    assert "| **recipe** |" in text and (tmp_path / "benchmark.png").exists()
    status, output = _program(*command)
    assert status == 0 and "0 runs to do, 6 done" in output


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--task=digit", "--task=digit must be of .* did you mean digits?"),
        ("--arm=recipes", "--arm=recipes must be of .* did you mean recipe?"),
        ("--seeds=0", "seeds"),
    ],
)
def test_a_mistake_is_told_in_a_message(flag, said, tmp_path):
    status, output = _program(f"--output_dir={tmp_path}/new", flag)
    assert status == 2
    assert re.search(said, output) and "Traceback" not in output
    assert not (tmp_path / "new").exists()


def test_other_files_are_not_replaced(tmp_path):
    (tmp_path / "results.csv").write_text("mine\n")
    (tmp_path / "page.md").write_text("# Mine\n")
    for flag in (f"--results={tmp_path}/results.csv", f"--document={tmp_path}/page.md"):
        status, output = _program(f"--output_dir={tmp_path}/new", flag)
        assert status == 2, output
    assert (tmp_path / "results.csv").read_text() == "mine\n"
    assert (tmp_path / "page.md").read_text() == "# Mine\n"


def test_page_and_readme_show_the_results_that_are_kept(tmp_path):
    found = results.read(pathlib.Path("study/results.csv"))
    page.write(tmp_path / "benchmark.md", found)
    assert (tmp_path / "benchmark.md").read_text() == pathlib.Path("docs/benchmark.md").read_text()
    assert page.summary(found) in pathlib.Path("README.md").read_text()
