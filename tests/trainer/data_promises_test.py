"""Data that break a promise: numbers that are right all the same, or one message."""

import functools
import json

import gin
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from growth import grower
from growth.decisions import policies, schedules
from growth.methods import gradmax, random
from models.architectures import mlp
from models.layers import activations
from trainer import experiment, loop, objectives, task, train
from trainer import run as run_lib
from trainer.command import errors
from trainer.datasets import dataset
from trainer.distribution import distributed_batches
from trainer.model_dir import run_directory

_RANDOM = np.random.default_rng(0)
_INPUTS = _RANDOM.normal(size=[60, 2]).astype(np.float32)
_LABELS = _RANDOM.integers(3, size=60)


class Data(dataset.Dataset):
    """Three classes in batches of 10, or what the arguments say instead."""

    output_width = 3

    def __init__(self, arrays=(), batch_size=10, train=None, test=None, width=3):
        self.arrays = [_INPUTS, _LABELS] if len(arrays) == 0 else list(arrays)
        self.batch_size, self.output_width = batch_size, width
        self._train, self._test = train, test

    def train(self, first_step):
        if self._train is not None:
            return self._train
        return self.slices().batch(10).repeat().skip(first_step)

    def slices(self):
        return tf.data.Dataset.from_tensor_slices(tuple(self.arrays))

    def test(self):
        return self.slices().batch(7) if self._test is None else self._test


def _sgd():
    return tf_keras.optimizers.legacy.SGD(0.1)


def _experiment(data, objective=None, steps=4, model=None, **arguments):
    gin.clear_config()
    made = functools.partial(
        grower.Grower,
        schedule=schedules.PeriodicSchedule(0, 1, 0),
        policy=policies.AllAtOnce(neurons=1),
        method=None,
    )
    return experiment.Experiment(
        dataset=lambda: data,
        model=model or functools.partial(mlp.MLP, (3,)),
        objective=objective or objectives.Classification(),
        optimizer=_sgd,
        steps=steps,
        **({"grower": made} | arguments),
    )


def _trained(folder, built):
    run = run_lib.Run(built, run_directory.RunDirectory(folder))
    train.Training(run, {}).train(evaluate=True)
    return json.loads((folder / "result.json").read_text())


def _endless(*arrays, size=10):
    return tf.data.Dataset.from_tensor_slices(arrays).batch(size).repeat()


_X, _Y = _INPUTS, _LABELS
_ONE = _LABELS[:, None].astype(np.float32)
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
        _experiment(Data(**arguments)).check_first_batch()


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
        _experiment(Data((_X, targets), width=width), objective()).check_first_batch()


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
        _experiment(Data(), objective(), model=functools.partial(_Model, outputs))


def test_a_loss_that_is_averaged_already_is_refused():
    with pytest.raises(ValueError, match=r"_Mean.losses must give .* it gives \[\]"):
        _experiment(Data((_X, _ONE), width=1), _Mean())


_TYPES = ["int8", "uint8", "int16", "uint32", "int64", "bool"]


@pytest.mark.parametrize("kind", _TYPES)
def test_labels_of_any_whole_type_are_the_same_labels(kind):
    objective, outputs = (
        objectives.Classification(0.1, top_k=2),
        tf.constant(_RANDOM.normal(size=[60, 3]), tf.float32),
    )
    labels = tf.constant(_LABELS % 2)
    np.testing.assert_array_equal(
        objective.losses(tf.cast(labels, kind), outputs), objective.losses(labels, outputs)
    )
    for metric, expected in zip(objective.metrics(), objective.metrics(), strict=True):
        metric.update_state(tf.cast(labels, kind), outputs)
        expected.update_state(labels, outputs)
        assert float(metric.result()) == float(expected.result())


def _task(data, strategy, weight=0.5):
    """A linear network under a strategy, with the same weights every time."""
    with strategy.scope():
        model = tf_keras.Sequential([tf_keras.Input([2]), tf_keras.layers.Dense(3, use_bias=False)])
        model.trainable_variables[0].assign(weight * np.arange(6.0).reshape([2, 3]))
        optimizer = _sgd()
        made = task.Task(model, optimizer, objectives.Classification(), data, strategy)
    made.train_dataset = distributed_batches.train(strategy, data, 0)
    return made, model


def _strategies():
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice())
    return [tf.distribute.get_strategy(), two]


