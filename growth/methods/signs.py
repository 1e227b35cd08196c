"""Which of the two signs of a singular vector a new neuron takes.

A neuron's first gradient step moves its incoming weights along -A^T w_out. With the sign s of
w_out = s u its contribution to z becomes s u f(-s A^T u h), up to the learning rate. For an odd
activation both signs agree; for ReLU they switch the neuron on for opposite halves of the data.
"""

import gin
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.linear_map import vector_norms


@gin.configurable
def descending(
    linear_map: linear_map_lib.LinearMap, left: tf.Tensor, right: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """The sign with the lower loss, to first order, after a first gradient step of length about 1.

    The length matters to activations that are neither odd nor, as ReLU, positively homogeneous.

    Args:
      linear_map: the site and its gradients on the growth batch.
      left: u, `[m, k]`.
      right: A^T u, `[n, k]`.
      seed: unused.

    Returns:
      +1 or -1 for each neuron, `[k]`.
    """
    del seed
    # Of a tiny gradient the product with itself would vanish.
    right /= vector_norms.power_of_two(right, axis=0)
    changes = linear_map.loss_change(
        tf.concat([-right, right], axis=1), tf.concat([left, -left], axis=1)
    )
    plus, minus = tf.split(changes, 2)
    return tf.where(plus <= minus, 1.0, -1.0)


@gin.configurable
def ascending(
    linear_map: linear_map_lib.LinearMap, left: tf.Tensor, right: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """The opposite of `descending`, to measure what the choice is worth."""
    return -descending(linear_map, left, right, seed)


@gin.configurable
def arbitrary(
    linear_map: linear_map_lib.LinearMap, left: tf.Tensor, right: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """A random sign, which is what a bare SVD amounts to; arguments as of `descending`."""
    del linear_map, right
    coins = tf.random.stateless_uniform([tf.shape(left)[1]], seed)
    return tf.where(coins < 0.5, 1.0, -1.0)
