"""Growths with little or nothing to go by: every method keeps a network that can be trained."""

import functools
import json

import numpy as np
import pytest
import tensorflow as tf

from growth.decisions import policies, schedules
from growth.linear_map import singular_vectors
from growth.methods import (
    all_zero,
    best_candidates,
    choices,
    firefly,
    firefly_opt,
    gradmax,
    gradmax_opt,
    inner_optimization,
    pairs,
    random,
    split,
    tiny,
)
from growth.records import events
from models.architectures import convnet
from models.layers import normalization
from tests import networks, training_loops

_inner = functools.partial(inner_optimization.ProjectedAdam, steps=2)
_METHODS = {
    "AllZero": all_zero.AllZero,
    "Random": random.Random,
    "Random, inverse": functools.partial(random.Random, inverse=True),
    "Split": functools.partial(split.Split, noise=0.0),
    "Pairs": pairs.Pairs,
    "Pairs, chosen": functools.partial(pairs.Pairs, candidates=2),
    "GradMax": gradmax.GradMax,
    "GradMaxOpt": lambda: gradmax_opt.GradMaxOpt(optimizer=_inner()),
    "GradMaxOpt, inverse": lambda: gradmax_opt.GradMaxOpt(inverse=True, optimizer=_inner()),
    "GradMaxOpt, orthogonal": lambda: gradmax_opt.GradMaxOpt(orthogonal=True, optimizer=_inner()),
    "FireflyOpt": lambda: firefly_opt.FireflyOpt(optimizer=_inner()),
    "FireflyOpt, inverse": lambda: firefly_opt.FireflyOpt(inverse=True, optimizer=_inner()),
    "Firefly": lambda: firefly.Firefly(fraction=1e-4, optimizer=_inner()),
    "BestCandidates": functools.partial(best_candidates.BestCandidates, candidates=2),
    "BestCandidates, farthest": lambda: best_candidates.BestCandidates(
        candidates=2, choice=choices.FarthestActivations()
    ),
    "Tiny": tiny.Tiny,
}
_CHANGE_OUTPUTS = ["Tiny"]
_methods = pytest.mark.parametrize("method", _METHODS)


def _right_already(model):
    """The loss is zero, and so is its gradient."""
    inputs, _ = networks.batch()
    return inputs, model(inputs)


def _dead(model):
    """No neuron of the first site is active for any example."""
    layer = model.sites[0].producers[0]
    layer.kernel.assign(tf.zeros_like(layer.kernel))
    layer.bias.assign(-tf.ones_like(layer.bias))
    return networks.batch()


def _blank_inputs(model):
    inputs, targets = networks.batch()
    return tf.zeros_like(inputs), targets


def _without_weights(model):
    for variable in model.trainable_variables:
        variable.assign(tf.zeros_like(variable))
    return networks.batch()


def _one_example(model):
    return networks.batch(examples=1)


def _equal_examples(model):
    return tuple(tf.repeat(array, 9, axis=0) for array in networks.batch(examples=1))


def _ordinary(model):
    return networks.batch()


# What the network and the growth batch are like, and new neurons at each site.
_STATES = {
    "zero gradient": (_right_already, 3),
    "dead producer": (_dead, 3),
    "inputs of zero": (_blank_inputs, 3),
    "no weights": (_without_weights, 3),
    "one example": (_one_example, 3),
    "equal examples": (_equal_examples, 3),
    "more neurons than directions": (_ordinary, 40),
}


