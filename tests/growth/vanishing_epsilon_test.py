"""Firefly changes nothing else, and keeps the output as epsilon goes to zero."""

import numpy as np
import pytest
import tensorflow as tf

from growth.methods import firefly, firefly_opt, inner_optimization
from models.layers import activations, normalization, pooling
from tests import firefly_splits, grown_network, networks, site_table, trained_site

# One step as long as a neuron's weights turns directions around, away from where the loss rises.
_ONE_STEP = inner_optimization.ProjectedAdam(steps=1, learning_rate=1.0)
# What they are by default, here and in Keras.
_BATCH_NORM_EPSILON = 1e-5
_NEURONS = 2
# Of outputs in float32, relative to their norm.
_NOISE = 2e-6


def _firefly_opt(epsilon, inverse=False, optimizer=_ONE_STEP):
    return firefly_opt.FireflyOpt(epsilon=epsilon, inverse=inverse, optimizer=optimizer)


METHODS = {
    "firefly_opt": _firefly_opt,
    "firefly_opt, inverse": lambda epsilon: _firefly_opt(epsilon, inverse=True),
    "firefly": lambda epsilon: firefly.Firefly(fraction=epsilon, optimizer=_ONE_STEP),
    "splits": lambda epsilon: firefly_splits.Splits(fraction=epsilon, optimizer=_ONE_STEP),
}
_NEED_NEURONS = ["splits"]
_CHANGE_OLD = ["firefly", "splits"]

pytestmark = pytest.mark.usefixtures("untraced")


@pytest.fixture(scope="module", params=site_table.SITES)
def site(request):
    return trained_site.TrainedSite.of_kind(request.param)


def _normalizations(where, kind):
    return sum(isinstance(layer, kind) for layer in where.between)


def _epsilon(where, method):
    """In the linear range of what lies between."""
    if method == "splits":
        return 0.1
    if method == "firefly_opt":
        norms = _normalizations(where, normalization.BatchNormalization)
        return 1e-3 * _BATCH_NORM_EPSILON ** (norms / 2)
    return 1e-3


def _assert_the_rest_is_kept(where, old_kernels, changes_old):
    """Checks producers' and consumers' kernels `(incoming, outgoing)` against what they were."""
    old_in, old_out = old_kernels
    width = old_in.shape[1]
    new_in, new_out = where.incoming().numpy()[:, :width], where.outgoing().numpy()[:, :width]
    split = np.any(new_out != old_out, axis=0)
    assert split.sum() <= (_NEURONS if changes_old else 0)
    np.testing.assert_array_equal(new_in[:, ~split], old_in[:, ~split])
    np.testing.assert_array_equal(new_out[:, split], 0.5 * old_out[:, split])


@pytest.mark.parametrize("method", METHODS)
def test_growth_changes_the_output_less_with_less_epsilon_and_nothing_else(site, method):
    (where,) = site.model.sites
    if method in _NEED_NEURONS and not where.width:
        pytest.skip("there is nothing to split")
    epsilon = _epsilon(where, method)
    kernels = {layer.kernel.ref() for layer in [*where.producers, *where.consumers]}
    before, variables = site.outputs(), site.variables()
    old, old_kernels = [v.numpy() for v in variables], (where.incoming(), where.outgoing())
    norms, changes = [np.linalg.norm(output) for output in before], []
    for value in (epsilon, epsilon / 10):
        with grown_network.kept(variables):
            grower = networks.grower(site.model, METHODS[method](value), (_NEURONS,), site.slots)
            grower.grow(0, site.batch)
            change = site.outputs() - before
            for variable, kept in zip(variables, old, strict=True):
                if variable.ref() not in kernels:
                    part = variable.numpy()[trained_site.old_part(kept)]
                    np.testing.assert_array_equal(part, kept)
            _assert_the_rest_is_kept(where, [k.numpy() for k in old_kernels], method in _CHANGE_OLD)
        changes.append([np.linalg.norm(c) / norm for c, norm in zip(change, norms, strict=True)])
    more, less = np.array(changes)
    # Splits move far enough to cross ReLU's kinks, here and there.
    least_shrinkage = 7.0 if method == "splits" else 9.8
    assert np.all(less <= np.maximum(_NOISE, more / least_shrinkage))


# Not with a layer normalization: its moments are those of the initial neurons, of which a split
# moves one half and not the other.
@pytest.mark.parametrize(
    "between",
    [
        [activations.tanh],
        [normalization.BatchNormalization(name="batch_norm"), activations.tanh],
        [activations.tanh, pooling.AveragePooling2D()],
    ],
)
@pytest.mark.parametrize("windows", [{}, {"strides": (2, 1), "dilations": (1, 2)}])
def test_splits_change_the_output_in_second_order(between, windows):
    model, data = site_table.Convolutions(between=lambda: between, **windows)()
    before, changes = model(data[0], training=True), []
    for epsilon in (0.1, 0.01):
        with grown_network.kept(model.variables):
            # All neurons, so that the choice does not depend on epsilon.
            grower = networks.grower(model, METHODS["splits"](epsilon), (model.sites[0].width,))
            grower.grow(0, data)
            changes.append(float(tf.norm(model(data[0], training=True) - before)))
    assert 90 < changes[0] / changes[1] < 110


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(
    "kind",
    [
        "dense, batch norm",
        "flatten",
        "depthwise, stride 2",
        "layer norm",
        "max pooling, overlapping",
        "two producers",
        "two consumers",
        "new convolution, everything between",
    ],
)
def test_the_descent_of_firefly_opt_lowers_the_loss_from_its_random_start(kind, inverse):
    def loss(optimizer):
        model, data = site_table.SITES[kind]()
        method = _firefly_opt(0.1, inverse, optimizer)
        return networks.grower(model, method, (_NEURONS,)).grow(0, data).loss

    descent = inner_optimization.ProjectedAdam(steps=20, learning_rate=0.03)
    start = inner_optimization.ProjectedAdam(steps=1, learning_rate=1e-9)
    assert loss(descent) < loss(start) - 1e-4
