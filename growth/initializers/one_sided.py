"""Methods whose new neurons have weights on one side, and next to none on the other."""

from collections.abc import Callable

import tensorflow as tf

from growth import scales
from growth.initializers import initializer
from models import site as site_lib


class OneSided(initializer.Initializer):
    """One side has the norm of existing weights, the other a norm of epsilon.

    Args:
      scale: the norm of the one side, from the existing weights on that side.
      epsilon: the norm of the other side; 0 keeps the output exactly. A batch normalization between
        makes up to 1 / sqrt(its epsilon) times as much of it.
      inverse: False for incoming weights of norm epsilon, True for outgoing ones.

    Raises:
      ValueError: epsilon is negative.
    """

    def __init__(
        self,
        scale: Callable[[tf.Tensor], tf.Tensor] = scales.mean_norm,
        epsilon: float = 0.0,
        inverse: bool = False,
    ):
        if not epsilon >= 0:
            raise ValueError(
                f"{type(self).__name__}.epsilon = {epsilon} must be at least 0, and 0 keeps the "
                "output exactly"
            )
        self._scale = scale
        self._epsilon = epsilon
        self._inverse = inverse

    def check(self, site: site_lib.GrowthSite) -> None:
        """See `Initializer.check`."""
        if not self._inverse:
            site.check_preserving(type(self).__name__)

    def norms(self, site: site_lib.GrowthSite) -> tuple[tf.Tensor | float, tf.Tensor | float]:
        """The norms of a new neuron's incoming and outgoing weights."""
        if self._inverse:
            return self._scale(site.incoming()), self._epsilon
        return self._epsilon, self._scale(site.outgoing())
