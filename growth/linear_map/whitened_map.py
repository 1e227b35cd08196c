"""The map A for inputs of unit variance."""

import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib


class WhitenedMap:
    """A R, for a symmetric R such as the root of an inverse; see `LinearMap` for its members.

    Args:
      linear_map: A, `[m, n]`.
      root: R, `[n, n]`.
    """

    def __init__(self, linear_map: linear_map_lib.LinearMap, root: tf.Tensor):
        self._map = linear_map
        self._root = root

    @property
    def shape(self) -> tuple[tf.Tensor, tf.Tensor]:
        """(m, n)."""
        return self._map.shape

    @property
    def has_matrix(self) -> bool:
        """True if A is a `matrix`."""
        return self._map.has_matrix

    def matrix(self) -> tf.Tensor:
        """A R, `[m, n]`; only if it `has_matrix`."""
        return tf.matmul(self._map.matrix(), self._root)

    def to_incoming(self, outgoing: tf.Tensor) -> tf.Tensor:
        """R A^T `outgoing`: `[m, k]` to `[n, k]`."""
        return tf.matmul(self._root, self._map.to_incoming(outgoing))

    def to_outgoing(self, incoming: tf.Tensor) -> tf.Tensor:
        """A R `incoming`: `[n, k]` to `[m, k]`."""
        return self._map.to_outgoing(tf.matmul(self._root, incoming))