_SIZES = (10, 3, 1, 10)


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_batches_of_any_size_count_as_their_examples(replicas, is_weighted):
    ends = np.cumsum(_SIZES)
    weights = _RANDOM.uniform(size=60).astype(np.float32) if is_weighted else np.ones(60)
    parts = [
        tuple(a[end - size : end] for a in (_X, _Y, weights))
        for size, end in zip(_SIZES, ends, strict=True)
    ]
    spec = tuple(tf.TensorSpec([None, *a.shape[1:]], a.dtype) for a in (_X, _Y, weights))
    batches = tf.data.Dataset.from_generator(lambda: iter(parts), output_signature=spec)
    if not is_weighted:
        batches = batches.map(lambda x, y, w: (x, y))
    data = Data(train=batches.repeat())
    made, model = _task(data, _strategies()[replicas - 1])
    means = made.train(tf.constant(len(_SIZES)))
    kernel = 0.5 * np.arange(6.0).reshape([2, 3])
    losses, right, counted = [], 0.0, 0.0
    for x, y, w in parts:
        shares = np.exp(x @ kernel)
        shares /= shares.sum(axis=1, keepdims=True)
        losses.append(np.sum(-w * np.log(shares[range(len(y)), y])) / len(y))
        right += np.sum(w * (np.argmax(shares, axis=1) == y))
        counted += np.sum(w)
        kernel = kernel - 0.1 * x.T @ ((shares - np.eye(3)[y]) * w[:, None]) / len(y)
    np.testing.assert_allclose(model.trainable_variables[0], kernel, rtol=1e-5, atol=1e-6)
    assert float(means["loss"]) == pytest.approx(np.mean(losses), rel=1e-5)
    assert float(means["accuracy"]) == pytest.approx(right / counted, rel=1e-5)


