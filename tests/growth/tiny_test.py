"""Tiny's neurons are those of the paper's formulas, and lower the loss by what they foretell."""

import numpy as np
import pytest
import tensorflow as tf

from growth.linear_map import site_observer
from growth.methods import scales, tiny
from growth.surgery import surgery
from growth.surgery import trial as trial_lib
from models import cost
from models.layers import activations
from tests import grown_network, networks, site_table

_SEED = tf.constant([3, 4])

pytestmark = pytest.mark.usefixtures("untraced")


def _power(matrix, exponent):
    """Of a symmetric matrix without eigenvalues of zero, in float64."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * values**exponent @ vectors.T


def _reference(s, n, count):
    """Incoming and outgoing weights of gromo's `compute_optimal_added_parameters`, and lambda."""
    root = _power(s, -0.5)
    u, values, v = np.linalg.svd(root @ n, full_matrices=False)
    u, values, v = u[:, :count], values[:count], v[:count]
    return np.sqrt(values) * (root @ u), np.sqrt(values) * v.T, values


def _assert_same_neurons(new, expected, tolerance):
    """Up to the sign of each neuron, which its outgoing weights share with its incoming ones."""
    incoming, outgoing, values = expected
    np.testing.assert_allclose(new.singular_values, values, rtol=tolerance)
    # [n, m, k]; the sign is open.
    products = [np.einsum("nk,mk->nmk", *pair) for pair in (new[:2], (incoming, outgoing))]
    np.testing.assert_allclose(*products, rtol=0, atol=tolerance * np.abs(products[1]).max())
    norms = [np.linalg.norm(side, axis=0) for side in (new.incoming, incoming)]
    np.testing.assert_allclose(*norms, rtol=tolerance)


class _Site:
    """Given matrices S and N in place of a site and its gradients."""

    has_matrix = True

    def __init__(self, s, n):
        self._s, self._n = tf.constant(s, tf.float32), tf.constant(n, tf.float32)
        self.site = networks.network().sites[0]
        self.shape = tf.unstack(tf.shape(self._n))[::-1]

    def second_moment(self):
        return self._s

    def residual(self):
        return self

    def gradient_norm(self):
        return 1.0

    def matrix(self):
        # N is of what is wanted, A of what raises the loss.
        return -tf.transpose(self._n)


def _first_sign(linear_map_, left, right, seed):
    del linear_map_, right, seed
    return tf.ones(tf.shape(left)[1])


@pytest.mark.parametrize("shape", [(8, 6), (5, 9), (12, 12)], ids=str)
def test_neurons_are_those_of_gromo_for_random_matrices(shape):
    random = np.random.default_rng(0)
    inputs = random.normal(size=[200, shape[0]])
    s, n = inputs.T @ inputs / len(inputs), random.normal(size=shape)
    new = tiny.Tiny(sign=_first_sign)(_Site(s, n), tf.constant(3), _SEED)
    _assert_same_neurons(new, _reference(s, n, 3), 1e-5)


def _least_squares(model, index, data):
    """S, N and V_r of a site of an MLP, in float64 and without the code of the product."""
    layers = cost.growable_layers(model)
    with tf.GradientTape() as tape:
        read, outputs = [data[0]], []
        for layer in layers:
            outputs.append(layer(read[-1]))
            tape.watch(outputs[-1])
            read.append(activations.tanh(outputs[-1]))
        value = networks.loss(data[1], outputs[-1])
    wanted = -tape.gradient(value, outputs[index + 1]).numpy().astype(float)
    h, b = (read[i].numpy().astype(float) for i in (index, index + 1))
    b = np.concatenate([b, np.ones([len(b), 1])], axis=1)
    rest = wanted - b @ np.linalg.lstsq(b, wanted, rcond=None)[0]
    return h.T @ h / len(h), h.T @ rest, rest


