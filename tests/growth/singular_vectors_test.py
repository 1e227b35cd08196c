"""Singular vectors at any scale and of any rank, and what growth methods make of them."""

import numpy as np
import pytest
import tensorflow as tf

from growth.linear_map import linear_map, singular_vectors, vector_norms
from growth.methods import gradmax, gradmax_opt, inner_optimization, manifolds, split
from models.layers import activations
from tests import networks

_SEED = tf.constant([3, 4])


class _Map:
    """A map that is known by its matrix, or by products with it alone."""

    def __init__(self, matrix, has_matrix):
        self.has_matrix = has_matrix
        self.shape = tuple(tf.unstack(tf.shape(matrix)))
        self._matrix = tf.constant(matrix, tf.float32)

    def matrix(self):
        assert self.has_matrix
        return self._matrix

    def to_outgoing(self, incoming):
        return tf.matmul(self._matrix, incoming)

    def to_incoming(self, outgoing):
        return tf.matmul(self._matrix, outgoing, transpose_a=True)


def _matrix(rows, columns, values):
    """A random matrix of these singular values, float64."""
    random = np.random.default_rng(rows)
    left, right = (np.linalg.qr(random.normal(size=[n, len(values)]))[0] for n in (rows, columns))
    return left * values @ right.T


def _top(matrix, count, has_matrix=True):
    return singular_vectors.top(_Map(matrix, has_matrix), tf.constant(count), _SEED)


# Decomposed as they are, from both sides; the last one by Krylov iteration.
_SHAPES = [(6, 4), (4, 6), (300, 301)]
_known_by = pytest.mark.parametrize("has_matrix", [True, False], ids=["matrix", "products"])


@_known_by
@pytest.mark.parametrize("scale", [1e-25, 1e-19, 1e-6, 1e15])
@pytest.mark.parametrize("shape", _SHAPES, ids=str)
def test_directions_do_not_depend_on_the_scale(shape, scale, has_matrix):
    values = np.array([2.0, 1.0, 0.5, 0.1])
    matrix = _matrix(*shape, values)
    found = _top(scale * matrix, 3, has_matrix)
    np.testing.assert_allclose(found.values / np.float32(scale), values[:3], rtol=1e-3)
    left, _, _ = np.linalg.svd(matrix)
    cosines = np.sum(left[:, :3] * found.left, axis=0)
    np.testing.assert_allclose(abs(cosines), 1.0, rtol=1e-3)
    expected = matrix.T @ found.left.numpy()
    np.testing.assert_allclose(found.right / np.float32(scale), expected, atol=1e-4)


@pytest.mark.parametrize("scale", [0.0, 1e-40])
def test_numbers_that_tensorflow_reads_as_zero_have_no_direction(scale):
    found = _top(scale * _matrix(6, 4, np.ones(4)), 5)
    np.testing.assert_array_equal(found.values, np.zeros(5))
    np.testing.assert_allclose(tf.matmul(found.left, found.left, True), np.eye(5), atol=1e-5)


