import numpy as np
import pytest
import tensorflow as tf

from growth.linear_map import singular_vectors
from models import cost
from tests import networks

_SEED = tf.constant([1, 2])


@pytest.mark.parametrize("index", [0, 1])
def test_a_is_the_mean_outer_product_of_output_gradients_and_inputs(index):
    # Equation 14: A = E[dL/dz h^T].
    model, data = networks.network((5, 7)), networks.batch()
    hidden = [data[0]]
    dense = cost.growable_layers(model)
    for layer in dense[:-1]:
        hidden.append(tf.nn.relu(layer(hidden[-1])))
    with tf.GradientTape() as tape:
        zs = [tf.nn.relu(dense[0](data[0]))]
        zs[0] = dense[1](zs[0])
        zs.append(dense[2](tf.nn.relu(zs[0])))
        value = networks.loss(data[1], zs[1])
    output_gradient = tape.gradient(value, zs[index])
    expected = tf.matmul(output_gradient, hidden[index], transpose_a=True)
    view = networks.view(model, index, data)
    np.testing.assert_allclose(networks.explicit(view), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", networks.ACTIVATIONS)
def test_the_two_products_are_adjoint(activation):
    view = networks.view(networks.network(activation=activation), 1, networks.batch())
    rows, columns = view.shape
    outgoing = tf.random.stateless_normal([rows, 3], _SEED)
    incoming = tf.random.stateless_normal([columns, 3], _SEED + 1)
    np.testing.assert_allclose(
        tf.reduce_sum(outgoing * view.to_outgoing(incoming)),
        tf.reduce_sum(incoming * view.to_incoming(outgoing)),
        rtol=1e-4,
    )


class _Matrix:
    """A given matrix in place of a site's map."""

    def __init__(self, matrix, has_matrix=False):
        self._matrix = tf.constant(matrix, tf.float32)
        self.shape = tf.unstack(tf.shape(self._matrix))
        self.has_matrix = has_matrix

    def matrix(self):
        return self._matrix

    def to_incoming(self, outgoing):
        return tf.matmul(self._matrix, outgoing, transpose_a=True)

    def to_outgoing(self, incoming):
        return tf.matmul(self._matrix, incoming)


def _spectrum(shape, values, seed=0):
    """A random matrix with the given singular values."""
    random = np.random.default_rng(seed)
    left, _ = np.linalg.qr(random.normal(size=[shape[0], len(values)]))
    right, _ = np.linalg.qr(random.normal(size=[shape[1], len(values)]))
    return left @ np.diag(values) @ right.T


_CASES = {
    "wide": (_spectrum((10, 300), np.linspace(1, 0.1, 10)), 4),
    "tall": (_spectrum((300, 10), np.linspace(1, 0.1, 10)), 4),
    "all": (_spectrum((6, 8), np.linspace(1, 0.1, 6)), 6),
    "more than rows": (_spectrum((6, 8), np.linspace(1, 0.1, 6)), 9),
    "more than the rank": (_spectrum((20, 30), [3, 2]), 5),
    "tiny": (1e-12 * _spectrum((20, 30), [3, 2, 1]), 2),
    "equal values": (np.eye(12), 3),
    "large, decaying": (_spectrum((700, 900), 0.97 ** np.arange(700)), 16),
    "large, flat": (np.random.default_rng(0).normal(size=(600, 800)), 16),
    "large, low rank": (_spectrum((700, 600), [5, 4, 3]), 16),
    "large, many": (_spectrum((400, 400), np.linspace(1, 0.1, 400)), 200),
}


@pytest.mark.parametrize("has_matrix", [False, True])
@pytest.mark.parametrize(("matrix", "count"), _CASES.values(), ids=_CASES.keys())
def test_top_singular_vectors_reach_the_optimum(matrix, count, has_matrix):
    site = _Matrix(matrix, has_matrix)
    found = tf.function(singular_vectors.top)(site, tf.constant(count), _SEED)
    values = np.linalg.svd(matrix, compute_uv=False)[:count]
    rank = int(np.sum(values > 1e-3 * values[0]))
    assert np.count_nonzero(found.values) == rank
    left = found.left.numpy()
    assert left.shape == (matrix.shape[0], count)
    np.testing.assert_allclose(found.right, matrix.T @ left, atol=1e-5 * values[0])
    np.testing.assert_allclose(np.linalg.norm(left, axis=0), np.ones(count), rtol=1e-4)
    reached = np.sum((matrix.T @ left[:, :rank]) ** 2)
    np.testing.assert_allclose(reached, np.sum(values**2), rtol=1e-4)
    np.testing.assert_allclose(np.sum(found.values.numpy() ** 2), np.sum(values**2), rtol=1e-4)
    np.testing.assert_allclose(left[:, :rank].T @ left[:, :rank], np.eye(rank), atol=2e-4)
    assert np.all(np.diff(found.values) <= 1e-6 * values[0])


def test_a_zero_map_has_only_random_directions():
    found = singular_vectors.top(_Matrix(np.zeros((4, 5))), tf.constant(2), _SEED)
    np.testing.assert_array_equal(found.values, np.zeros(2))
    np.testing.assert_allclose(tf.norm(found.left, axis=0), np.ones(2), rtol=1e-5)
