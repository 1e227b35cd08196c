"""The base class of growth methods: functions from a site to weights of new neurons."""

import abc
from collections.abc import Sequence

import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.linear_map import singular_vectors, vector_norms
from growth.surgery import trial as trial_lib
from growth.surgery.neurons import NewNeurons
from models import site as site_lib


class GrowthMethod(abc.ABC):
    """A growth method: a function from a site and its gradients to new neurons.

    - `check` is called on the host, once for each site before training. `__call__` and then
      `refine` are traced once for the run, and run on the accelerator at each growth. `__call__`
      runs for sites that grow alone, `refine` for all sites together. Sites with layers alike share
      a trace of `__call__`, so that it cannot tell them by their names.
    - `count`, `seed` and widths are tensors, unknown when traced: tf.shape tells sizes, and Python
      can branch on the site's layers but not on numbers. Weights are float32, a neuron a column.
    - A method keeps no state and draws with the stateless random functions alone, so that replicas,
      and a run that is resumed, choose the same neurons. It assigns no variables.
    - New neurons are finite also where the gradient is zero; if not, no site grows.
    - Under a distribution strategy `linear_map` and `trial` give sums over replicas.

    `growth.methods.check_method.check_method` tells whether a method of your own does all that.

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
          seed: int32 `[2]`, for the stateless random functions; of this growth and site.

        Returns:
          k neurons, unless `refine` chooses them from more.
        """

    def gains(
        self,
        linear_map: linear_map_lib.LinearMap,
        singular: singular_vectors.SingularVectors,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """The squared norm of the gradient that each of k new neurons would get, for decisions.

        Args:
          linear_map: the site and its gradients on the growth batch, of any method.
          singular: the top k singular vectors of A.
          seed: int32 `[2]`.

        Returns:
          `[k]`, in the order of the neurons. The default asks for neurons and takes their gradients
          by incoming and outgoing weights, before `refine`; of more than k it takes the largest.
        """
        count = tf.size(singular.values)
        new = self(linear_map, count, seed)
        sides = linear_map.gradients(new.incoming, new.outgoing, new.shift, new.parents)
        squares = tf.add_n([tf.square(vector_norms.of_columns(side)) for side in sides])
        return tf.cond(
            tf.size(squares) > count, lambda: tf.math.top_k(squares, count)[0], lambda: squares
        )

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


def unit_columns(length: tf.Tensor, count: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Random directions, uniform on the sphere: `[length, count]` with columns of norm 1."""
    return vector_norms.unit_columns(tf.random.stateless_normal([length, count], seed))
