"""GradMax (equation 14 and appendix B of the paper)."""

from collections.abc import Callable

import gin
import tensorflow as tf

from growth import linear_map as linear_map_lib
from growth import scales, singular_vectors
from growth.initializers import initializer, signs
from growth.neurons import NewNeurons
from models import site as site_lib


@gin.configurable
class GradMax(initializer.Initializer):
    """Incoming weights zero, outgoing weights along the top k left singular vectors of A.

    Among all orthogonal outgoing weights of equal norm c these give the new incoming weights the
    largest gradient: its squared norm is c^2 times the sum of the k largest squared singular
    values. Neurons beyond the rank of A have no direction that the gradient singles out; they take
    random ones, as in `Random`.

    Args:
      scale: c, the norm of a new neuron's outgoing weights, from those of the existing neurons.
      epsilon: the norm of its incoming weights, in a random direction; 0 keeps the output exactly.
        A batch normalization between makes up to 1 / sqrt(its epsilon) times as much of it.
      sign: chooses the sign of each singular vector, see growth/initializers/signs.py.
    """

    def __init__(
        self,
        scale: Callable[[tf.Tensor], tf.Tensor] = scales.mean_norm,
        epsilon: float = 0.0,
        sign: Callable[..., tf.Tensor] = signs.descending,
    ):
        self._scale = scale
        self._epsilon = epsilon
        self._sign = sign

    def check(self, site: site_lib.GrowthSite) -> None:
        """See `Initializer.check`."""
        site.check_preserving("GradMax")

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """See `Initializer.__call__`."""
        _, columns = linear_map.shape
        seeds = tf.random.split(seed, 3)
        singular = singular_vectors.top(linear_map, count, seeds[0])
        outgoing = self._sign(linear_map, singular.left, singular.right, seeds[1]) * singular.left
        incoming = self._epsilon * initializer.unit_columns(columns, count, seeds[2])
        scale = self._scale(linear_map.site.outgoing())
        return NewNeurons(incoming, scale * outgoing, singular_values=singular.values)
