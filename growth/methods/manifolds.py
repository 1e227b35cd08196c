"""Manifolds of weights of new neurons: matrices `[n, k]` with columns of norm 1."""

import abc

import tensorflow as tf

from growth.linear_map import vector_norms


class Manifold(abc.ABC):
    """A set of allowed matrices, and its tangents."""

    @abc.abstractmethod
    def nearest(self, weights: tf.Tensor) -> tf.Tensor:
        """A matrix of the set near `weights`."""

    @abc.abstractmethod
    def tangent(self, weights: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        """The part of a `gradient` at `weights`, which are in the set, that leads along it."""


class UnitColumns(Manifold):
    """Each column by itself has norm 1."""

    def nearest(self, weights: tf.Tensor) -> tf.Tensor:
        """See `Manifold.nearest`."""
        return vector_norms.unit_columns(weights)

    def tangent(self, weights: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        """See `Manifold.tangent`."""
        return gradient - weights * tf.reduce_sum(weights * gradient, axis=0)


class OrthonormalColumns(Manifold):
    """Columns are orthogonal to each other too; those for which there is no room have norm 1."""

    def nearest(self, weights: tf.Tensor) -> tf.Tensor:
        """See `Manifold.nearest`."""
        basis, rest = _split(weights)
        basis, triangle = tf.linalg.qr(basis)
        # QR leaves signs open; with those of the weights, steps do not turn around.
        basis *= tf.where(tf.linalg.diag_part(triangle) < 0, -1.0, 1.0)
        return tf.concat([basis, UnitColumns().nearest(rest)], axis=1)

    def tangent(self, weights: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        """See `Manifold.tangent`."""
        (basis, rest), (by_basis, by_rest) = _split(weights), _split(gradient)
        inner = tf.matmul(basis, by_basis, transpose_a=True)
        by_basis -= 0.5 * tf.matmul(basis, inner + tf.transpose(inner))
        return tf.concat([by_basis, UnitColumns().tangent(rest, by_rest)], axis=1)


def _split(weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The columns that can be orthogonal, and the rest."""
    size = tf.minimum(tf.shape(weights)[0], tf.shape(weights)[1])
    return weights[:, :size], weights[:, size:]
