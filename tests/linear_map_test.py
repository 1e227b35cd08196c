import numpy as np
import pytest
import tensorflow as tf

from growth import singular_vectors
from tests import networks

_SEED = tf.constant([1, 2])


@pytest.mark.parametrize("index", [0, 1])
def test_a_is_the_mean_outer_product_of_output_gradients_and_inputs(index):
    # Equation 14: A = E[dL/dz h^T].
    model, data = networks.network((5, 7)), networks.batch()
    hidden = [data[0]]
    for layer in model.layers[1:-1]:
        hidden.append(tf.nn.relu(layer(hidden[-1])))
    with tf.GradientTape() as tape:
        zs = [tf.nn.relu(model.layers[1](data[0]))]
        zs[0] = model.layers[2](zs[0])
        zs.append(model.layers[3](tf.nn.relu(zs[0])))
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

    def __init__(self, matrix):
        self._matrix = tf.constant(matrix, tf.float32)
        self.shape = tf.unstack(tf.shape(self._matrix))

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


@pytest.mark.parametrize(("matrix", "count"), _CASES.values(), ids=_CASES.keys())
def test_top_singular_vectors_reach_the_optimum(matrix, count):
    found = tf.function(singular_vectors.top)(_Matrix(matrix), tf.constant(count), _SEED)
    values = np.linalg.svd(matrix, compute_uv=False)[:count]
    rank = int(np.sum(values > 1e-3 * values[0]))
    assert found.rank == rank
    assert found.left.shape == (matrix.shape[0], count)
    left = found.left.numpy()
    reached = np.sum((matrix.T @ left) ** 2)
    np.testing.assert_allclose(reached, np.sum(values**2), rtol=1e-4)
    np.testing.assert_allclose(np.sum(found.values.numpy() ** 2), np.sum(values**2), rtol=1e-4)
    expected = np.diag([1.0] * rank + [0.0] * (count - rank))
    np.testing.assert_allclose(left.T @ left, expected, atol=2e-4)
    assert np.all(np.diff(found.values) <= 1e-6 * values[0])


def test_a_zero_map_has_rank_zero():
    found = singular_vectors.top(_Matrix(np.zeros((4, 5))), tf.constant(2), _SEED)
    assert found.rank == 0
    np.testing.assert_array_equal(found.left, np.zeros((4, 2)))
