"""Norms of the weights of new neurons."""

import gin
import tensorflow as tf

from growth.linear_map import vector_norms


@gin.configurable
def mean_norm(weights: tf.Tensor, factor: float = 1.0) -> tf.Tensor:
    """`factor` times the mean norm of the existing neurons (section 3 of the paper).

    Args:
      weights: `[m, width]`, one column for each existing neuron.
      factor: 1 in the teacher-student experiments, 0.5 in section 4.2.

    Returns:
      The norm of a new neuron's weights, a scalar; `factor` where there are no neurons yet, or only
      such as have no weights: new ones without any could never learn.

    Example:
      Neurons of norm 5 and 1:

      >>> weights = tf.constant([[3.0, 0.0], [4.0, 1.0]])
      >>> float(mean_norm(weights)), float(mean_norm(weights, factor=0.5))
      (3.0, 1.5)
    """
    norms = vector_norms.of_columns(weights)
    total = tf.reduce_sum(norms)
    mean = total / tf.cast(tf.size(norms), norms.dtype)
    return factor * tf.where(total == 0.0, 1.0, mean)


@gin.configurable
def fixed(weights: tf.Tensor, norm: float = 1.0) -> tf.Tensor:
    """`norm`, whatever the existing neurons are ("fixed" in figure 5 of the paper).

    Args:
      weights: `[m, width]`, one column for each existing neuron.
      norm: of the weights of a new neuron.
    """
    return tf.constant(norm, weights.dtype)
