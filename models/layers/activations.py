"""Activation functions that GradMax's assumptions allow: f(0) = 0 and f'(0) = a with a != 0.

Section 3 of the paper ("Non-linearities and normalization"): a new neuron with zero incoming
weights then leaves the output as it is, and its gradient does not vanish.
"""

from collections.abc import Callable

import gin
import tensorflow as tf
import tf_keras

Activation = Callable[[tf.Tensor], tf.Tensor]


@gin.configurable(module="models.activations")
def relu(x: tf.Tensor) -> tf.Tensor:
    """Returns max(x, 0), with the subgradient 1 at 0, as in section 4 of the paper.

    `tf.nn.relu` takes 0 there: neurons that start with zero incoming weights would never move.
    """
    # Symbolic tensors, which no gradient is taken of, do not pass custom gradients.
    return tf.nn.relu(x) if isinstance(x, tf_keras.__internal__.KerasTensor) else _relu(x)


@tf.custom_gradient
def _relu(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        # TensorFlow's own gradient, which is 0 at 0, of what is above 0 where x is 0. Faster than
        # products or tf.where with x >= 0. Smaller numbers than these may count as 0.
        smallest = 2.0**-24 if x.dtype == tf.float16 else 2.0**-126
        return tf.raw_ops.ReluGrad(gradients=upstream, features=x + smallest)

    return tf.nn.relu(x), gradient


@gin.configurable(module="models.activations")
def leaky_relu(x: tf.Tensor, slope: float = 0.2) -> tf.Tensor:
    """Returns x for x >= 0, `slope` * x below; f'(0) = 1.

    Args:
      x: of any shape.
      slope: below 0.
    """
    # Not tf.nn.leaky_relu: its derivative at 0 is `slope`.
    return slope * x + (1.0 - slope) * relu(x)


@gin.configurable(module="models.activations")
def tanh(x: tf.Tensor) -> tf.Tensor:
    """Hyperbolic tangent; f'(0) = 1."""
    return tf.tanh(x)


@gin.configurable(module="models.activations")
def centered_sigmoid(x: tf.Tensor) -> tf.Tensor:
    """Returns sigmoid(x) - 1/2, the paper's example of an adapted function; f'(0) = 1/4."""
    return tf.sigmoid(x) - 0.5


@gin.configurable(module="models.activations")
def identity(x: tf.Tensor) -> tf.Tensor:
    """Returns x; f'(0) = 1. Makes a network linear."""
    return tf.identity(x)


def at_zero(activation: Activation) -> tuple[float, float]:
    """The value f(0) and the derivative f'(0) that a gradient step sees; not to be traced.

    Example:
      >>> at_zero(relu), at_zero(tf.nn.relu), at_zero(centered_sigmoid)
      ((0.0, 1.0), (0.0, 0.0), (0.0, 0.25))
    """
    zero = tf.zeros([1])
    with tf.GradientTape() as tape:
        tape.watch(zero)
        value = activation(zero)
    slope = tape.gradient(value, zero, unconnected_gradients="zero")
    return float(value[0]), float(slope[0])
