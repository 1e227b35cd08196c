"""New neurons with outgoing weights of zero, the best of many random ones."""

from collections.abc import Callable

import gin
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.methods import choices, method, scales
from growth.surgery.neurons import NewNeurons


@gin.configurable
class BestCandidates(method.GrowthMethod):
    """Outgoing weights of zero, incoming ones the best of many random directions.

    `Random` with `inverse`, but not any neurons: those that `choice` prefers. The output stays
    exactly as it is, any activation will do, and a batch normalization is not disturbed.

    Args:
      scale: the norm of incoming weights, from the existing ones.
      candidates: random directions for each new neuron; 1 leaves nothing to choose.
      choice: what makes a candidate better than another; `LargestGradient` if None.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self,
        scale: Callable[[tf.Tensor], tf.Tensor] = scales.mean_norm,
        candidates: int = 16,
        choice: choices.Choice | None = None,
    ):
        if candidates < 1:
            raise ValueError(f"BestCandidates.candidates = {candidates} must be at least 1")
        self._scale = scale
        self._candidates = candidates
        self._choice = choice or choices.LargestGradient()

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """See `GrowthMethod.__call__`."""
        fan_out, fan_in = linear_map.shape
        directions = method.unit_columns(fan_in, count * self._candidates, seed)
        incoming = self._scale(linear_map.site.incoming()) * directions
        best = self._choice(linear_map, incoming, count)
        return NewNeurons(tf.gather(incoming, best, axis=1), tf.zeros([fan_out, count]))
