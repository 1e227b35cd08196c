"""Random growth (Berner et al. 2019; section 2 of the paper)."""

import gin
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.methods import method, one_sided
from growth.surgery.neurons import NewNeurons


@gin.configurable
class Random(one_sided.OneSided):
    """One side of a new neuron is random, the other zero, so that the output stays as it is.

    Arguments as of `OneSided`; directions are random on both sides.
    """

    uses_gradients = False

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """See `GrowthMethod.__call__`."""
        rows, columns = linear_map.shape
        seeds = tf.random.split(seed)
        norm_in, norm_out = self.norms(linear_map.site)
        return NewNeurons(
            norm_in * method.unit_columns(columns, count, seeds[0]),
            norm_out * method.unit_columns(rows, count, seeds[1]),
        )
