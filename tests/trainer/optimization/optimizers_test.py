"""Slots that grow: every optimizer trains a grown network as it would a static one."""

import re

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.modeling import optimization
from official.modeling.optimization import lamb, lars, legacy_adamw

from growth.methods import random
from models.layers import normalization
from tests import networks
from trainer.optimization import mixed_precision, optimizers

_legacy, _new = tf_keras.optimizers.legacy, tf_keras.optimizers
OPTIMIZERS = {
    "SGD": lambda: _legacy.SGD(0.05),
    "momentum": lambda: _legacy.SGD(0.05, momentum=0.9),
    "Nesterov": lambda: _legacy.SGD(0.05, momentum=0.9, nesterov=True),
    "Adam": lambda: _legacy.Adam(0.01),
    "Adagrad": lambda: _legacy.Adagrad(0.05),
    "RMSprop": lambda: _legacy.RMSprop(0.01, momentum=0.5, centered=True),
    "AdamW": lambda: legacy_adamw.AdamWeightDecay(0.01, weight_decay_rate=0.1),
    "LAMB": lambda: lamb.LAMB(0.01),
    "LARS": lambda: lars.LARS(0.1),
    "new-style momentum": lambda: _new.SGD(0.05, momentum=0.9, jit_compile=False),
    "new-style Adam": lambda: _new.Adam(0.01, jit_compile=False),
    "new-style AdamW": lambda: _new.AdamW(0.01, jit_compile=False),
}
_optimizers = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())


def _trainable(make, hidden_widths=(5, 7)):
    """A model, its slots, and a traced training step."""
    model = networks.network(hidden_widths)
    optimizer = make()
    slots = optimizers.GrowableSlots(optimizer, model.trainable_variables)

    @tf.function
    def step(data):
        with tf.GradientTape() as tape:
            value = networks.loss(data[1], model(data[0]))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    return model, slots, step


def _all_slots(model, slots):
    return [slot.variable for variable in model.trainable_variables for slot in slots(variable)]


@_optimizers
def test_a_grown_network_trains_like_a_static_one_of_its_widths(make):
    data = networks.batch()
    model, slots, step = _trainable(make)
    for _ in range(3):
        step(data)
    networks.grower(model, random.Random(), slots=slots).grow(0, data)
    static, static_slots, static_step = _trainable(make, (8, 10))
    # The optimizer's count of steps is the same after as many steps.
    for _ in range(3):
        static_step(data)
    pairs = [
        (static.trainable_variables, model.trainable_variables),
        (_all_slots(static, static_slots), _all_slots(model, slots)),
    ]
    for theirs, ours in pairs:
        assert len(theirs) == len(ours)
        for a, b in zip(theirs, ours, strict=True):
            a.assign(b)
    for _ in range(3):
        assert step(data) == static_step(data)
    for theirs, ours in pairs:
        for a, b in zip(theirs, ours, strict=True):
            np.testing.assert_array_equal(a, b)
    assert step.experimental_get_tracing_count() == 1


@_optimizers
@pytest.mark.parametrize("carry_slots", [True, False])
def test_slots_are_carried_or_reset_and_new_ones_are_fresh(make, carry_slots):
    data = networks.batch()
    model, slots, step = _trainable(make)
    fresh = [float(v.numpy().flat[0]) for v in _all_slots(model, slots)]
    for _ in range(3):
        step(data)
    old = [v.numpy() for v in _all_slots(model, slots)]
    grower = networks.grower(model, random.Random(), slots=slots, carry_slots=carry_slots)
    grower.grow(0, data)
    for variable in model.trainable_variables:
        for slot in slots(variable):
            assert slot.variable.read_value().shape == variable.read_value().shape
    for slot, before, value in zip(_all_slots(model, slots), old, fresh, strict=True):
        slot = slot.numpy()
        if slot.shape == before.shape:  # The bias of the output grows not.
            np.testing.assert_array_equal(slot, before)
            continue
        expected = np.full_like(slot, value)
        if carry_slots:
            expected[tuple(slice(n) for n in before.shape)] = before
        np.testing.assert_array_equal(slot, expected)


@pytest.mark.parametrize("carry_slots", [True, False])
def test_growing_nothing_changes_nothing(carry_slots):
    data = networks.batch()
    model, slots, step = _trainable(OPTIMIZERS["momentum"])
    step(data)
    grower = networks.grower(model, random.Random(), (0,), slots=slots, carry_slots=carry_slots)
    variables = [*model.variables, *_all_slots(model, slots)]
    before = [v.numpy() for v in variables]
    grower.prepare(data)
    grower.grow(0, data)
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_an_optimizer_whose_slots_cannot_grow_is_named():
    model = networks.network()
    with pytest.raises(ValueError, match="slots of Adafactor cannot grow"):
        optimizers.GrowableSlots(tf_keras.optimizers.Adafactor(), model.trainable_variables)


_PATTERNED = {
    "AdamW, excluded": lambda p: legacy_adamw.AdamWeightDecay(exclude_from_weight_decay=p),
    "AdamW, included": lambda p: legacy_adamw.AdamWeightDecay(include_in_weight_decay=p),
    "LAMB, decay": lambda p: lamb.LAMB(exclude_from_weight_decay=p),
    "LAMB, adaptation": lambda p: lamb.LAMB(exclude_from_layer_adaptation=p),
    "LARS, decay": lambda p: lars.LARS(exclude_from_weight_decay=p),
    "LARS, adaptation": lambda p: lars.LARS(exclude_from_layer_adaptation=p),
    "LAMB, averaged": lambda p: optimization.ExponentialMovingAverage(
        lamb.LAMB(exclude_from_weight_decay=p)
    ),
    "LARS, scaled loss": lambda p: mixed_precision.loss_scale(
        lars.LARS(exclude_from_weight_decay=p)
    ),
}
_patterned = pytest.mark.parametrize("make", _PATTERNED.values(), ids=_PATTERNED.keys())


@_patterned
@pytest.mark.parametrize("pattern", ["batch_normalization", "LayerNorm", "biass", "^kernel"])
def test_a_pattern_in_the_name_of_no_variable_is_refused(make, pattern):
    model = networks.network(normalization=normalization.BatchNormalization)
    message = f"clude.*{re.escape(repr(pattern))} is in the name of no variable.*hidden_1/bias"
    with pytest.raises(ValueError, match=f"(?s){message}"):
        optimizers.GrowableSlots(make(["gain", pattern]), model.trainable_variables)


@_patterned
def test_patterns_in_the_name_of_a_variable_are_taken(make):
    model = networks.network(normalization=normalization.BatchNormalization)
    optimizers.GrowableSlots(make(["bias", "gain|shift", "^mlp"]), model.trainable_variables)


def test_the_nearest_name_is_offered_and_a_pattern_must_be_one():
    variables = networks.network().trainable_variables
    for pattern, message in [("biass", "Did you mean 'bias'"), ("*bias", "regular expression")]:
        with pytest.raises(ValueError, match=message):
            optimizers.GrowableSlots(lars.LARS(exclude_from_weight_decay=[pattern]), variables)


def test_a_pattern_is_matched_as_the_optimizer_matches_it():
    """A name ends in `:0`, which LAMB leaves out, and AdamW does not."""
    variables = networks.network().trainable_variables
    optimizers.GrowableSlots(lamb.LAMB(exclude_from_weight_decay=["bias$"]), variables)
    with pytest.raises(ValueError, match=r"'bias\$' is in the name of no variable"):
        adam = legacy_adamw.AdamWeightDecay(exclude_from_weight_decay=["bias$"])
        optimizers.GrowableSlots(adam, variables)
