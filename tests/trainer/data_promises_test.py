"""Data that break a promise: one message, at the latest with the step."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from growth import grower
from growth.decisions import policies, schedules
from growth.methods import random
from models.architectures import mlp
from models.layers import activations
from tests import small_data
from trainer import loop, objectives
from trainer.command import errors


def _endless(*arrays, size=10):
    return tf.data.Dataset.from_tensor_slices(arrays).batch(size).repeat()


_X, _Y = small_data.INPUTS, small_data.LABELS
_ONE = small_data.LABELS[:, None].astype(np.float32)
_DATA = {
    "no test examples": (dict(test=_endless(_X, _Y).take(0)), "Data.test gives no examples"),
    "none, not known": (
        dict(test=_endless(_X, _Y).take(1).filter(lambda *_: False)),
        "Data.test gives no examples",
    ),
    "test without end": (dict(test=_endless(_X, _Y)), "Data.test goes on without end"),
    "train ends": (dict(train=_endless(_X, _Y).take(4)), r"gives 4 batches .* needs 5, .*repeat"),
    "a list": (dict(train=[(_X, _Y)]), "Data.train must return a tf.data.Dataset .* not list"),
    "a dictionary": (
        dict(train=_endless(_X, _Y).map(lambda x, y: {"x": x, "y": y})),
        r"Data.train must give tuples .* it gives {'x': float32 \[None, 2\]",
    ),
    "no targets": (dict(train=_endless(_X).map(lambda x: x)), "must give tuples"),
    "no batches": (
        dict(train=tf.data.Dataset.from_tensors((1.0, 1)).repeat()),
        "gives inputs without an axis of examples",
    ),
    "unknown shape": (
        dict(
            train=_endless(_X, _Y).map(lambda x, y: (tf.py_function(lambda: x, [], "float32"), y))
        ),
        "gives inputs of unknown shape; .*ensure_shape",
    ),
    "ragged": (
        dict(train=tf.data.Dataset.from_tensors((tf.ragged.constant([[1], [2, 3]]), [0, 0]))),
        "gives inputs as RaggedTensor",
    ),
    "batch size, static": (
        dict(
            train=_endless(_X, _Y).map(lambda x, y: (tf.ensure_shape(x, [10, 2]), y)), batch_size=9
        ),
        r"Data.batch_size = 9, but Data.train gives batches of 10 \(inputs\)",
    ),
    "batch size": (dict(batch_size=9), "Data.batch_size = 9, but the first batch .* 10 examples"),
    "batch size, half": (dict(batch_size=9.5), "Data.batch_size = 9.5; it must be a whole number"),
    "width": (dict(width=None), "Data.output_width is missing; it must be a whole number"),
    "other inputs": (
        dict(test=_endless(_X.astype(np.float64), _Y).take(1)),
        r"Data.test gives inputs float64 \[None, 2\], and train inputs float32 \[None, 2\]",
    ),
    "weights in a column": (dict(arrays=(_X, _Y, _ONE)), r"gives weights float32 \[None, 1\]"),
    "negative weights": (dict(arrays=(_X, _Y, -_ONE[:, 0])), "weights must be 0 or more"),
    "no weight at all": (dict(arrays=(_X, _Y, 0 * _Y)), "all weights are 0"),
    "labels from 1": (dict(arrays=(_X, _Y + 1)), r"3 in \d of 10 examples; labels .* from 0 to 2"),
    "labels of -1": (dict(arrays=(_X, _Y - 1)), r"-1 in \d of 10 examples; labels .* from 0 to 2"),
    "labels in the test": (
        dict(test=_endless(_X, _Y + 1).take(1)),
        "the first test batch: 3 in .* examples",
    ),
    "a column": (dict(arrays=(_X, _Y[:, None])), r"targets are int64 \[batch, 1\].*tf.squeeze"),
    "halves": (dict(arrays=(_X, _ONE[:, 0])), r"integer type.* targets are float32 \[batch\]"),
    "strings": (dict(arrays=(_X, _Y.astype(str))), r"targets are string \[batch\]"),
    "two classes": (dict(arrays=(_X, np.ones([60, 3]))), "3 in 10 of 10 .* sum to 1"),
    "NaN": (
        dict(arrays=(np.where(_Y[:, None] == 0, np.nan, _X), _Y)),
        r"not finite \(NaN or infinite\): inputs in \d of 10 examples",
    ),
    "lengths": (
        dict(train=_endless(_X, _Y).map(lambda x, y: (x, y[:5]))),
        "different numbers of examples: {'inputs': 10, 'targets': 5}",
    ),
}


@pytest.mark.parametrize("arguments, message", _DATA.values(), ids=_DATA)
def test_it_is_told_before_training(arguments, message):
    with pytest.raises(ValueError, match=message):
        small_data.experiment(small_data.Data(**arguments)).check_first_batch()


@pytest.mark.parametrize(
    "objective, targets, width, message",
    [
        (objectives.SquaredError, _ONE[:, 0], 1, r"float32 \[batch\] and the outputs .*newaxis"),
        (objectives.SquaredError, _ONE, 2, r"\[batch, 1\] and the outputs float32 \[batch, 2\]"),
        (objectives.Classification, _Y % 2, 1, "one logit use @BinaryClassification"),
        (objectives.BinaryClassification, _Y % 2, 2, r"one logit.*\[batch, 2\].*@Classification"),
        (objectives.BinaryClassification, _Y, 1, "2 in . of 10 examples; targets must be 0, 1"),
        (objectives.BinaryClassification, 2 * (_Y % 2) - 1, 1, "-1 in . of 10 examples"),
    ],
)
def test_targets_that_do_not_fit_the_objective_are_told(objective, targets, width, message):
    with pytest.raises(ValueError, match=message):
        small_data.experiment(
            small_data.Data((_X, targets), width=width), objective()
        ).check_first_batch()


class _Model(mlp.MLP):
    """Puts out what a function makes of the outputs."""

    def __init__(self, outputs, output_width):
        super().__init__((3,), output_width)
        self._outputs = outputs

    def call(self, inputs, training=False):
        return self._outputs(super().call(inputs))


class _Mean(objectives.SquaredError):
    def losses(self, targets, outputs):
        return tf.reduce_mean(super().losses(targets, outputs))


class _Broadcast(objectives.Objective):
    def losses(self, targets, outputs):
        return tf.square(tf.cast(targets, tf.float32) - outputs[:, :1])


@pytest.mark.parametrize(
    "outputs, objective, message",
    [
        (lambda y: [y, y], objectives.Classification, "_Model puts out a list; Classification tak"),
        (lambda y: {"a": y}, objectives.SquaredError, "_Model puts out a dict; SquaredError takes"),
        (tf.reduce_sum, objectives.Classification, "puts out one number for a batch"),
        (lambda y: y, _Broadcast, r"_Broadcast.losses must give .* it gives \[2, 2\]"),
    ],
)
def test_outputs_and_losses_must_be_those_of_examples(outputs, objective, message):
    with pytest.raises(ValueError, match=message):
        small_data.experiment(
            small_data.Data(), objective(), model=functools.partial(_Model, outputs)
        )


def test_a_loss_that_is_averaged_already_is_refused():
    with pytest.raises(ValueError, match=r"_Mean.losses must give .* it gives \[\]"):
        small_data.experiment(small_data.Data((_X, _ONE), width=1), _Mean())


@pytest.mark.parametrize(
    "arrays, message",
    [
        ((np.where(np.arange(60)[:, None] == 25, np.nan, _X), _Y), "step 3: .* inputs in 1 of 10"),
        ((np.where(np.arange(60)[:, None] == 25, np.inf, _X), _Y), "step 3: .* inputs in 1 of 10"),
        ((_X, _Y, np.where(np.arange(60) == 25, -1.0, 1.0)), "step 3: weights must be 0 or more"),
        ((_X, np.where(np.arange(60) == 25, 3, _Y)), "step 3: 3 in 1 of 10 examples; labels must"),
        ((_X, np.where(np.arange(60) == 25, -1, _Y)), "step 3: -1 in 1 of 10 examples; labels mu"),
    ],
)
def test_a_later_batch_is_told_with_its_step(tmp_path, arrays, message):
    data = small_data.Data(arrays)
    data.test = small_data.Data().test
    built = small_data.experiment(data, loop=lambda: loop.Loop(log_interval=4))
    built.check_first_batch()
    with pytest.raises((FloatingPointError, errors.RunFailure), match=message) as raised:
        small_data.trained(tmp_path, built)
    assert "learning rate" not in str(raised.value) and "checkpoint" in str(raised.value)


def test_a_growth_on_examples_that_are_not_finite_is_blamed_on_them(tmp_path):
    made = functools.partial(
        grower.Grower,
        schedule=schedules.PeriodicSchedule(2, 1, 1),
        policy=policies.AllAtOnce(neurons=1),
        method=random.Random(),
    )
    data = small_data.Data((np.where(np.arange(60)[:, None] == 35, np.nan, _X), _Y))
    built = small_data.experiment(data, grower=made, growth_batch_size=20)
    with pytest.raises(FloatingPointError, match=r"step 4: .* inputs in 1 of 10"):
        small_data.trained(tmp_path, built)


def test_training_data_that_end_unforeseen_are_told_with_the_step(tmp_path):
    batches = _endless(_X, _Y).take(3).filter(lambda *_: True)
    data = small_data.Data()
    data.train = batches.skip
    built = small_data.experiment(data, loop=lambda: loop.Loop(log_interval=4))
    with pytest.raises(errors.RunFailure, match=r"no batch for training step 4; .*\.repeat\(\)"):
        small_data.trained(tmp_path, built)


def test_training_data_that_are_just_long_enough_will_do(tmp_path):
    data = small_data.Data()
    data.train = _endless(_X, _Y).take(5).skip
    assert small_data.trained(tmp_path, small_data.experiment(data))["steps"] == 4


def test_test_examples_that_are_not_finite_are_told_and_counted(tmp_path, caplog):
    data = small_data.Data()
    data.test = small_data.Data((np.where(np.arange(60)[:, None] == 25, np.nan, _X), _Y)).test
    model = functools.partial(mlp.MLP, (3,), activation=activations.tanh)
    built = small_data.experiment(data, loop=lambda: loop.Loop(eval_interval=2), model=model)
    built.check_first_batch()
    result = small_data.trained(tmp_path, built)
    told = [r.getMessage() for r in caplog.records if "inputs in 1 of 60" in r.getMessage()]
    assert len(told) == 2 and result["test"]["loss"] is None
    assert "NaN" not in (tmp_path / "result.json").read_text()


def test_a_test_label_that_is_no_class_is_told(tmp_path):
    data = small_data.Data()
    data.test = small_data.Data((_X, np.where(np.arange(60) == 25, 3, _Y))).test
    with pytest.raises(errors.RunFailure, match="test examples: 3 in 1 of 60 examples; labels"):
        small_data.trained(tmp_path, small_data.experiment(data))


def test_a_test_input_that_a_relu_hides_is_told(caplog):
    made, _ = small_data.linear_task(small_data.Data(), tf.distribute.get_strategy())
    made.evaluate(tf.constant(-1))
    assert made.inputs_were_finite
    data = small_data.Data((np.where(np.arange(60)[:, None] == 25, np.nan, _X), _Y))
    made, _ = small_data.linear_task(data, tf.distribute.get_strategy(), weight=0.0)
    made.evaluate(tf.constant(-1))
    assert not made.inputs_were_finite


class _Kink(objectives.Objective):
    """Losses of 0, whose derivative is no number."""

    def losses(self, targets, outputs):
        return tf.reduce_sum(tf.sqrt(tf.square(outputs - tf.stop_gradient(outputs))), axis=1)


def test_a_checkpoint_never_holds_weights_that_are_not_finite(tmp_path):
    built = small_data.experiment(small_data.Data(), _Kink(), steps=1)
    with pytest.raises(FloatingPointError, match="after training step 1 the weights .* not finit"):
        small_data.trained(tmp_path, built)
    assert not list((tmp_path / "checkpoints").glob("*.index"))
