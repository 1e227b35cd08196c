import csv
import math

import pytest
import tensorflow as tf

from trainer.logs import run_curves
from trainer.sweep import curves


def _write_events(folder, *scalars):
    """One event file, as a process writes it; `scalars` are (name, step, value)."""
    with tf.summary.create_file_writer(str(folder)).as_default():
        for name, step, value in scalars:
            tf.summary.scalar(name, value, step=step)


def _run(seed, losses, flops=(), growth_steps=()):
    return run_curves.RunCurves("c", seed, {"test/loss": losses}, dict(flops), growth_steps)


def test_what_training_and_evaluation_log_is_read_back(tmp_path):
    _write_events(
        tmp_path,
        *[("loss", 10, 4.0), ("size/training_flops", 10, 1e6), ("width/a", 10, 3)],
        *[("loss", 20, 2.0), ("size/training_flops", 20, 3e6)],
    )
    _write_events(tmp_path / "eval", ("loss", 20, 2.5), ("accuracy", 20, 0.75))
    (tmp_path / "growth.jsonl").write_text('{"step": 10}\n{"step": 15}\n')
    run = run_curves.read("c", 1, tmp_path)
    assert run.metrics == {
        "train/loss": {10: 4.0, 20: 2.0},
        "test/loss": {20: 2.5},
        "test/accuracy": {20: 0.75},
    }
    assert (run.flops(0), run.flops(10), run.flops(20)) == (0.0, 1e6, 3e6)
    assert math.isnan(run.flops(15))
    assert run.growth_steps == [10, 15]


def test_of_a_step_that_is_done_again_the_last_value_stands(tmp_path):
    _write_events(tmp_path, ("loss", 10, 3.0), ("loss", 20, 2.0), ("loss", 30, 9.0))
    _write_events(tmp_path, ("loss", 20, 1.5), ("loss", 30, 1.0))
    run = run_curves.read("c", 0, tmp_path)
    assert list(run.metrics["train/loss"].items()) == [(10, 3.0), (20, 1.5), (30, 1.0)]


def test_a_run_that_an_earlier_version_began_in_train_goes_on(tmp_path):
    _write_events(tmp_path / "train", ("loss", 10, 3.0), ("loss", 20, 2.0))
    _write_events(tmp_path, ("loss", 20, 1.5), ("loss", 30, 1.0), ("size/training_flops", 30, 3e6))
    run = run_curves.read("c", 0, tmp_path)
    assert list(run.metrics["train/loss"].items()) == [(10, 3.0), (20, 1.5), (30, 1.0)]
    assert run.flops(30) == 3e6


def test_long_curves_are_read_whole(tmp_path):
    _write_events(tmp_path / "eval", *[("loss", step, float(step)) for step in range(1200)])
    assert len(run_curves.read("c", 0, tmp_path).metrics["test/loss"]) == 1200


def test_a_folder_without_files_gives_no_curves(tmp_path):
    run = run_curves.read("c", 0, tmp_path)
    assert (run.metrics, run.growth_steps) == ({}, [])


def test_mean_and_deviation_are_at_the_steps_that_all_seeds_have():
    first = _run(0, {10: 1.0, 20: 2.0, 30: 3.0}, {10: 100, 20: 200, 30: 300})
    second = _run(1, {20: 4.0, 30: 3.0, 40: 0.0}, {20: 400, 30: 500, 40: 600})
    curve = curves.mean_curve([first, second], "test/loss")
    assert (curve.runs, curve.step, curve.training_flops) == (2, [20, 30], [300, 400])
    assert curve.mean == [3.0, 3.0]
    assert curve.deviation == pytest.approx([2**0.5, 0.0])


def test_a_run_without_the_metric_is_left_out():
    other = run_curves.RunCurves("c", 1, {"train/loss": {10: 1.0}}, {}, [])
    curve = curves.mean_curve([_run(0, {10: 5.0}), other], "test/loss")
    assert (curve.runs, curve.mean) == (1, [5.0])
    assert math.isnan(curve.deviation[0])
    assert curves.mean_curve([other], "test/loss").step == []


def test_growths_are_those_of_any_seed_at_their_mean_flops():
    runs = [
        _run(0, {30: 1.0}, {0: 0.0, 10: 100, 20: 200}, [0, 10]),
        _run(1, {30: 1.0}, {0: 0.0, 10: 140, 20: 240}, [10, 20]),
    ]
    growths = curves.mean_curve(runs, "test/loss").growths
    assert growths == {"step": [0, 10, 20], "training_flops": [0.0, 120, 240]}


def test_csv_has_every_point():
    runs = [_run(0, {10: 0.1}, {10: 5e6}), _run(1, {10: 1 / 3}, {10: 6e6})]
    rows = list(csv.DictReader(curves.to_csv(runs).splitlines()))
    assert [list(row.values())[:5] for row in rows] == [
        ["c", "0", "test", "loss", "10"],
        ["c", "1", "test", "loss", "10"],
    ]
    assert [float(row["training_flops"]) for row in rows] == [5e6, 6e6]
    assert [float(row["value"]) for row in rows] == [0.1, 1 / 3]
