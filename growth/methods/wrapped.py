"""The base class of growth methods that change the neurons of another one."""

import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.linear_map import singular_vectors
from growth.methods import method as method_lib
from growth.surgery.neurons import NewNeurons
from models import site as site_lib


class Wrapped(method_lib.GrowthMethod):
    """Another method, all of whose answers are passed on; a subclass overrides `refine`.

    Args:
      method: makes the neurons.
      example: a method in Gin, for the message.

    Raises:
      ValueError: `method` is no growth method.
    """

    def __init__(self, method: method_lib.GrowthMethod, example: str):
        if not isinstance(method, method_lib.GrowthMethod):
            raise ValueError(
                f"{type(self).__name__}.method = {method!r} must be a growth method, e.g. {example}"
            )
        self._method = method
        self.uses_gradients = method.uses_gradients

    def check(self, site: site_lib.GrowthSite) -> None:
        """See `GrowthMethod.check`."""
        self._method.check(site)

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """See `GrowthMethod.__call__`."""
        return self._method(linear_map, count, seed)

    def gains(
        self,
        linear_map: linear_map_lib.LinearMap,
        singular: singular_vectors.SingularVectors,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """See `GrowthMethod.gains`: those of the method."""
        return self._method.gains(linear_map, singular, seed)
