"""The learning rate of new neurons in training loops, resumed ones among them."""

import contextlib
import signal

import gin
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from growth import static_shapes
from growth.methods import random
from growth.newborns import rates, recycling
from models.layers import normalization
from tests import compositions, networks
from trainer import experiment, objectives, task, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.datasets import teacher_student
from trainer.model_dir import run_directory
from trainer.optimization import mixed_precision, optimizers, scaled_updates


def _argument(rate):
    if isinstance(rate, recycling.Recycling):
        return "recycling"
    return "width_rate" if isinstance(rate, rates.WidthRate) else "newborn_rate"


def _trained(strategy, rate, static=False, float16=False, nesterov=False):
    """The variables after steps and a growth in Orbit's loop, with batch normalization."""
    data = teacher_student.TeacherStudent((6, 8, 4), examples=64)
    with strategy.scope():
        model = networks.network((5,), normalization=normalization.BatchNormalization)
        optimizer = tf_keras.optimizers.legacy.SGD(0.1, momentum=0.9, nesterov=nesterov)
        if float16:
            optimizer = mixed_precision.loss_scale(optimizer, initial=2.0**10)
        slots = optimizers.GrowableSlots(optimizer, model.trainable_variables)
        trainer = task.Task(model, optimizer, objectives.SquaredError(), data, strategy)
        shapes = None
        if static:
            shapes = static_shapes.StaticShapes(model.variables, slots, [trainer.trace_anew])
        grower = networks.grower(
            *(model, random.Random(inverse=True)),
            slots=slots,
            loss_function=trainer.loss,
            train_step=trainer.step,
            shapes=shapes,
            **{_argument(rate): rate},
        )
        if grower.update_factors is not None:
            scaled_updates.scale(optimizer, grower.update_factors)
    trainer.train_dataset = strategy.experimental_distribute_dataset(data.train(0))
    trainer.train(tf.constant(2))
    grower.grow(int(trainer.global_step.numpy()), trainer.next_batch())
    if isinstance(rate, recycling.Recycling):
        counts = grower.recycle(int(trainer.global_step.numpy()), trainer.next_batch())
        assert 0 < sum(counts.values()) < 8
    trainer.train(tf.constant(2))
    if static and grower.update_factors is not None:
        assert all(v.shape.is_fully_defined() for v in grower._cohorts.of_site.values())
    for variable in model.trainable_variables:
        for part in strategy.experimental_local_results(variable):
            np.testing.assert_array_equal(part, variable)  # Replicas agree.
    return [variable.numpy() for variable in model.trainable_variables]


@pytest.mark.parametrize(
    "rate",
    [
        rates.WarmUpRate(3.0, steps=3),
        rates.NormRatioRate(),
        rates.WidthRate(-0.5),
        recycling.Recycling(dormant_below=0.8),
    ],
)
def test_replicas_static_shapes_and_a_loss_scale_give_the_same_numbers(rate):
    one = tf.distribute.get_strategy()
    expected = _trained(one, rate)
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    pairs = [
        (_trained(one, rate, static=True), expected),
        (_trained(one, rate, float16=True), expected),
        (_trained(two, rate), expected),
        (_trained(two, rate, nesterov=True), _trained(one, rate, nesterov=True)),
    ]
    for found, same in pairs:
        for value, same_value in zip(found, same, strict=True):
            np.testing.assert_allclose(value, same_value, rtol=1e-4, atol=1e-5)
    plain = _trained(one, None)
    assert not np.allclose(plain[0], expected[0], rtol=1e-3)


def test_a_factor_of_one_changes_no_bit():
    one = tf.distribute.get_strategy()
    found, expected = _trained(one, rates.ConstantRate(1.0)), _trained(one, None)
    for value, same in zip(found, expected, strict=True):
        np.testing.assert_array_equal(value, same)


