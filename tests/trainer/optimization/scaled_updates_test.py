"""The learning rate of new neurons: what it does to the updates of every optimizer."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.modeling import optimization
from official.modeling.optimization import lamb, lars, legacy_adamw

from growth.methods import random
from growth.newborns import rates
from models.layers import normalization
from tests import networks
from trainer.optimization import optimizers, scaled_updates

_legacy, _new = tf_keras.optimizers.legacy, tf_keras.optimizers
OPTIMIZERS = {
    "SGD": lambda: _legacy.SGD(0.05),
    "Nesterov": lambda: _legacy.SGD(0.05, momentum=0.9, nesterov=True),
    "clipped": lambda: _legacy.SGD(0.05, momentum=0.9, clipnorm=0.1),
    "Adam": lambda: _legacy.Adam(0.01),
    "AdamW, clipped": lambda: legacy_adamw.AdamWeightDecay(
        0.01, weight_decay_rate=0.1, gradient_clip_norm=0.1
    ),
    "LAMB": lambda: lamb.LAMB(0.01, weight_decay_rate=0.1),
    "LARS": lambda: lars.LARS(0.1),
    "new-style AdamW": lambda: _new.AdamW(0.01, jit_compile=False),
}


def _grown(make, rate):
    """A network that has grown by a third, its slots, and a traced training step."""
    model = networks.network((5, 7), normalization=normalization.LayerNormalization)
    optimizer = make()
    slots = optimizers.GrowableSlots(optimizer, model.trainable_variables)
    slots.averages(model)
    grower = networks.grower(
        model, random.Random(epsilon=0.1, inverse=True), (3,), slots=slots, newborn_rate=rate
    )
    if rate is not None:
        scaled_updates.scale(optimizer, grower.update_factors)

    @tf.function
    def step(data):
        with tf.GradientTape() as tape:
            value = networks.loss(data[1], model(data[0]))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))

    step(networks.batch())
    grower.grow(1, networks.batch())
    return model, slots, step


def _values(model, slots):
    variables = model.trainable_variables
    all_slots = [slot.variable for v in variables for slot in slots(v)]
    return [v.numpy() for v in variables], [slot.numpy() for slot in all_slots]


def _is_new(variable):
    """Which elements belong to a new neuron of the network that `_grown` gives."""
    is_new = np.zeros(variable.shape, bool)
    for axis, size in enumerate(variable.shape):
        if size in (8, 10):
            along = np.arange(size) >= size - 3
            is_new |= along.reshape([-1 if a == axis else 1 for a in range(variable.ndim)])
    return is_new


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_updates_of_new_neurons_are_scaled_and_nothing_else_is(untraced, make):
    model, slots, step = _grown(make, rates.ConstantRate(3.0))
    plain, plain_slots, plain_step = _grown(make, None)
    for pair in zip(model.trainable_variables, plain.trainable_variables, strict=True):
        pair[1].assign(pair[0])
    pairs = zip(_values(model, slots)[1], _values(plain, plain_slots)[1], strict=True)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs)
    before, _ = _values(plain, plain_slots)
    for function in (step, plain_step):
        function(networks.batch(seed=1))
    (scaled, own), (usual, others) = _values(model, slots), _values(plain, plain_slots)
    for ours, theirs in zip(own, others, strict=True):
        np.testing.assert_array_equal(ours, theirs)  # Momentum and moments are as they were.
    for old, new, expected in zip(before, scaled, usual, strict=True):
        is_new = _is_new(old)
        np.testing.assert_array_equal(new[~is_new], expected[~is_new])
        change = 3.0 * (expected - old)[is_new]
        np.testing.assert_allclose((new - old)[is_new], change, rtol=1e-3, atol=1e-6)
        assert is_new.any() == (old.shape != (4,)) and not np.array_equal(new, old)


def test_the_factor_follows_the_age(untraced):
    # Twice the rate in the second step after the growth, from once in the first.
    model, _, step = _grown(lambda: _legacy.SGD(0.05), rates.WarmUpRate(2.0, steps=2, start=0.0))
    plain, _, plain_step = _grown(lambda: _legacy.SGD(0.05), None)
    for factor in (1.0, 2.0, 2.0):
        before = plain.trainable_variables[0].numpy()
        for function in (step, plain_step):
            function(networks.batch(seed=1))
        ours, theirs = (m.trainable_variables[0].numpy() for m in (model, plain))
        change = factor * (theirs - before)[:, 5:]
        np.testing.assert_allclose((ours - before)[:, 5:], change, rtol=1e-3, atol=1e-6)
        for pair in zip(model.trainable_variables, plain.trainable_variables, strict=True):
            pair[1].assign(pair[0])


def test_a_moving_average_is_one_of_scaled_weights(untraced):
    made = []

    def make():
        made.append(
            optimization.ExponentialMovingAverage(
                _legacy.SGD(0.05), average_decay=0.5, dynamic_decay=False
            )
        )
        return made[-1]

    model, _, step = _grown(make, rates.ConstantRate(3.0))
    averages = [made[-1].get_slot(v, "average") for v in model.trainable_variables]
    before = [average.numpy() for average in averages]
    step(networks.batch(seed=1))
    for average, old, variable in zip(averages, before, model.trainable_variables, strict=True):
        np.testing.assert_allclose(average, 0.5 * old + 0.5 * variable, rtol=1e-5, atol=1e-7)