def _aligned(array):
    """A copy of `array` in memory that TensorFlow shares, instead of copying it."""
    memory = np.empty(array.nbytes + 64, np.uint8)
    first = -memory.ctypes.data % 64
    copy = memory[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[:] = array
    return copy


def test_training_leaves_the_arrays_of_a_generator_as_they_are():
    weights = _RANDOM.uniform(1, 2, size=60).astype(np.float32)
    parts = [
        tuple(_aligned(a[first : first + 10]) for a in (_INPUTS, _LABELS, weights))
        for first in range(0, 60, 10)
    ]
    spec = tuple(tf.TensorSpec([10, *a.shape[1:]], a.dtype) for a in parts[0])
    generated = tf.data.Dataset.from_generator(lambda: iter(parts), output_signature=spec)

    def called(step):
        batch = tf.numpy_function(lambda i: parts[i], [step], [part.dtype for part in spec])
        return tuple(tf.ensure_shape(a, part.shape) for a, part in zip(batch, spec, strict=True))

    for batches in (generated, tf.data.Dataset.range(6).map(called)):
        data = Data(train=batches.repeat(), test=batches)
        # Of two devices, as only then the share of one is written into.
        made, _ = _task(data, _strategies()[1])
        made.train(tf.constant(30))
        made.evaluate(tf.constant(-1))
        for found, expected in zip(
            zip(*parts, strict=True), (_INPUTS, _LABELS, weights), strict=True
        ):
            np.testing.assert_array_equal(np.concatenate(found), expected)


def test_weights_count_in_evaluation_as_in_training():
    weights = _RANDOM.uniform(size=60).astype(np.float32)
    made, model = _task(Data((_X, _Y, weights)), tf.distribute.get_strategy())
    metrics = made.evaluate(tf.constant(-1))
    outputs = model(_X)
    losses = objectives.Classification().losses(tf.constant(_Y), outputs)
    is_right = np.argmax(outputs, axis=1) == _Y
    assert float(metrics["loss"]) == pytest.approx(np.mean(weights * losses), rel=1e-5)
    assert float(metrics["accuracy"]) == pytest.approx(np.average(is_right, weights=weights))


def test_the_weights_of_examples_count_in_a_growth():
    """A growth on examples of which some weigh nothing is one on the others, at their share."""
    few = [a[:30] for a in (_X, _Y)]
    weights = np.r_[np.ones(30), np.zeros(30)].astype(np.float32)
    events = []
    for arrays in (few, [_X, _Y, 2 * weights]):
        made = functools.partial(
            grower.Grower,
            schedule=schedules.PeriodicSchedule(0, 1, 1),
            policy=policies.AllAtOnce(neurons=2),
            method=gradmax.GradMax(),
        )
        data = Data(arrays, batch_size=len(arrays[0]))
        data.train = lambda step, data=data: data.slices().batch(60).repeat()
        built = _experiment(data, grower=made)
        events.append(built.grower.grow(0, next(iter(built.batches(0)))))
    assert events[0].loss == pytest.approx(events[1].loss, rel=1e-5)
    values = [event.sites["hidden_1"].singular_values for event in events]
    np.testing.assert_allclose(*values, rtol=1e-4)


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
    data = Data(arrays)
    data.test = Data().test
    built = _experiment(data, loop=lambda: loop.Loop(log_interval=4))
    built.check_first_batch()
    with pytest.raises((FloatingPointError, errors.RunFailure), match=message) as raised:
        _trained(tmp_path, built)
    assert "learning rate" not in str(raised.value) and "checkpoint" in str(raised.value)


def test_a_growth_on_examples_that_are_not_finite_is_blamed_on_them(tmp_path):
    made = functools.partial(
        grower.Grower,
        schedule=schedules.PeriodicSchedule(2, 1, 1),
        policy=policies.AllAtOnce(neurons=1),
        method=random.Random(),
    )
    data = Data((np.where(np.arange(60)[:, None] == 35, np.nan, _X), _Y))
    built = _experiment(data, grower=made, growth_batch_size=20)
    with pytest.raises(FloatingPointError, match=r"step 4: .* inputs in 1 of 10"):
        _trained(tmp_path, built)


def test_training_data_that_end_unforeseen_are_told_with_the_step(tmp_path):
    batches = _endless(_X, _Y).take(3).filter(lambda *_: True)
    data = Data()
    data.train = batches.skip
    built = _experiment(data, loop=lambda: loop.Loop(log_interval=4))
    with pytest.raises(errors.RunFailure, match=r"no batch for training step 4; .*\.repeat\(\)"):
        _trained(tmp_path, built)


def test_training_data_that_are_just_long_enough_will_do(tmp_path):
    data = Data()
    data.train = _endless(_X, _Y).take(5).skip
    assert _trained(tmp_path, _experiment(data))["steps"] == 4


def test_test_examples_that_are_not_finite_are_told_and_counted(tmp_path, caplog):
    data = Data()
    data.test = Data((np.where(np.arange(60)[:, None] == 25, np.nan, _X), _Y)).test
    model = functools.partial(mlp.MLP, (3,), activation=activations.tanh)
    built = _experiment(data, loop=lambda: loop.Loop(eval_interval=2), model=model)
    built.check_first_batch()
    result = _trained(tmp_path, built)
    told = [r.getMessage() for r in caplog.records if "inputs in 1 of 60" in r.getMessage()]
    assert len(told) == 2 and result["test"]["loss"] is None
    assert "NaN" not in (tmp_path / "result.json").read_text()


def test_a_test_label_that_is_no_class_is_told(tmp_path):
    data = Data()
    data.test = Data((_X, np.where(np.arange(60) == 25, 3, _Y))).test
    with pytest.raises(errors.RunFailure, match="test examples: 3 in 1 of 60 examples; labels"):
        _trained(tmp_path, _experiment(data))


def test_a_test_input_that_a_relu_hides_is_told(caplog):
    made, _ = _task(Data(), tf.distribute.get_strategy())
    made.evaluate(tf.constant(-1))
    assert made.inputs_were_finite
    data = Data((np.where(np.arange(60)[:, None] == 25, np.nan, _X), _Y))
    made, _ = _task(data, tf.distribute.get_strategy(), weight=0.0)
    made.evaluate(tf.constant(-1))
    assert not made.inputs_were_finite


class _Kink(objectives.Objective):
    """Losses of 0, whose derivative is no number."""

    def losses(self, targets, outputs):
        return tf.reduce_sum(tf.sqrt(tf.square(outputs - tf.stop_gradient(outputs))), axis=1)


def test_a_checkpoint_never_holds_weights_that_are_not_finite(tmp_path):
    built = _experiment(Data(), _Kink(), steps=1)
    with pytest.raises(FloatingPointError, match="after training step 1 the weights .* not finit"):
        _trained(tmp_path, built)
    assert not list((tmp_path / "checkpoints").glob("*.index"))
