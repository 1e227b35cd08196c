"""What a growth method is: a function from a site to the weights of its new neurons."""

import abc
from typing import NamedTuple

import tensorflow as tf

from growth import linear_map as linear_map_lib
from models import site as site_lib


class NewNeurons(NamedTuple):
    """The weights of k new neurons, a column each.

    Attributes:
      incoming: `[n, k]`.
      bias: `[k]`; ignored where the producer has none.
      outgoing: `[m, k]`.
      singular_values: of A, largest first, `[k]`; `[0]` from methods that compute none.
    """

    incoming: tf.Tensor
    bias: tf.Tensor
    outgoing: tf.Tensor
    singular_values: tf.Tensor


class Initializer(abc.ABC):
    """A growth method. Traced once for the run: `count` and `seed` are tensors."""

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


def unit_columns(rows: tf.Tensor, count: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Random directions, uniform on the sphere: `[rows, count]` with columns of norm 1."""
    return tf.math.l2_normalize(tf.random.stateless_normal([rows, count], seed), axis=0)