@pytest.mark.parametrize("index", [0, 1])
def test_neurons_answer_to_what_the_existing_ones_cannot_do(index):
    model, data = networks.network(activation=activations.tanh), networks.batch()
    s, n, rest = _least_squares(model, index, data)
    view = networks.view(model, index, data)
    np.testing.assert_allclose(view.second_moment(), s, rtol=1e-4, atol=1e-6)
    residual = view.residual()
    (left,) = residual._observed.output_gradients
    np.testing.assert_allclose(-left, rest, rtol=1e-3, atol=1e-5 * np.abs(rest).max())
    new = tiny.Tiny()(view, tf.constant(2), _SEED)
    _assert_same_neurons(new, _reference(s, n, 2), 1e-4)


def _loss_change(model, data, new):
    """Of the network that is grown by `new`, in float64 from the change of its outputs."""
    targets = data[1].numpy().astype(float)

    def outputs():
        return model(data[0], training=True).numpy().astype(float)

    with grown_network.kept(model.variables):
        before = outputs()
        surgery.assign(surgery.grown(model.sites, [new]).values())
        after = outputs()
    return 0.5 * np.mean(np.sum((after - before) * (after + before - 2 * targets), axis=1))


# Where a batch normalization follows the producer, neurons are of unit variance at any amplitude.
_KINDS = [
    "dense",
    "dense, layer norm",
    "global average pooling",
    "sequence",
    "strides (2, 1), map of 8, same, smooth",
    "dilations and strides",
    "depthwise, stride 2",
    "average pooling",
    "max pooling, overlapping",
    "centered sigmoid",
    "residual",
    "two consumers",
    "two producers",
    "new convolution",
    "new dense",
]


@pytest.mark.parametrize("kind", _KINDS)
def test_the_loss_falls_at_a_small_amplitude_as_foretold(kind):
    model, data = site_table.SITES[kind]()
    view = networks.view(model, 0, data)
    new = tiny.Tiny()(view, tf.constant(2), _SEED)
    new = tiny._scaled(new, tf.constant(0.02))
    foretold = float(tf.reduce_sum(view.loss_change(new.incoming, new.outgoing)))
    measured = _loss_change(model, data, new)
    assert foretold < 0
    np.testing.assert_allclose(measured, foretold, rtol=0.1)


@pytest.mark.parametrize("kind", ["dense", "dilations and strides", "average pooling", "residual"])
def test_squared_singular_values_are_the_decrease_where_activations_are_linear(kind):
    model, data = site_table.SITES[kind]()
    for layer in model.sites[0].between:
        if hasattr(layer, "function"):
            layer.function = activations.identity
    residual = networks.view(model, 0, data).residual()
    new = tiny.Tiny()(networks.view(model, 0, data), tf.constant(2), _SEED)
    changes = residual.loss_change(new.incoming, new.outgoing)
    np.testing.assert_allclose(changes, -np.square(new.singular_values), rtol=1e-3)


def _trial(model, data):
    loss = site_observer.loss_of(model, networks.loss)
    return trial_lib.Trial(model.sites, loss, data, tf.distribute.get_strategy())


@pytest.mark.parametrize("scale", [1e-20, 1e-3, 1.0, 1e4])
def test_the_amplitude_does_not_depend_on_the_scale_of_the_loss(scale):
    model, data = networks.network(), networks.batch()
    grower = networks.grower(
        model, tiny.Tiny(), (3,), loss_function=lambda t, o: scale * networks.loss(t, o)
    )
    before = float(networks.loss(data[1], model(data[0])))
    assert grower.grow(0, data).loss / scale < 0.95 * before


def test_the_amplitude_is_the_best_of_its_neighbours():
    model, data = networks.network((5,)), networks.batch()
    trial = _trial(model, data)
    start = tiny.Tiny()(networks.view(model, 0, data), tf.constant(3), _SEED)
    (best,) = tiny.Tiny().refine(trial, [start], [tf.constant(3)])
    losses = [float(trial.loss([tiny._scaled(best, factor**0.5)])) for factor in (0.5, 1, 2)]
    assert losses[1] < min(losses[0], losses[2])
    # Both sides have the same factor.
    pairs = zip(best[:2], start[:2], strict=True)
    factors = [np.linalg.norm(b) / np.linalg.norm(s) for b, s in pairs]
    np.testing.assert_allclose(*factors, rtol=1e-5)


