"""Criteria by which the best of many candidates for new neurons are chosen."""

import abc

import gin
import tensorflow as tf

from growth.linear_map import column_pivoting, vector_norms
from growth.linear_map import linear_map as linear_map_lib


class Choice(abc.ABC):
    """Chooses new neurons with outgoing weights of zero from candidates."""

    @abc.abstractmethod
    def __call__(
        self, linear_map: linear_map_lib.LinearMap, incoming: tf.Tensor, count: tf.Tensor
    ) -> tf.Tensor:
        """The best candidates.

        Args:
          linear_map: the site and its gradients on the growth batch.
          incoming: weights of the candidates, `[n, c]`.
          count: at most c; int32 scalar.

        Returns:
          Different columns of `incoming`, int32 `[count]`.
        """


@gin.configurable
class LargestGradient(Choice):
    """The largest gradients by the outgoing weights, one by one without the part of those before.

    Equation 7 of the paper over a finite set: with outgoing weights of zero the loss falls, in the
    first step, by the squared norm of this gradient. Where there are more new neurons than
    directions the choice begins anew.
    """

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, incoming: tf.Tensor, count: tf.Tensor
    ) -> tf.Tensor:
        """See `Choice.__call__`."""
        zero = tf.zeros([linear_map.shape[0], tf.shape(incoming)[1]])
        gradients = linear_map.gradients(incoming, zero)[1]
        # Squares of tiny gradients would vanish.
        gradients /= vector_norms.power_of_two(gradients)
        return column_pivoting.chosen(tf.matmul(gradients, gradients, transpose_a=True), count)


@gin.configurable
class FarthestActivations(Choice):
    """Activations farthest from the span of the existing ones, one by one (NORTH*, Maile 2022).

    What a neuron puts out on the growth batch is a vector over examples and positions; the next one
    is the candidate with the largest part that neither existing neurons nor chosen ones span.
    """

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, incoming: tf.Tensor, count: tf.Tensor
    ) -> tf.Tensor:
        """See `Choice.__call__`."""
        return column_pivoting.chosen(linear_map.new_activations(incoming), count)