@_known_by
@pytest.mark.parametrize("shape", _SHAPES, ids=str)
@pytest.mark.parametrize("values", [[1.0, 0.5], [1.0, 0.1, 2e-3, 5e-4], [1.0]], ids=str)
def test_random_directions_are_orthogonal_to_all_others(shape, values, has_matrix):
    rows, count = shape[0], 8
    rank = sum(value > 1e-3 for value in values)
    matrix = _matrix(*shape, np.array(values))
    found = _top(matrix, count, has_matrix)
    assert np.count_nonzero(found.values) == rank
    room = min(rows, count)
    orthogonal = found.left[:, :room]
    np.testing.assert_allclose(tf.matmul(orthogonal, orthogonal, True), np.eye(room), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found.left, axis=0), 1.0, rtol=1e-4)
    # And those that are kept are the singular vectors.
    np.testing.assert_allclose(
        np.linalg.norm(found.right[:, :rank], axis=0), values[:rank], rtol=2e-2
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("shape", _SHAPES, ids=str)
def test_a_map_that_is_not_finite_has_no_values(shape, bad):
    matrix = _matrix(*shape, np.ones(4))
    matrix[1, 2] = bad
    assert np.all(np.isnan(_top(matrix, 3).values))


_ADAM = inner_optimization.ProjectedAdam(steps=5)
_METHODS = {
    "GradMax": gradmax.GradMax(),
    "GradMaxOpt": gradmax_opt.GradMaxOpt(optimizer=_ADAM),
    "GradMaxOpt, orthogonal": gradmax_opt.GradMaxOpt(orthogonal=True, optimizer=_ADAM),
    "GradMaxOpt, inverse": gradmax_opt.GradMaxOpt(inverse=True, optimizer=_ADAM),
}


@pytest.mark.parametrize("activation", [activations.relu, activations.tanh])
@pytest.mark.parametrize("power", [2.0**-85, 2.0**-40, 2.0**60])
@pytest.mark.parametrize("method", _METHODS)
def test_the_scale_of_the_loss_changes_no_new_neuron(method, power, activation):
    view = networks.view(networks.network(activation=activation), 0, networks.batch())
    inputs, old, output_gradients, *_ = view._observed
    scaled = linear_map.LinearMap(
        view.site, linear_map.Observed(inputs, old, [power * g for g in output_gradients])
    )
    expected, found = (_METHODS[method](v, tf.constant(3), _SEED) for v in (view, scaled))
    np.testing.assert_array_equal(found.incoming, expected.incoming)
    np.testing.assert_array_equal(found.outgoing, expected.outgoing)


@pytest.mark.parametrize("scale", [1e-30, 1e-19, 1e-6, 1.0, 1e25])
def test_norms_of_numbers_whose_squares_are_out_of_range(scale):
    matrix = np.random.default_rng(0).normal(size=[5, 4]).astype(np.float32)
    matrix[:, 3] = 0.0
    norms = np.linalg.norm(matrix, axis=0)
    scaled = tf.constant(scale * matrix)
    np.testing.assert_allclose(vector_norms.of_columns(scaled), scale * norms, rtol=1e-6)
    # An array of zeros, and one without numbers, do not change the norm of all.
    arrays = [scaled, tf.zeros([3]), tf.zeros([0, 2])]
    np.testing.assert_allclose(
        vector_norms.of_all(arrays), scale * np.linalg.norm(matrix), rtol=1e-6
    )
    unit = vector_norms.unit_columns(scaled)
    np.testing.assert_allclose(unit[:, :3], matrix[:, :3] / norms[:3], rtol=1e-6)
    np.testing.assert_array_equal(unit[:, 3], np.zeros(5))
    np.testing.assert_allclose(
        manifolds.UnitColumns().nearest(scaled)[:, :3], unit[:, :3], rtol=1e-6
    )


def test_norms_of_what_is_not_finite_are_not_finite():
    for bad in (np.nan, np.inf):
        assert not np.isfinite(vector_norms.of_all([tf.constant([bad, 1.0])]))
        assert not np.isfinite(vector_norms.of_columns(tf.constant([[bad], [1.0]])))


def test_tiny_gradients_and_their_directions_are_logged(untraced):
    """A loss of 1e-25 times the usual one: the norms are told, and GradMax finds its optimum."""
    data = networks.batch()
    events = []
    for scale in (1.0, 1e-25):
        model = networks.network()
        grower = networks.grower(
            model,
            gradmax.GradMax(),
            loss_function=lambda t, o, scale=scale: scale * networks.loss(t, o),
        )
        events.append(grower.grow(0, data).sites)
    for name, expected in events[0].items():
        for key in ("gradient_norm_new", "gradient_norm_old", "singular_values"):
            np.testing.assert_allclose(
                np.array(getattr(events[1][name], key)) / 1e-25,
                getattr(expected, key),
                rtol=1e-3,
                err_msg=key,
            )


def test_copies_of_tiny_neurons_differ(untraced):
    """`Split.noise` is relative to the norm of incoming weights, also where that is 1e-20."""
    model, data = networks.network(use_bias=False), networks.batch()
    kernel = model.sites[0].producers[0].kernel
    kernel.assign(1e-20 * kernel)
    networks.grower(model, split.Split(noise=0.1), (5,)).grow(0, data)
    incoming = 1e20 * model.sites[0].incoming().numpy().astype(float)
    distances = np.linalg.norm(incoming[:, :5, None] - incoming[:, None, 5:], axis=0).min(axis=0)
    # Each neuron has one copy.
    expected = 0.1 * np.linalg.norm(incoming[:, :5], axis=0)
    np.testing.assert_allclose(np.sort(distances), np.sort(expected), rtol=1e-3)
