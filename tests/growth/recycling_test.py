"""Dormant neurons are reinitialized, alike on every device, and others stay as they are."""

import numpy as np
import pytest
import tensorflow as tf

from growth.methods import random
from growth.newborns import recycling
from models.layers import normalization
from tests import networks


def _grower(model, **kwargs):
    return networks.grower(model, random.Random(), recycling=recycling.Recycling(**kwargs))


def _kill(model, *neurons):
    """Makes neurons of the first site dormant, with outgoing weights of their own."""
    site = model.sites[0]
    kernel = site.producers[0].kernel
    value = kernel.numpy()
    value[:, neurons] = 0.0
    kernel.assign(value)
    for parameter in site.parameters:
        value = parameter.variable.numpy()
        if parameter.variable.name.endswith("bias:0"):
            value[list(neurons)] = -1.0  # Behind a ReLU.
        parameter.variable.assign(value)


def test_dormant_neurons_are_reinitialized_and_others_stay():
    model, data = networks.network((6, 7)), networks.batch()
    _kill(model, 1, 4)
    before, outputs = [v.numpy() for v in model.trainable_variables], model(data[0]).numpy()
    counts = _grower(model, dormant_below=0.01).recycle(3, data)
    assert counts == {"hidden_1": 2, "hidden_2": 0}
    site = model.sites[0]
    np.testing.assert_allclose(model(data[0]), outputs, rtol=1e-5, atol=1e-6)
    incoming, outgoing = site.incoming().numpy(), site.outgoing().numpy()
    norms = np.linalg.norm(before[0], axis=0)
    np.testing.assert_allclose(np.linalg.norm(incoming[:, [1, 4]], axis=0), norms.mean(), rtol=1e-5)
    np.testing.assert_array_equal(outgoing[:, [1, 4]], 0.0)
    np.testing.assert_array_equal(model.trainable_variables[1].numpy()[[1, 4]], 0.0)
    kept = [0, 2, 3, 5]
    np.testing.assert_array_equal(incoming[:, kept], before[0][:, kept])
    np.testing.assert_array_equal(outgoing[:, kept], before[2].T[:, kept])
    for value, same in zip(model.trainable_variables[3:], before[3:], strict=True):
        np.testing.assert_array_equal(value, same)


def test_slots_of_recycled_neurons_are_fresh():
    model, data = networks.network((6, 7)), networks.batch()
    optimizer, slots = networks.optimizer(model)
    for variable in model.trainable_variables:
        for slot in slots(variable):
            slot.variable.assign(tf.ones_like(slot.variable))
    _kill(model, 2)
    grower = networks.grower(
        model, random.Random(), slots=slots, recycling=recycling.Recycling(dormant_below=0.01)
    )
    grower.recycle(0, data)
    (of_first,), (of_second,) = (slots(layer.kernel) for layer in _layers(model))
    first, second = of_first.variable.numpy(), of_second.variable.numpy()
    assert np.all(first[:, 2] == 0) and np.all(second[2] == 0)
    assert first.sum() == first.size - len(first) and second.sum() == second.size - second.shape[1]


def _layers(model):
    return [model.sites[0].producers[0], model.sites[0].consumers[0]]


def test_a_step_decides_the_directions_and_a_traced_function_serves_all_widths():
    found = []
    for step in (5, 5, 6):
        model, data = networks.network((6, 7)), networks.batch()
        grower = _grower(model, dormant_below=0.01)
        _kill(model, 0)
        grower.recycle(step, data)
        found.append(model.sites[0].incoming().numpy()[:, 0])
        grower.grow(step, data)
        grower.recycle(step + 1, data)
        assert grower._recycler._recycle.experimental_get_tracing_count() == 1
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2])


def test_a_normalization_is_reinitialized():
    model = networks.network((5, 4), normalization=normalization.BatchNormalization)
    data = networks.batch()
    site = model.sites[0]
    for parameter in site.parameters:
        parameter.variable.assign(tf.fill(tf.shape(parameter.variable), 3.0))
    layer = site.between[0]
    for variable in (layer.scale, layer.offset):
        variable.assign([3.0, 3.0, 0.0, 3.0, 3.0])
    assert _grower(model, dormant_below=0.01).recycle(0, data)["hidden_1"] == 1
    fresh = [value.numpy()[0] for value in site.values_of_new(tf.constant(1))]
    for parameter, value in zip(site.parameters, fresh, strict=True):
        assert parameter.variable.numpy()[2] == value
        assert np.all(parameter.variable.numpy()[[0, 1, 3, 4]] == 3.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": 0}, "Recycling.every = 0 must be at least 1"),
        ({"dormant_below": 1.0}, "Recycling.dormant_below = 1.0 must be 0 or more and below 1"),
        ({"dormant_below": float("nan")}, "Recycling.dormant_below = nan"),
    ],
)
def test_what_is_out_of_range_is_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        recycling.Recycling(**arguments)


@pytest.mark.parametrize("every", [None, 2])
def test_the_times_are_those_of_growths_or_of_their_own(every):
    grower = _grower(networks.network(), every=every)
    expected = [grower.next_growth(step) for step in range(4)] if every is None else [2, 2, 2, 4]
    assert [grower.next_recycling(step) for step in range(4)] == expected


def test_nothing_is_recycled_unless_it_is_bound():
    grower = networks.grower(networks.network(), random.Random())
    assert grower.next_recycling(0) is None
    with pytest.raises(ValueError, match="Grower.recycling = None"):
        grower.recycle(0, networks.batch())
