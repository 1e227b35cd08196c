"""Batches of any size, weights of examples and label types: numbers that are right."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from growth import grower
from growth.decisions import policies, schedules
from growth.methods import gradmax
from tests import small_data
from trainer import objectives

_RANDOM = np.random.default_rng(0)
_X, _Y = small_data.INPUTS, small_data.LABELS
_TYPES = ["int8", "uint8", "int16", "uint32", "int64", "bool"]


@pytest.mark.parametrize("kind", _TYPES)
def test_labels_of_any_whole_type_are_the_same_labels(kind):
    objective, outputs = (
        objectives.Classification(0.1, top_k=2),
        tf.constant(_RANDOM.normal(size=[60, 3]), tf.float32),
    )
    labels = tf.constant(_Y % 2)
    np.testing.assert_array_equal(
        objective.losses(tf.cast(labels, kind), outputs), objective.losses(labels, outputs)
    )
    for metric, expected in zip(objective.metrics(), objective.metrics(), strict=True):
        metric.update_state(tf.cast(labels, kind), outputs)
        expected.update_state(labels, outputs)
        assert float(metric.result()) == float(expected.result())


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
    data = small_data.Data(train=batches.repeat())
    made, model = small_data.linear_task(data, _strategies()[replicas - 1])
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
        tuple(_aligned(a[first : first + 10]) for a in (_X, _Y, weights))
        for first in range(0, 60, 10)
    ]
    spec = tuple(tf.TensorSpec([10, *a.shape[1:]], a.dtype) for a in parts[0])
    generated = tf.data.Dataset.from_generator(lambda: iter(parts), output_signature=spec)

    def called(step):
        batch = tf.numpy_function(lambda i: parts[i], [step], [part.dtype for part in spec])
        return tuple(tf.ensure_shape(a, part.shape) for a, part in zip(batch, spec, strict=True))

    for batches in (generated, tf.data.Dataset.range(6).map(called)):
        data = small_data.Data(train=batches.repeat(), test=batches)
        # Of two devices, as only then the share of one is written into.
        made, _ = small_data.linear_task(data, _strategies()[1])
        made.train(tf.constant(30))
        made.evaluate(tf.constant(-1))
        for found, expected in zip(zip(*parts, strict=True), (_X, _Y, weights), strict=True):
            np.testing.assert_array_equal(np.concatenate(found), expected)


def test_weights_count_in_evaluation_as_in_training():
    weights = _RANDOM.uniform(size=60).astype(np.float32)
    made, model = small_data.linear_task(
        small_data.Data((_X, _Y, weights)), tf.distribute.get_strategy()
    )
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
        data = small_data.Data(arrays, batch_size=len(arrays[0]))
        data.train = lambda step, data=data: data.slices().batch(60).repeat()
        built = small_data.experiment(data, grower=made)
        events.append(built.grower.grow(0, next(iter(built.batches(0)))))
    assert events[0].loss == pytest.approx(events[1].loss, rel=1e-5)
    values = [event.sites["hidden_1"].singular_values for event in events]
    np.testing.assert_allclose(*values, rtol=1e-4)
