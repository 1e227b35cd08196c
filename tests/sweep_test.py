import csv
import json
import os
import shutil
import subprocess
import sys

import pytest

from tests import compositions
from trainer import main
from trainer.sweep import main as sweep

SMALL = "gin_configs/teacher_student/small.gin+gin_configs/methods/gradmax.gin"
SHORT = [
    "--gin_bindings=Experiment.steps = 3",
    "--gin_bindings=PeriodicSchedule.start = 1",
    "--gin_bindings=PeriodicSchedule.interval = 1",
]
# Two ways to fail: the process dies, and the run raises an error.
FAILING = """
include 'gin_configs/teacher_student/small.gin'
include 'gin_configs/methods/gradmax.gin'
import sweep_test_failures
Experiment.grower = @dying_grower
"""
MODULE = """
import os
import gin
from growth import grower

@gin.configurable
def dying_grower(model, loss, slots, seed, train_step, shapes):
    if seed == 1:
        os._exit(9)
    if seed == 2:
        raise AssertionError("seed 2 does not like to grow")
    return grower.Grower(model, loss, slots, seed, train_step, shapes)
"""


def _program(program, *flags, path=()):
    """Runs a program as a user does; returns its exit status and what it wrote."""
    done = subprocess.run(
        [sys.executable, program.__file__, *flags],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*map(str, path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _numbers(folder):
    """The results of a run, without what differs from run to run."""
    result = json.loads((folder / "result.json").read_text())
    growths = [json.loads(line) for line in (folder / "growth.jsonl").read_text().splitlines()]
    assert len(growths) == 2
    for growth in growths:
        del growth["milliseconds"]
    return result["train"], result["test"], result["seed"], growths


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of which three runs go well and two do not."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "sweep_test_failures.py").write_text(MODULE)
    (folder / "failing.gin").write_text(FAILING)
    flags = [f"--gin_file={SMALL}", f"--gin_file={folder / 'failing.gin'}", *SHORT]
    flags += [f"--output_dir={folder / 'out'}", "--seeds=3", "--baseline=small+gradmax"]
    flags += [
        "--metric=train/loss",
        "--metric=test/loss",
        "--gin_bindings=Loop.eval_interval = 1",
    ]
    status, output = _program(sweep, *flags, path=[folder])
    return folder / "out", flags, status, output


def test_a_run_equals_that_of_the_training_binary_in_every_bit(swept, tmp_path):
    # The third run of its process.
    flags = [*compositions.flags("small+gradmax"), *SHORT, "--gin_bindings=seed = 1"]
    flags.append(f"--model_dir={tmp_path}")
    status, output = _program(main, *flags)
    assert status == 0, output
    assert _numbers(swept[0] / "small+gradmax" / "seed_1") == _numbers(tmp_path)


def test_goes_on_after_failures_and_names_them(swept):
    folder, _, status, output = swept
    assert status == 1
    assert "2 of 6 runs failed" in output
    assert f"{folder / 'failing' / 'seed_1'}: its process ended with status 9" in output
    assert (
        f"{folder / 'failing' / 'seed_2'}: AssertionError: seed 2 does not like to grow" in output
    )
    assert "Traceback" not in output
    assert "Traceback" in (folder / "failing" / "seed_2" / "log.txt").read_text()
    assert all((folder / "small+gradmax" / f"seed_{n}" / "result.json").exists() for n in range(3))


def test_the_table_has_what_went_well(swept):
    lines = (swept[0] / "table.md").read_text().splitlines()
    assert (
        "| train/loss, mean (standard deviation) | test/loss, mean (standard deviation) |"
        in lines[0]
    )
    assert lines[2].startswith("| small+gradmax | 3 |")
    assert lines[3].startswith("| failing | 1 |") and lines[3].endswith("| 0 of 1 |")
    assert len((swept[0] / "table.csv").read_text().splitlines()) == 3


def test_curves_have_every_step_of_what_went_well(swept):
    folder, _, _, output = swept
    points = csv.DictReader((folder / "curves.csv").read_text().splitlines())
    losses = {
        (point["config"], int(point["seed"]), point["split"], int(point["step"])): (
            float(point["value"]),
            float(point["training_flops"]),
        )
        for point in points
        if point["metric"] == "loss"
    }
    finished = [("small+gradmax", 0), ("small+gradmax", 1), ("small+gradmax", 2), ("failing", 0)]
    assert losses.keys() == {
        (*run, split, step) for run in finished for split in ("train", "test") for step in (1, 2, 3)
    }
    for config, seed in finished:
        result = json.loads((folder / config / f"seed_{seed}" / "result.json").read_text())
        last = losses[config, seed, "test", 3]
        assert last == (result["test"]["loss"], result["training_flops"])
    for name in ("train_loss_by_step", "train_loss_by_training_flops", "test_loss_by_step"):
        picture = folder / "curves" / f"{name}.png"
        assert f"curves: {picture}" in output and picture.stat().st_size > 0


def test_what_failed_is_tried_again_and_what_is_finished_is_not(swept, tmp_path):
    folder, flags, _, _ = swept
    out = tmp_path / "out"
    shutil.copytree(folder, out)
    finished = {file: file.stat().st_mtime_ns for file in out.rglob("result.json")}
    assert len(finished) == 4
    (tmp_path / "sweep_test_failures.py").write_text(MODULE.replace("if seed ==", "if -seed =="))
    status, output = _program(sweep, *flags, f"--output_dir={out}", path=[tmp_path])
    assert status == 0, output
    assert "2 runs to do" in output
    assert {file: file.stat().st_mtime_ns for file in finished} == finished
    lines = (out / "table.md").read_text().splitlines()
    assert [line.split(" | ")[:2] for line in lines[2:]] == [
        ["| small+gradmax", "3"],
        ["| failing", "3"],
    ]


def test_a_grid_has_a_line_for_each_point_and_the_best_one(swept, tmp_path):
    # What a run of this point, which is the task's own, would write.
    shutil.copytree(swept[0] / "small+gradmax", tmp_path / "small+gradmax" / "neurons=1")
    flags = [f"--gin_file={SMALL}", "--grid=AllAtOnce.neurons=1", "--baseline=small+gradmax"]
    status, output = _program(sweep, *flags, *SHORT, f"--output_dir={tmp_path}", "--seeds=3")
    assert status == 2  # Evaluation was bound, too.
    assert "Loop.eval_interval = 1" in output
    flags.append("--gin_bindings=Loop.eval_interval = 1")
    status, output = _program(sweep, *flags, *SHORT, f"--output_dir={tmp_path}", "--seeds=3")
    assert status == 0, output
    assert "0 runs to do" in output
    assert output.count("| small+gradmax/neurons=1 | 3 |") == 2
    assert "the lowest mean train/loss over seeds, on the training examples" in output
    (row,) = csv.DictReader((tmp_path / "table.csv").read_text().splitlines())
    assert row["is_best_point"] == "True"


def test_results_of_another_configuration_are_not_taken_for_these(swept):
    _, flags, _, _ = swept
    flags = [f for f in flags if "failing" not in f]
    status, output = _program(sweep, *flags, "--gin_bindings=AllAtOnce.neurons = 2")
    assert status == 2
    assert "+AllAtOnce.neurons = 2" in output and "Traceback" not in output


def test_a_warm_start_from_nowhere_is_noticed_before_anything_runs(tmp_path):
    status, output = _program(
        sweep,
        f"--gin_file={SMALL}",
        f"--output_dir={tmp_path}/out",
        "--gin_bindings=Experiment.warm_start = @WarmStart()",
        "--gin_bindings=WarmStart.path = '/nowhere'",
    )
    assert status == 2 and "WarmStart.path = '/nowhere' must be" in output
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    "flags, message",
    [
        ([], "--gin_file is missing"),
        ([f"--gin_file={SMALL}"], "--output_dir is missing"),
        ([f"--gin_file={SMALL}"] * 2 + ["--output_dir=x"], "must not be given more than once"),
        ([f"--gin_file={SMALL}", "--output_dir=x", "--baseline=x"], "must be one of small+gradmax"),
        ([f"--gin_file={SMALL}+", "--output_dir=x"], "is empty; compose files as in task.gin+"),
        ([f"--gin_file={SMALL}", "--output_dir=x", "--grid=steps"], "must be name.parameter=value"),
        (
            [f"--gin_file={SMALL}", "--output_dir=x", "--grid=MLP.hiden=(3,)"],
            "In --grid=MLP.hiden = (3,)",
        ),
        ([f"--gin_file={SMALL}", "--output_dir=x", "--seeds=0"], "--seeds"),
    ],
)
def test_a_wrong_flag_is_one_message(flags, message):
    status, output = _program(sweep, *flags)
    assert status == 2
    assert message in output and "Traceback" not in output