def _search(loss, steps=20):
    """The amplitude that is found for a function, and how many times it was asked."""
    asked = []

    def counted(amplitude):
        asked.append(float(amplitude))
        return tf.constant(loss(float(amplitude)), tf.float32)

    found = tiny.Tiny(search_steps=steps)._searched(counted, tf.constant([1.0]))
    return float(found), len(asked)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lambda a: (a - 1.0) ** 2, 1.0),
        (lambda a: (a / 64 - 1.0) ** 2, 64.0),
        (lambda a: (64 * a - 1.0) ** 2, 1 / 64),
        # Rises far above what it was, on both ways to the minimum.
        (lambda a: 1.0 - a if a < 0.1 else 100.0, 1 / 16),
        (lambda a: 1.0 - a if a < 5.0 else 100.0, 4.0),
        (lambda a: 1.0 - a if a < 0.1 else np.nan, 1 / 16),
    ],
)
def test_the_line_search_finds_the_minimum_from_any_side(loss, expected):
    found, asked = _search(loss)
    assert found == expected and asked <= 12


def test_a_loss_that_cannot_fall_ends_the_line_search_at_a_small_amplitude():
    found, asked = _search(lambda a: 1.0 + a, steps=20)
    assert found == 2.0**-20 and asked == 23


def test_inputs_that_hardly_vary_are_not_read():
    model, (inputs, targets) = networks.network(inputs=6), networks.batch()
    # The last input is another one, up to a little noise.
    noise = 1e-2 * np.random.default_rng(1).normal(size=[64, 1])
    inputs = tf.concat([inputs[:, :5], inputs[:, :1] + noise], axis=1)
    view = networks.view(model, 0, (inputs, targets))
    new = tiny.Tiny(tolerance=1e-3)(view, tf.constant(4), _SEED)
    np.testing.assert_allclose(new.incoming[0], new.incoming[5], rtol=1e-2, atol=1e-3)
    new = tiny.Tiny(tolerance=1e-6)(view, tf.constant(4), _SEED)
    assert np.abs(new.incoming[0] - new.incoming[5]).max() > 1.0


@pytest.mark.parametrize(("outputs", "count"), [(1, 1), (1, 4), (2, 5)])
def test_neurons_beyond_the_rank_are_random_and_silent(outputs, count):
    model, data = networks.network((5,), outputs=outputs), networks.batch(outputs=outputs)
    method = tiny.Tiny(scale=lambda w: scales.mean_norm(w, 0.5))
    norm = 0.5 * np.linalg.norm(model.sites[0].incoming(), axis=0).mean()
    event = networks.grower(model, method, (count,)).grow(0, data)
    assert np.count_nonzero(event.sites["hidden_1"].singular_values) == min(outputs, count)
    new_in, new_out = (
        side.numpy()[:, 5:] for side in (model.sites[0].incoming(), model.sites[0].outgoing())
    )
    assert np.all(np.linalg.norm(new_out[:, :outputs], axis=0) > 1e-3)
    np.testing.assert_array_equal(new_out[:, outputs:], np.zeros_like(new_out[:, outputs:]))
    norms = np.linalg.norm(new_in[:, outputs:], axis=0)
    np.testing.assert_allclose(norms, np.full_like(norms, norm), rtol=1e-5)


def test_an_activation_that_is_not_linear_at_zero_is_refused():
    model = networks.network(activation=tf.nn.sigmoid)
    with pytest.raises(ValueError, match=r"Tiny takes activations for linear at zero at site"):
        networks.grower(model, tiny.Tiny())


@pytest.mark.parametrize("argument", [{"tolerance": -0.1}, {"tolerance": 1.0}, {"search_steps": 0}])
def test_what_is_out_of_range_is_named(argument):
    with pytest.raises(ValueError, match=rf"Tiny.{next(iter(argument))} = "):
        tiny.Tiny(**argument)
