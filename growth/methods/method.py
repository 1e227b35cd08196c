"""The base class of growth methods: functions from a site to weights of new neurons."""

import abc
from collections.abc import Sequence

import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.linear_map import vector_norms
from growth.surgery import trial as trial_lib
from growth.surgery.neurons import NewNeurons
from models import site as site_lib


class GrowthMethod(abc.ABC):
    """A growth method. Traced once for the run: `count` and `seed` are tensors.

    Attributes:
      uses_gradients: whether `__call__` asks its linear map for more than the site and the shape.
        If not, a growth does without the forward and backward pass over the growth batch.
    """

    uses_gradients: bool = True

    def check(self, site: site_lib.GrowthSite) -> None:
        """Raises ValueError if the method cannot grow `site`; called before training starts."""
        del site  # Any site will do.

    @abc.abstractmethod
    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """The new neurons of a site.

        Args:
          linear_map: the site and its gradients on the growth batch.
          count: k > 0, the number of new neurons; int32 scalar.
          seed: int32 `[2]`, for the stateless random functions.
        """

    def refine(
        self,
        trial: trial_lib.Trial,
        neurons: Sequence[NewNeurons],
        counts: Sequence[tf.Tensor],
    ) -> Sequence[NewNeurons]:
        """Improves the new neurons of all sites together, by trying them out in the network.

        Args:
          trial: gives the training loss, and its gradient by the neurons, at one pass a call.
          neurons: what `__call__` gave for each site; without columns where a site does not grow.
          counts: the number of new neurons of each site; int32 scalars, 0 or more.

        Returns:
          The neurons of each site, `counts` of them. The default leaves them as they are.
        """
        del trial, counts
        return neurons


def unit_columns(rows: tf.Tensor, count: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Random directions, uniform on the sphere: `[rows, count]` with columns of norm 1."""
    return vector_norms.unit_columns(tf.random.stateless_normal([rows, count], seed))
