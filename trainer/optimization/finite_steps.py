"""Finds the training step at which a loss is first not finite, without asking at each."""

import tensorflow as tf
import tf_keras


class NotFiniteError(FloatingPointError):
    """A training step gave numbers that are not finite.

    Args:
      what: the message.
      step: the first such step, counted from 1.
    """

    def __init__(self, what: str, step: int):
        super().__init__(what)
        self.step = step


class FiniteSteps(tf_keras.metrics.Metric):
    """Counts, in each replica, the steps before the first whose loss is not finite.

    A sum of losses would tell that there is such a step, and not which. The result is a sum over
    replicas.
    """

    def __init__(self, name: str = "finite_steps"):
        super().__init__(name)
        self._steps = self.add_weight("steps", initializer="zeros")
        self._ended = self.add_weight("ended", initializer="zeros")

    def update_state(self, loss: tf.Tensor) -> None:
        """Counts a step; `loss` is a scalar."""
        is_bad = tf.cast(~tf.math.is_finite(loss), self._ended.dtype)
        self._ended.assign(tf.maximum(self._ended, is_bad))
        self._steps.assign_add(1.0 - self._ended)

    def result(self) -> tf.Tensor:
        """The steps counted; see `tf_keras.metrics.Metric`."""
        return tf.identity(self._steps)