@_methods
@pytest.mark.parametrize("state", _STATES)
def test_the_growth_is_finite_and_keeps_the_network(untraced, method, state):
    prepare, count = _STATES[state]
    model = networks.network()
    data = prepare(model)
    before, widths = model(data[0]).numpy(), [site.width for site in model.sites]
    event = networks.grower(model, _METHODS[method](), (count,)).grow(0, data)
    assert [site.width for site in model.sites] == [width + count for width in widths]
    assert (
        events.Growth.from_json(json.loads(json.dumps(event.to_json(), allow_nan=False))) == event
    )
    assert all(np.all(np.isfinite(variable)) for variable in model.variables)
    if method in _CHANGE_OUTPUTS:
        assert networks.loss(data[1], model(data[0])) <= networks.loss(data[1], before) + 1e-6
    else:
        # Firefly's new neurons are of norm 1e-4 on one side.
        np.testing.assert_allclose(model(data[0]), before, atol=5e-3 * (1 + abs(before).max()))
    if method != "AllZero" and state != "no weights":
        for site in model.sites:
            new = tf.concat([site.incoming(), site.outgoing()], axis=0)[:, -count:]
            assert np.all(np.linalg.norm(new, axis=0) > 0)  # They can learn.


def test_new_neurons_have_weights_where_old_ones_have_none(untraced):
    model = networks.network()
    networks.grower(model, random.Random(), (3,)).grow(0, _without_weights(model))
    for site in model.sites:
        norms = np.linalg.norm(site.outgoing()[:, -3:], axis=0)
        np.testing.assert_allclose(norms, 1.0, rtol=0.7)  # The sites are neighbors.


@_methods
def test_one_example_behind_a_batch_normalization(untraced, method):
    # Everything that is normalized is zero, whatever the example.
    model = convnet.ConvNet((3, 4), 3, normalization=normalization.BatchNormalization)
    random_ = np.random.default_rng(0)
    inputs = tf.constant(random_.normal(size=[1, 1, 1, 2]), tf.float32)
    model(inputs)
    networks.grower(model, _METHODS[method](), (2,)).grow(0, (inputs, tf.ones([1, 3])))
    assert all(np.all(np.isfinite(variable)) for variable in model.variables)


def _nothing(rows, columns):
    return tf.zeros([rows, columns])


def _one_direction(rows, columns):
    return tf.ones([rows, 1]) * tf.ones([1, columns])


def _tiny(rows, columns):
    return 1e-30 * tf.random.stateless_normal([rows, columns], [0, 1])


@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (1, 1), (300, 301)], ids=str)
@pytest.mark.parametrize("make", [_nothing, _one_direction, _tiny])
def test_singular_vectors_of_degenerate_maps(shape, make):
    matrix = make(*shape)
    found = singular_vectors.SingularVectors(
        *singular_vectors._of_matrix(matrix, tf.constant(5), tf.constant([0, 0]))
    )
    assert found.left.shape == (shape[0], 5) and found.right.shape == (shape[1], 5)
    assert np.all(np.isfinite(found.left)) and np.all(np.isfinite(found.right))
    np.testing.assert_allclose(np.linalg.norm(found.left, axis=0), 1.0, rtol=1e-4)
    rank = {_nothing: 0, _one_direction: 1, _tiny: min(*shape, 5)}[make]
    assert np.count_nonzero(found.values) == rank


def test_a_gradient_of_zero_is_said(untraced, caplog):
    model = networks.network()
    networks.grower(model, random.Random(), (1,)).grow(7, _right_already(model))
    assert "step 7, site hidden_1: the gradient of the new neurons is zero" in caplog.text
    assert "step 7, site hidden_2: the gradient of the new neurons is zero" in caplog.text


@pytest.mark.parametrize("max_width", [4, 5])
@pytest.mark.parametrize("policy", [policies.AllAtOnce, policies.RoundRobin])
def test_a_growth_at_the_maximum_is_a_step_of_training(tmp_path, policy, max_width):
    weights = []
    for count in (3, 0):
        built, _ = training_loops.run(
            *(tmp_path / str(count), gradmax.GradMax(), schedules.PeriodicSchedule(0, 1, count)),
            *(policy(neurons=2, max_width=max_width), 6),
        )
        assert built.task.global_step == 6
        weights.append([v.numpy() for v in built.model.variables])
        assert [event.sites for event in built.grower.history.events] == [{}] * count
    for value, expected in zip(*weights, strict=True):
        np.testing.assert_array_equal(value, expected)
