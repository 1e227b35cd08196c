"""Bindings of training that a network must be able to grow under."""

import json

import gin
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from growth import grower
from growth.decisions import policies, schedules
from growth.methods import random
from models import cost
from models.architectures import vgg
from tests import compositions
from trainer import evaluation, experiment, matched_flops, train
from trainer import run as run_lib
from trainer.command import errors
from trainer.config import reader
from trainer.model_dir import checkpoints, run_directory

_SMALL = compositions.files("small+gradmax")
_STEPS = ["Experiment.steps = 9", "PeriodicSchedule.start = 3", "PeriodicSchedule.interval = 3"]
_EMA = ["optimizer.ema = @EMAConfig()", "EMAConfig.average_decay = 0.9"]


@pytest.fixture(autouse=True)
def float32():
    """Restores float32 after a test."""
    yield
    tf_keras.mixed_precision.set_global_policy("float32")


def _built(*bindings):
    gin.clear_config()
    reader.load(_SMALL, [*_STEPS, *bindings])
    return experiment.Experiment()


def _run(folder, *bindings):
    built = _built(*bindings)
    run = run_lib.Run(built, run_directory.RunDirectory(folder))
    train.Training(run, {}).train(evaluate=True)
    return built, run, json.loads((folder / "result.json").read_text())