_BINDINGS = (
    "Experiment.steps = 9",
    "Loop.log_interval = 1",
    "PeriodicSchedule.start = 2",
    "PeriodicSchedule.interval = 3",
    "PeriodicSchedule.count = 2",
    "TeacherStudent.examples = 50",
    "optimizer.config = @AdamConfig()",
)
_RATE = (
    "import growth.newborn_rates",
    "Grower.newborn_rate = @WarmUpRate()",
    "WarmUpRate.factor = 3.0",
    "WarmUpRate.steps = 4",
)


class _StopAt:
    """Stands in for trainer/command/interrupts.py: a signal arrives at a step."""

    signal = signal.SIGINT

    def __init__(self, run, step):
        self._run, self._step = run, step

    def __bool__(self):
        return self._run.step >= self._step


def _run(folder, monkeypatch, stop, rate=_RATE):
    """Trains in `folder` up to the step `stop`; gives the experiment and the run."""
    gin.clear_config()
    reader.load(compositions.files("small+random"), [*_BINDINGS, *rate])
    built = experiment.Experiment()
    directory = run_directory.RunDirectory(str(folder))
    directory.start(gin.config_str(), overwrite_config=True)
    run = run_lib.Run(built, directory)
    training = train.Training(run, reader.literals())
    interrupt = contextlib.nullcontext(_StopAt(run, stop))
    monkeypatch.setattr(train.interrupts, "catch", lambda: interrupt)
    with contextlib.suppress(SystemExit):
        training.train(evaluate=False)
    return built, run


def _cohorts(built):
    made = built.grower._cohorts
    return [v.numpy().tolist() for v in (made.births, *made.of_site.values())]


def test_a_run_that_is_resumed_has_the_cohorts_and_the_bits_of_one_that_is_not(
    tmp_path, monkeypatch
):
    whole, run = _run(tmp_path / "whole", monkeypatch, stop=9)
    for stop in (3, 6, 9):  # A step after each growth, where factors differ by cohort.
        stopped, _ = _run(tmp_path / "stopped", monkeypatch, stop)
        assert _cohorts(stopped)[0] == [-1, 2, 5][: 1 + stop // 3]
    assert _cohorts(stopped) == _cohorts(whole) == [[-1, 2, 5], [0] * 5 + [1, 2]]
    for value, expected in zip(_state(stopped), _state(whole), strict=True):
        np.testing.assert_array_equal(value, expected)
    inputs = tf.random.stateless_normal([3, 20], [0, 1])
    exported = tf.saved_model.load(str(run.export()[0])).signatures["serving_default"]
    np.testing.assert_allclose(exported(inputs=inputs)["outputs"], whole.model(inputs), rtol=1e-6)
    # A run without a rate may go on with one, and the rate makes a difference.
    before, _ = _run(tmp_path / "other", monkeypatch, stop=6, rate=())
    assert before.grower.update_factors is None
    other, run = _run(tmp_path / "other", monkeypatch, stop=9)
    assert run.step == 9 and _cohorts(other) == _cohorts(whole)
    assert not np.allclose(other.model.variables[0], whole.model.variables[0], rtol=1e-3)


def _state(built):
    return [*built.model.variables, *built.optimizer.variables()]


def test_a_run_that_is_resumed_recycles_the_same_neurons(tmp_path, monkeypatch):
    recycles = (
        "import growth.newborns.recycling",
        "Grower.recycling = @Recycling()",
        "Recycling.every = 2",
        "Recycling.dormant_below = 0.7",
    )
    whole, _ = _run(tmp_path / "whole", monkeypatch, stop=9, rate=recycles)
    for stop in (2, 4, 5, 9):
        stopped, _ = _run(tmp_path / "stopped", monkeypatch, stop, rate=recycles)
    for value, expected in zip(_state(stopped), _state(whole), strict=True):
        np.testing.assert_array_equal(value, expected)
    other, _ = _run(tmp_path / "other", monkeypatch, stop=9, rate=())
    assert not np.allclose(other.model.variables[0], whole.model.variables[0], rtol=1e-3)
