"""Runs whose layers compute in float16, with scaled losses."""

import json

import gin
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests import compositions
from trainer import experiment, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.model_dir import run_directory
from trainer.optimization import optimizers

_FLOAT16 = "Devices.mixed_precision = 'float16'"
_HUGE = "loss_scale.initial = 16777216.0"  # 2^24, where float16 ends at 2^16.
_OPTIMIZERS = {
    "SGD with an average": (
        "optimizer.ema = @EMAConfig()",
        "EMAConfig.average_decay = 0.9",
        "SGDConfig.momentum = 0.9",
    ),
    "Adam": ("optimizer.config = @AdamConfig()",),
    "new-style Adam": ("optimizer.config = @AdamExperimentalConfig()",),
}


@pytest.fixture(autouse=True)
def float32():
    """Restores float32 after a test."""
    yield
    tf_keras.mixed_precision.set_global_policy("float32")


def _built(*bindings):
    gin.clear_config()
    schedule = [f"PeriodicSchedule.{b}" for b in ("start = 3", "interval = 3", "count = 2")]
    files = compositions.files("small+gradmax")
    reader.load(files, ["Experiment.steps = 40", *schedule, *bindings])
    return experiment.Experiment()


def _run(folder, *bindings):
    built = _built(*bindings)
    run = run_lib.Run(built, run_directory.RunDirectory(folder))
    train.Training(run, {}).train(evaluate=True)
    return built, json.loads((folder / "result.json").read_text())


def _state(built):
    found = built.optimizer.variables
    return [
        v.numpy() for v in [*built.model.variables, *(found() if callable(found) else found)]
    ] + [float(built.optimizer.loss_scale), int(built.optimizer.dynamic_counter)]


def test_a_run_in_float16_is_near_one_in_float32(tmp_path):
    built, result = _run(tmp_path / "float16", _FLOAT16)
    inputs, _ = next(iter(built.batches(0)))
    assert built.model(inputs).dtype == tf.float16
    assert all(v.dtype == tf.float32 for v in built.model.trainable_variables)
    _, expected = _run(tmp_path / "float32")
    difference = abs(result["train"]["loss"] - expected["train"]["loss"])
    assert 0 < difference < 0.05 * expected["train"]["loss"]
    assert result["widths"] == expected["widths"] == {"hidden_1": 7}


@pytest.mark.parametrize("name", _OPTIMIZERS)
def test_slots_behind_a_loss_scale_grow_and_are_resumed_to_the_bit(tmp_path, name):
    bindings = (_FLOAT16, _HUGE, "loss_scale.growth_steps = 5", *_OPTIMIZERS[name])
    whole, expected = _run(tmp_path / "whole", *bindings)
    for steps in (7, 23):  # Among steps that are skipped, and long after.
        _run(tmp_path / "parts", *bindings, f"Experiment.steps = {steps}")
    parts, result = _run(tmp_path / "parts", *bindings)
    for value, after_resuming in zip(_state(whole), _state(parts), strict=True):
        np.testing.assert_array_equal(value, after_resuming)
    assert result["train"] == expected["train"] and result["test"] == expected["test"]
    assert optimizers.constants(whole.optimizer)
    slots = whole.grower._slots
    for variable in whole.model.trainable_variables:
        assert slots(variable)
        for slot in slots(variable):
            assert slot.variable.read_value().shape == variable.read_value().shape


def test_an_overflow_skips_the_update_and_not_the_step():
    built = _built(_FLOAT16, _HUGE)
    built.task.train_dataset = built.batches(0)
    weights = [v.numpy() for v in built.model.trainable_variables]
    built.task.train(tf.constant(3))
    assert built.task.global_step == 3 and built.optimizer.loss_scale == 2.0**21
    for variable, value in zip(built.model.trainable_variables, weights, strict=True):
        np.testing.assert_array_equal(variable, value)
    event = built.grower.grow(3, built.task.next_batch())
    site = event.sites["hidden_1"]
    # The neurons are there, and the step after the growth has no gradients to tell.
    assert built.grower.widths() == {"hidden_1": 6} and site.singular_values[0] > 0
    assert site.gradient_norm_new == site.gradient_norm_old == 0
    built.task.train(tf.constant(30))
    assert built.optimizer.dynamic_counter > 20
    scale, batch = built.optimizer.loss_scale, next(iter(built.batches(34)))
    event = built.grower.grow(34, batch)
    assert scale == built.optimizer.loss_scale
    assert event.sites["hidden_1"].gradient_norm_old < 100  # As without a scale.


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("Devices.mixed_precision = 'float8'", "= 'float8' must be one of None, 'bfloat16'"),
        ("loss_scale.initial = 0", "loss_scale.initial = 0 must be at least 1"),
        ("loss_scale.growth_steps = 0", "loss_scale.growth_steps = 0 must be at least 1"),
    ],
)
def test_mistakes_are_named(binding, message):
    with pytest.raises(ValueError, match=message):
        _built(_FLOAT16, binding)