def test_averages_follow_the_weights_and_are_what_is_evaluated(tmp_path):
    built, run, result = _run(tmp_path / "run", *_EMA, "PeriodicSchedule.count = 2")
    (kernel, average), _ = built.task._averages
    assert kernel.shape.as_list() == average.shape.as_list() == [20, None]
    assert average.read_value().shape == (20, 7)
    batch = next(iter(built.batches(0)))

    def loss():
        return float(tf.reduce_mean(tf.square(built.model(batch[0]) - batch[1])))

    weights = [v.numpy() for v in built.model.variables]
    with built.task.averaged():
        np.testing.assert_allclose(result["train"]["loss"], loss(), rtol=1e-5)
    assert abs(result["train"]["loss"] - loss()) > 1e-4
    evaluation.Evaluation(built, run_directory.RunDirectory(tmp_path)).evaluate()
    for variable, value in zip(built.model.variables, weights, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_an_evaluation_that_fails_leaves_the_weights_in_the_network(monkeypatch):
    built = _built(*_EMA)
    built.task.train_dataset = built.batches(0)
    built.task.train(tf.constant(3))
    weights = [v.numpy() for v in built.model.variables]
    averages = [average.numpy() for _, average in built.task._averages]

    def fail():
        assert not np.array_equal(built.model.variables[0], weights[0])
        raise InterruptedError

    monkeypatch.setattr(built.task, "eval_end", fail)
    for evaluate in (
        lambda: built.task.evaluate(tf.constant(-1)),
        lambda: built.task.evaluate_batch(next(iter(built.batches(0)))),
    ):
        with pytest.raises(InterruptedError):
            evaluate()
        for variable, value in zip(built.model.variables, weights, strict=True):
            np.testing.assert_array_equal(variable, value)
        for (_, average), value in zip(built.task._averages, averages, strict=True):
            np.testing.assert_array_equal(average, value)


def test_the_average_of_a_new_neuron_starts_as_its_weights():
    built = _built(*_EMA)
    built.task.train_dataset = built.batches(0)
    built.task.train(tf.constant(3))
    before = [average.numpy() for _, average in built.task._averages]
    event = built.grower.grow(3, next(iter(built.batches(3))))
    site = event.sites["hidden_1"]
    assert (site.from_width, site.to_width) == (5, 6)
    # The step after the growth has moved it: decay (1 + 4) / (10 + 4) of Model Garden's average.
    (kernel_in, average_in), (kernel_out, average_out) = built.task._averages
    decay = 5 / 14
    np.testing.assert_allclose(
        average_in[:, :5], decay * before[0] + (1 - decay) * kernel_in[:, :5], rtol=1e-5
    )
    np.testing.assert_allclose(average_in[:, 5], (1 - decay) * kernel_in[:, 5], rtol=1e-5)
    # Its incoming weights were zero, so that its outgoing ones have not moved yet.
    np.testing.assert_allclose(average_out[5], kernel_out[5], rtol=1e-5)


def test_averages_follow_what_a_growth_changes_about_old_weights():
    built = _built(*_EMA, "Grower.method = @Split()", "ConstantLrConfig.learning_rate = 1e-9")
    built.task.train_dataset = built.batches(0)
    built.task.train(tf.constant(3))
    inputs, _ = batch = next(iter(built.batches(3)))

    def outputs():
        with built.task.averaged():
            return built.model(inputs).numpy()

    before = outputs()
    built.grower.grow(3, batch)
    # Split adds noise of a hundredth to the copy.
    np.testing.assert_allclose(outputs(), before, atol=0.02 * abs(before).max())
    averages = [average.numpy() for _, average in built.task._averages]
    built.grower.prepare(batch)
    for (_, average), value in zip(built.task._averages, averages, strict=True):
        np.testing.assert_array_equal(average, value)


def test_a_run_with_averages_resumes_with_the_same_bits(tmp_path):
    whole, _, expected = _run(tmp_path / "whole", *_EMA)
    _run(tmp_path / "parts", *_EMA, "Experiment.steps = 5")
    parts, _, result = _run(tmp_path / "parts", *_EMA)
    assert result["train"] == expected["train"] and result["test"] == expected["test"]
    for a, b in zip(whole.task._averages, parts.task._averages, strict=True):
        np.testing.assert_array_equal(a[1], b[1])


def test_layers_compute_in_bfloat16_and_all_else_in_float32(tmp_path):
    built, _, result = _run(tmp_path / "bfloat16", "Devices.mixed_precision = 'bfloat16'")
    inputs, _ = next(iter(built.batches(0)))
    assert built.model(inputs).dtype == tf.bfloat16
    assert all(v.dtype == tf.float32 for v in built.model.trainable_variables)
    assert result["widths"] == {"hidden_1": 7}
    _, _, expected = _run(tmp_path / "float32")
    difference = abs(result["train"]["loss"] - expected["train"]["loss"])
    assert 0 < difference < 0.05 * expected["train"]["loss"]


@pytest.mark.parametrize("method", [random.Random(), None], ids=["grown", "small"])
def test_a_matched_run_costs_what_the_big_network_costs(method):
    def network_and_grower():
        model = vgg.VGG(10, widths=(2, 4, 4, 4, 4), width_multiplier=0.5)
        model(tf.zeros([1, 16, 16, 3]))
        return model, grower.Grower(
            *(model, None, lambda variable: [], 0),
            schedule=schedules.PeriodicSchedule(3, 5, 2),
            policy=policies.AllAtOnce(target_fraction=0.25),
            method=method,
        )

    steps = matched_flops.matched_steps(20, *network_and_grower())
    model, planned = network_and_grower()
    flops, last = 0, 0
    for growth in planned.plan(20):
        flops += (growth.step - last) * cost.forward_flops(model)
        last = growth.step
        planned.rehearse({growth.site: growth.to_width})
    rate = cost.forward_flops(model)
    planned.rehearse({site.name: site.target_width for site in model.sites})
    spent, big = flops + (steps - last) * rate, 20 * cost.forward_flops(model)
    assert steps > 20 and big <= spent < big + rate


def test_a_matched_run_stretches_the_learning_rate():
    bindings = [
        "optimizer.learning_rate = @CosineLrConfig()",
        "CosineLrConfig.initial_learning_rate = 0.1",
        "CosineLrConfig.decay_steps = 9",
    ]
    rate = _built(*bindings).optimizer.learning_rate
    few = "PeriodicSchedule.count = 2"
    matched = _built(*bindings, few, "Experiment.match_flops = True")
    assert matched.steps > 9
    for share in (0.0, 0.3, 1.0):
        np.testing.assert_allclose(
            matched.optimizer.learning_rate(share * matched.steps), rate(share * 9.0), atol=1e-7
        )


def test_the_best_checkpoint_has_the_metrics_of_its_evaluation(tmp_path):
    folder = tmp_path / "run"
    # A rate at which the loss rises in the end.
    bindings = ["Loop.eval_interval = 2", "ConstantLrConfig.learning_rate = 2.2"]
    built, _, result = _run(folder, *bindings)
    best = result["best"]
    step, loss = best.pop("step"), result["test"]["loss"]
    assert step < 9 and best["loss"] < loss
    directory = run_directory.RunDirectory(folder)
    evaluated = evaluation.Evaluation(built, directory)
    assert evaluated.evaluate()["loss"] == loss
    evaluated.restore(checkpoints.find(directory, "best"))
    assert evaluated.step == step and evaluated.evaluate() == best


def test_a_run_without_evaluations_has_no_best_checkpoint(tmp_path):
    _, _, result = _run(tmp_path)
    assert result["best"] == {}
    with pytest.raises(errors.UserError, match=r"no checkpoint in .*best: .*Loop.eval_inter"):
        checkpoints.find(run_directory.RunDirectory(tmp_path), "best")


def test_a_longer_run_knows_the_best_of_the_shorter_one(tmp_path):
    every = ("Loop.eval_interval = 4", "PeriodicSchedule.count = 2")
    _, _, result = _run(tmp_path / "run", *every)
    assert result["best"]["step"] == 9  # The evaluation at the end, after the last checkpoint.
    # The rate is what is bound now, not what is in the checkpoint.
    rising = ("ConstantLrConfig.learning_rate = 5.0", "Experiment.steps = 13")
    _, run, longer = _run(tmp_path / "run", *every, *rising)
    # The loss at the end is infinite, and so null in JSON.
    assert longer["best"] == result["best"] and longer["test"]["loss"] is None
    run.restore(checkpoints.find(run_directory.RunDirectory(tmp_path / "run"), "best"))
    assert run.step == 9


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["Experiment.match_flops = True", "PeriodicSchedule.count = 9"], "planned for step 9"),
        (["Experiment.seed = -1"], "Experiment.seed = -1 must be at least 0"),
        (["optimizer.stretch = 0"], "optimizer.stretch = 0 must be above 0"),
        ([*_EMA, "optimizer.config = @AdamExperimentalConfig()"], "ema needs a legacy optimizer"),
        (["EMAConfig.average_decay = 1.0", _EMA[0]], "average_decay = 1.0 must be between 0 and 1"),
        (
            ["Experiment.match_flops = True", "Experiment.optimizer = @optimizer_of_ones_own"],
            "optimizer_of_ones_own has no such argument",
        ),
    ],
)
def test_mistakes_are_named(bindings, message):
    with pytest.raises(ValueError, match=message):
        _built(*bindings)


@gin.configurable
def optimizer_of_ones_own():
    return tf_keras.optimizers.legacy.SGD(0.1)
