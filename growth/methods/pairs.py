"""Pairs of new neurons that cancel (Yuan, Savarese and Maire 2023)."""

from collections.abc import Callable

import gin
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.methods import method, scales
from growth.surgery.neurons import NewNeurons


@gin.configurable
class Pairs(method.GrowthMethod):
    """Incoming weights V and V, outgoing weights Z and -Z: the output stays, and no side is zero.

    The neurons of a pair get opposite gradients by their incoming weights, so that the first step
    tells them apart. Any activation will do. V and Z are random. The last one of an odd number of
    neurons has outgoing weights of zero.

    Args:
      scale: the norm of new weights, from the existing weights on the same side.
      fraction: the norm of outgoing weights over that of `scale`; smaller ones keep the network
        closer to what it was in the steps after the growth.
      candidates: random directions that each V is chosen from: the one with the largest gradient by
        the outgoing weights. With 1 a growth needs no pass over the growth batch.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self,
        scale: Callable[[tf.Tensor], tf.Tensor] = scales.mean_norm,
        fraction: float = 1.0,
        candidates: int = 1,
    ):
        if not fraction > 0:
            raise ValueError(
                f"Pairs.fraction = {fraction} must be above 0, e.g. 0.3; for outgoing weights of "
                "zero use @Random() with Random.inverse = True"
            )
        if candidates < 1:
            raise ValueError(f"Pairs.candidates = {candidates} must be at least 1")
        self._scale = scale
        self._fraction = fraction
        self._candidates = candidates
        self.uses_gradients = candidates > 1

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """See `GrowthMethod.__call__`."""
        rows, columns = linear_map.shape
        norm_in = self._scale(linear_map.site.incoming())
        norm_out = self._fraction * self._scale(linear_map.site.outgoing())
        seeds = tf.random.split(seed)
        pairs = (count + 1) // 2
        candidates = method.unit_columns(columns, pairs * self._candidates, seeds[0])
        incoming = norm_in * candidates
        if self._candidates > 1:
            incoming = tf.gather(incoming, self._best(linear_map, incoming, pairs), axis=1)
        outgoing = norm_out * method.unit_columns(rows, pairs, seeds[1])
        neurons = tf.range(count)
        is_odd_one = (neurons == count - 1) & (count % 2 == 1)
        signs = tf.where(is_odd_one, 0.0, tf.where(neurons % 2 == 0, 1.0, -1.0))
        return NewNeurons(
            tf.gather(incoming, neurons // 2, axis=1),
            signs * tf.gather(outgoing, neurons // 2, axis=1),
        )

    def _best(self, linear_map, incoming, pairs):
        """The column of `incoming` with the largest gradient, of the candidates of each pair."""
        zero = tf.zeros([linear_map.shape[0], tf.shape(incoming)[1]])
        by_outgoing = linear_map.gradients(incoming, zero)[1]
        norms = tf.reshape(tf.norm(by_outgoing, axis=0), [pairs, self._candidates])
        first = self._candidates * tf.range(pairs)
        return first + tf.argmax(norms, axis=1, output_type=tf.int32)
