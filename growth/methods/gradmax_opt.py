"""GradMaxOpt (section 3 of the paper, "GradMax-Optimized")."""

from collections.abc import Callable

import gin
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.linear_map import vector_norms
from growth.methods import inner_optimization, manifolds, method, one_sided, scales
from growth.surgery.neurons import NewNeurons


@gin.configurable
class GradMaxOpt(one_sided.OneSided):
    """Maximizes the gradient norm of new neurons by gradient ascent, from a random start.

    The weights of one side are optimized, those of the other side are zero, so that the output
    stays as it is. Only h and dL/dz are needed, not the network: a step costs two products of the
    site with k channels.

    - Incoming weights zero: maximizes || A^T w_out ||^2 (equation 14), whose maximum
      `GradMax` computes.
    - Outgoing weights zero (`inverse`): maximizes || dL/dw_out ||^2 over the incoming weights
      (equation 7), for which there is no closed form. Any activation will do, and a batch
      normalization is not disturbed.

    Args:
      scale: the norm of the optimized side, from the existing weights on that side.
      epsilon: the norm of the other side, in a random direction; 0 keeps the output exactly. A
        batch normalization between makes up to 1 / sqrt(its epsilon) times as much of it.
      inverse: False for zero incoming weights, True for zero outgoing weights.
      orthogonal: whether new neurons are kept orthogonal to each other. Otherwise each maximizes on
        its own, and with enough steps all of them end at the same maximum.
      optimizer: of the inner optimization.
      fraction: in place of epsilon, the norm of the other side over that of `scale` for it; the
        output then changes.

    Raises:
      ValueError: epsilon or fraction is negative, or both are given.
    """

    def __init__(
        self,
        scale: Callable[[tf.Tensor], tf.Tensor] = scales.mean_norm,
        epsilon: float = 0.0,
        inverse: bool = False,
        orthogonal: bool = False,
        optimizer: inner_optimization.ProjectedAdam | None = None,
        fraction: float = 0.0,
    ):
        super().__init__(scale, epsilon, inverse, fraction)
        self._manifold = manifolds.OrthonormalColumns() if orthogonal else manifolds.UnitColumns()
        self._optimizer = optimizer or inner_optimization.ProjectedAdam()

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """See `GrowthMethod.__call__`."""
        norm_in, norm_out = self.norms(linear_map.site)
        fan_out, fan_in = linear_map.shape
        seeds = tf.random.split(seed)
        if not self._inverse:
            start = method.unit_columns(fan_out, count, seeds[0])
            # The product with A twice would vanish if A were tiny.
            power = vector_norms.power_of_two(linear_map.to_incoming(start))
            best = self._maximize(
                lambda outgoing: linear_map.to_outgoing(linear_map.to_incoming(outgoing) / power),
                start,
            )
            other = method.unit_columns(fan_in, count, seeds[1])
            return NewNeurons(norm_in * other, norm_out * best)

        zero = tf.zeros([fan_out, count])

        def by_outgoing(directions):
            return linear_map.gradients(norm_in * directions, zero)[1]

        start = method.unit_columns(fan_in, count, seeds[0])
        power = vector_norms.power_of_two(by_outgoing(start))

        def ascent(directions):
            # The form F(w_in, w_out) is linear in w_out, so that dL/dw_out = dF/dw_out = g does not
            # depend on it, and d(|g|^2 / 2)/dw_in = dF/dw_in at w_out = g.
            gradient = by_outgoing(directions) / power
            return linear_map.gradients(norm_in * directions, gradient)[0]

        best = self._maximize(ascent, start)
        other = method.unit_columns(fan_out, count, seeds[1])
        return NewNeurons(norm_in * best, norm_out * other)

    def _maximize(self, ascent, start):
        return self._optimizer.minimize(lambda x: -ascent(x), self._manifold, start)
