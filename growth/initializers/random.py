"""Random growth (Berner et al. 2019; section 2 of the paper)."""

from collections.abc import Callable

import gin
import tensorflow as tf

from growth import linear_map as linear_map_lib
from growth import scales
from growth.initializers import initializer
from growth.neurons import NewNeurons
from models import site as site_lib


@gin.configurable
class Random(initializer.Initializer):
    """One side of a new neuron is random, the other zero, so that the output stays as it is.

    Args:
      scale: the norm of the random side, from the existing weights on that side.
      epsilon: the norm of the other side, in a random direction; 0 keeps the output exactly. A
        batch normalization between makes up to 1 / sqrt(its epsilon) times as much of it.
      inverse: False for zero incoming weights, True for zero outgoing weights.
    """

    uses_gradients = False

    def __init__(
        self,
        scale: Callable[[tf.Tensor], tf.Tensor] = scales.mean_norm,
        epsilon: float = 0.0,
        inverse: bool = False,
    ):
        self._scale = scale
        self._epsilon = epsilon
        self._inverse = inverse

    def check(self, site: site_lib.GrowthSite) -> None:
        """See `Initializer.check`."""
        if not self._inverse:
            site.check_preserving("Random")

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """See `Initializer.__call__`."""
        site = linear_map.site
        rows, columns = linear_map.shape
        seeds = tf.random.split(seed)
        incoming = initializer.unit_columns(columns, count, seeds[0])
        outgoing = initializer.unit_columns(rows, count, seeds[1])
        if self._inverse:
            return NewNeurons(self._scale(site.incoming()) * incoming, self._epsilon * outgoing)
        outgoing *= self._scale(site.outgoing())
        return NewNeurons(self._epsilon * incoming, outgoing)
