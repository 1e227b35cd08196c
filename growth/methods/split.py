"""Net2Net widening (Chen et al. 2016; figures 10 and 12 of the paper)."""

import gin
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.linear_map import vector_norms
from growth.methods import method
from growth.surgery.neurons import NewNeurons, OldNeurons
from models import site as site_lib


@gin.configurable
class Split(method.GrowthMethod):
    """New neurons are copies of old ones, which share their outgoing weights with them.

    A neuron that is copied once keeps half of its outgoing weights and gives its copy the other
    half. No neuron is copied twice before all have been copied once. Bias, normalization and
    depthwise filter are copied as well.

    Args:
      share: of the outgoing weights of a neuron that its copies get together, over an equal share:
        1 for halves, if it is copied once. Other shares tell both apart by the size of their
        gradients (SPARKLING), also without noise.
      noise: added to a copy's incoming weights to make it differ, in a random direction; its norm
        relative to that of the weights. 0 keeps the output exactly, but then copies get the same
        gradient for ever.

    Raises:
      ValueError: an argument is out of range.
    """

    uses_gradients = False

    def __init__(self, noise: float = 0.01, share: float = 1.0):
        if noise < 0:
            raise ValueError(f"Split.noise = {noise} must be at least 0, e.g. 0.01")
        if not 0.0 < share <= 1.0:
            raise ValueError(
                f"Split.share = {share} must be above 0 and at most 1, e.g. 0.5 for a quarter"
            )
        self._noise = noise
        self._share = share

    def check(self, site: site_lib.GrowthSite) -> None:
        """See `GrowthMethod.check`."""
        if site.width == 0:
            raise ValueError(
                f"Split copies neurons, and site {site.name!r} has none yet; use another method"
            )

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """See `GrowthMethod.__call__`."""
        incoming, outgoing = linear_map.site.incoming(), linear_map.site.outgoing()
        fan_in, width = tf.unstack(tf.shape(incoming))
        seeds = tf.random.split(seed)
        rounds = -(-count // width)
        parents = tf.argsort(tf.random.stateless_uniform([rounds, width], seeds[0]), axis=1)
        parents = tf.reshape(parents, [-1])[:count]
        copies = tf.math.unsorted_segment_sum(tf.ones([count]), parents, width)
        share = self._share / (1.0 + copies)
        kept = 1.0 - copies * share
        copied = tf.gather(incoming, parents, axis=1)
        noise = self._noise * vector_norms.of_columns(copied)
        return NewNeurons(
            copied + noise * method.unit_columns(fan_in, count, seeds[1]),
            tf.gather(outgoing * share, parents, axis=1),
            parents=parents,
            old=OldNeurons(tf.zeros_like(incoming), kept),
        )
