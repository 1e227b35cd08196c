"""Methods whose new neurons have weights on one side, and next to none on the other."""

from collections.abc import Callable

import tensorflow as tf

from growth.methods import method, scales
from models import site as site_lib


class OneSided(method.GrowthMethod):
    """One side has the norm of existing weights, the other a norm of epsilon.

    Args:
      scale: the norm of the one side, from the existing weights on that side.
      epsilon: the norm of the other side; 0 keeps the output exactly. A batch normalization between
        makes up to 1 / sqrt(its epsilon) times as much of it.
      inverse: False for incoming weights of norm epsilon, True for outgoing ones.
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
        fraction: float = 0.0,
    ):
        if not epsilon >= 0:
            raise ValueError(
                f"{type(self).__name__}.epsilon = {epsilon} must be at least 0, and 0 keeps the "
                "output exactly"
            )
        if not fraction >= 0:
            raise ValueError(f"{type(self).__name__}.fraction = {fraction} must be at least 0")
        if epsilon and fraction:
            raise ValueError(
                f"{type(self).__name__}.epsilon = {epsilon} and .fraction = {fraction} are both "
                "the norm of the same weights; leave one at 0"
            )
        self._scale = scale
        self._epsilon = epsilon
        self._inverse = inverse
        self._fraction = fraction

    def check(self, site: site_lib.GrowthSite) -> None:
        """See `GrowthMethod.check`."""
        if not self._inverse:
            site.check_preserving(type(self).__name__)

    def norms(self, site: site_lib.GrowthSite) -> tuple[tf.Tensor | float, tf.Tensor | float]:
        """The norms of a new neuron's incoming and outgoing weights."""
        if self._inverse:
            return self._scale(site.incoming()), self._small_norm(site.outgoing())
        return self._small_norm(site.incoming()), self._scale(site.outgoing())

    def _small_norm(self, weights: tf.Tensor) -> tf.Tensor | float:
        return self._fraction * self._scale(weights) if self._fraction else self._epsilon
