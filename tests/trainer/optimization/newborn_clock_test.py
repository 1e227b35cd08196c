"""Adam's bias correction for new neurons: by their own steps, not by those of the run."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.modeling.optimization import lamb, legacy_adamw

from growth.methods import random
from tests import networks
from trainer.optimization import optimizers, scaled_updates

_legacy, _new = tf_keras.optimizers.legacy, tf_keras.optimizers
_RATE, _BEFORE, _AFTER = 0.01, 60, 6


def _network(optimizer, newborn_clock):
    """A network that has trained for a while and has grown then, and its training step."""
    model = networks.network((5,))
    slots = optimizers.GrowableSlots(optimizer, model.trainable_variables)
    grower = networks.grower(
        *(model, random.Random(epsilon=0.1, inverse=True), (3,)),
        slots=slots,
        newborn_clock=newborn_clock,
    )
    if grower.update_factors is not None:
        scaled_updates.scale(optimizer, grower.update_factors)

    def step(seed):
        inputs, targets = networks.batch(seed=seed)
        with tf.GradientTape() as tape:
            value = networks.loss(targets, model(inputs))
        variables = model.trainable_variables
        gradients = tape.gradient(value, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return [gradient.numpy() for gradient in gradients]

    for i in range(_BEFORE):
        step(i)
    grower.grow(_BEFORE, networks.batch())
    return model, step


def _adam(gradients, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """The change by Adam from its beginning on (Kingma and Ba, 2015, algorithm 1)."""
    first = second = change = 0.0
    for k, gradient in enumerate(gradients, 1):
        first = beta_1 * first + (1 - beta_1) * gradient
        second = beta_2 * second + (1 - beta_2) * gradient**2
        rate = _RATE * np.sqrt(1 - beta_2**k) / (1 - beta_1**k)
        change -= rate * first / (np.sqrt(second) + epsilon)
    return change


@pytest.mark.parametrize(
    "make",
    [
        lambda: _legacy.Adam(_RATE),
        lambda: _new.Adam(_RATE, jit_compile=False),
        lambda: _new.AdamW(_RATE, weight_decay=0.0, jit_compile=False),
        lambda: legacy_adamw.AdamWeightDecay(_RATE, weight_decay_rate=0.0),
    ],
    ids=["Adam", "new-style Adam", "new-style AdamW", "AdamWeightDecay"],
)
def test_new_weights_move_as_those_of_a_run_that_begins(untraced, make):
    model, step = _network(make(), newborn_clock=True)
    before = [variable.numpy() for variable in model.trainable_variables]
    gradients = [step(_BEFORE + i) for i in range(_AFTER)]
    kernel, bias, consumer, _ = range(4)
    for index, new in ((kernel, np.s_[:, 5:]), (bias, np.s_[5:]), (consumer, np.s_[5:])):
        change = (model.trainable_variables[index].numpy() - before[index])[new]
        expected = _adam([of_step[index][new] for of_step in gradients])
        # The clipping of AdamWeightDecay is by a norm of 1, as of all its gradients.
        np.testing.assert_allclose(change, expected, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("newborn_clock", [False, True])
def test_the_first_step_of_a_new_weight_is_one_learning_rate_with_a_clock_only(
    untraced, newborn_clock
):
    model, step = _network(_legacy.Adam(_RATE), newborn_clock)
    before = model.trainable_variables[0].numpy()
    step(_BEFORE)
    first = np.abs(model.trainable_variables[0].numpy() - before)[:, 5:]
    run = np.sqrt(1 - 0.999 ** (_BEFORE + 1)) / (1 - 0.9 ** (_BEFORE + 1))
    own = np.sqrt(1 - 0.999) / (1 - 0.9)
    longer = 1.0 if newborn_clock else run / own
    # Small gradients, of the order of Adam's epsilon, make shorter steps.
    np.testing.assert_allclose(first, longer * _RATE, rtol=0.1)
    np.testing.assert_allclose(np.median(first), longer * _RATE, rtol=1e-3)


def test_old_weights_move_as_without(untraced):
    (with_clock, step), (plain, plain_step) = (
        _network(_legacy.Adam(_RATE), clock) for clock in (True, False)
    )
    step(_BEFORE)
    plain_step(_BEFORE)
    for pair in zip(with_clock.trainable_variables, plain.trainable_variables, strict=True):
        ours, theirs = (variable.numpy() for variable in pair)
        old = tuple(slice(5 if size == 8 else None) for size in ours.shape)
        np.testing.assert_array_equal(ours[old], theirs[old])


@pytest.mark.parametrize("make", [lambda: _legacy.SGD(_RATE, momentum=0.9), lambda: lamb.LAMB()])
def test_the_correction_is_that_of_the_optimizer(make):
    model = networks.network((5,))
    optimizer = make()
    slots = optimizers.GrowableSlots(optimizer, model.trainable_variables)
    steps = tf.constant([1.0, 10.0])
    expected = [1.0, 1.0]
    if isinstance(optimizer, lamb.LAMB):
        expected = [np.sqrt(1 - 0.999**k) / (1 - 0.9**k) for k in (1, 10)]
    np.testing.assert_allclose(slots.bias_correction(steps), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("carry_slots", "needs"), [(False, r"Grower\.carry_slots"), (True, "GrowableSlots")]
)
def test_what_a_clock_needs_is_named(carry_slots, needs):
    with pytest.raises(ValueError, match=rf"newborn_clock = True .*{needs}"):
        networks.grower(
            networks.network(), random.Random(), newborn_clock=True, carry_slots=carry_slots
        )
