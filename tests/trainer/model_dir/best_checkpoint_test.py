import json
import math

import pytest
import tensorflow as tf

from trainer.model_dir import best_checkpoint


def _after(tmp_path, metric, values):
    """The steps of which the folder holds a checkpoint after each evaluation."""
    variable = tf.Variable(0.0)
    best = best_checkpoint.BestCheckpoint(tmp_path, metric, tf.distribute.get_strategy())
    checkpoint = tf.train.Checkpoint(variable=variable, best=best)
    kept = []
    for step, value in enumerate(values):
        variable.assign(value)
        best.update(step, {metric: value, "other": -value}, checkpoint)
        (index,) = tmp_path.glob("ckpt-*.index")
        kept.append(int(index.stem.split("-")[1]))
    return kept, best, variable, checkpoint


def test_the_best_evaluation_is_kept_and_the_first_of_equals(tmp_path):
    kept, best, _, _ = _after(tmp_path, "accuracy", [0.5, 0.4, 0.6, 0.6, 0.1])
    assert kept == [0, 0, 2, 2, 2]
    assert best.evaluation == {"step": 2, "accuracy": 0.6, "other": -0.6}


def test_less_loss_is_better(tmp_path):
    assert _after(tmp_path, "loss", [0.5, 0.4, 0.6])[0] == [0, 1, 1]


def test_a_resumed_run_compares_with_what_it_had_seen(tmp_path):
    _, best, variable, checkpoint = _after(tmp_path, "accuracy", [0.5, 0.6])
    state = json.loads(best.serialize())
    variable.assign(0.0)
    best.evaluation = {}
    checkpoint.restore(tf.train.latest_checkpoint(str(tmp_path)))
    assert best.evaluation == state and variable == 0.6000000238418579
    best.update(2, {"accuracy": 0.55}, checkpoint)
    assert best.evaluation == state


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("metric, better", [("loss", 0.4), ("accuracy", 0.6)])
def test_what_is_not_finite_is_never_the_best_nor_in_its_way(tmp_path, metric, better, bad):
    variable = tf.Variable(0.0)
    best = best_checkpoint.BestCheckpoint(tmp_path, metric, tf.distribute.get_strategy())
    checkpoint = tf.train.Checkpoint(variable=variable, best=best)
    best.update(0, {metric: bad}, checkpoint)
    assert best.evaluation == {} and not list(tmp_path.iterdir())
    for step, value in enumerate([0.5, bad, better, bad], 1):
        best.update(step, {metric: value, "other": bad}, checkpoint)
    assert best.evaluation["step"] == 3 and best.evaluation[metric] == better
    best.evaluation = {"step": 9, metric: bad}  # As an earlier version of this program left it.
    best.deserialize(best.serialize())
    best.update(10, {metric: 0.1, "other": bad}, checkpoint)
    assert best.evaluation["step"] == 10
    best.evaluation = {}
    checkpoint.restore(tf.train.latest_checkpoint(str(tmp_path)))
    assert best.evaluation[metric] == 0.1 and math.isnan(best.evaluation["other"])


def test_an_accuracy_beside_a_loss_that_is_not_finite_is_not_the_best(tmp_path):
    best = best_checkpoint.BestCheckpoint(tmp_path, "accuracy", tf.distribute.get_strategy())
    checkpoint = tf.train.Checkpoint(best=best)
    best.update(10, {"loss": math.nan, "accuracy": 0.9}, checkpoint)
    best.update(20, {"loss": 0.5, "accuracy": 0.4}, checkpoint)
    assert best.evaluation["step"] == 20
