"""Learning rates of new neurons, relative to that of the network, by age.

A rate scales what the optimizer does to a neuron's weights in a step, not their gradient: for Adam
and LAMB, which are indifferent to the scale of gradients, for momentum, and for weight decay and
clipping as well, a factor of 2 is a learning rate twice as large.
"""

import abc

import gin
import tensorflow as tf


class NewbornRate(abc.ABC):
    """The learning rate of neurons that a growth added, relative to that of the network.

    A rate is a function of the age alone, keeps no state and draws nothing. It is traced once, into
    the training step, where it runs for a value for each growth so far.
    """

    @abc.abstractmethod
    def factor(self, age: tf.Tensor) -> tf.Tensor:
        """The factors of the updates of neurons; traced once for the run.

        Args:
          age: training steps of each neuron so far, 0 in its first; float32 `[k]`.

        Returns:
          Factors of 0 or more, float32 `[k]`.
        """


@gin.configurable
class ConstantRate(NewbornRate):
    """`factor` times the learning rate of the network, to the end of the run.

    Args:
      factor: above 0.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(self, factor: float = gin.REQUIRED):
        _check_above_zero(self, factor=factor)
        self._factor = factor

    def factor(self, age: tf.Tensor) -> tf.Tensor:
        """See `NewbornRate.factor`."""
        return tf.fill(tf.shape(age), tf.constant(self._factor, tf.float32))


@gin.configurable
class WarmUpRate(NewbornRate):
    """A factor that rises linearly from `start` to `factor`, and perhaps returns to 1.

    The n-th step of a neuron has the factor start + (factor - start) min(n / steps, 1).

    Args:
      factor: after the warm-up, above 0.
      steps: training steps of the warm-up.
      start: the factor that the warm-up begins with, 0 or more.
      return_steps: training steps, after the warm-up, in which the factor goes to 1 linearly; None
        to hold it.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> rate = WarmUpRate(factor=3.0, steps=2, return_steps=2)
      >>> rate.factor(tf.constant([0.0, 1.0, 2.0, 3.0, 4.0])).numpy().tolist()
      [2.0, 3.0, 2.0, 1.0, 1.0]
    """

    def __init__(
        self,
        factor: float = gin.REQUIRED,
        steps: int = gin.REQUIRED,
        start: float = 1.0,
        return_steps: int | None = None,
    ):
        _check_above_zero(self, factor=factor)
        if start < 0:
            raise ValueError(f"WarmUpRate.start = {start} must be at least 0, e.g. 1")
        for name, value in (("steps", steps), ("return_steps", return_steps)):
            if value is not None and value < 1:
                raise ValueError(f"WarmUpRate.{name} = {value} must be at least 1")
        self._factor, self._steps = factor, steps
        self._start, self._return_steps = start, return_steps

    def factor(self, age: tf.Tensor) -> tf.Tensor:
        """See `NewbornRate.factor`."""
        risen = tf.minimum((age + 1.0) / self._steps, 1.0)
        factors = self._start + (self._factor - self._start) * risen
        if self._return_steps is None:
            return factors
        returned = tf.clip_by_value((age + 1.0 - self._steps) / self._return_steps, 0.0, 1.0)
        return factors + (1.0 - self._factor) * returned


@gin.configurable
class DecayingRate(NewbornRate):
    """`factor` in a neuron's first step, which falls (or rises) to 1: 1 + (factor - 1) / 2^(age/h).

    Args:
      factor: above 0.
      half_life: h, training steps in which the distance to 1 halves.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> rate = DecayingRate(factor=3.0, half_life=10.0)
      >>> rate.factor(tf.constant([0.0, 10.0, 20.0])).numpy().tolist()
      [3.0, 2.0, 1.5]
    """

    def __init__(self, factor: float = gin.REQUIRED, half_life: float = gin.REQUIRED):
        _check_above_zero(self, factor=factor, half_life=half_life)
        self._factor, self._half_life = factor, half_life

    def factor(self, age: tf.Tensor) -> tf.Tensor:
        """See `NewbornRate.factor`."""
        return 1.0 + (self._factor - 1.0) * 2.0 ** (-age / self._half_life)


def _check_above_zero(rate: NewbornRate, **arguments: float) -> None:
    for name, value in arguments.items():
        if not value > 0:
            raise ValueError(f"{type(rate).__name__}.{name} = {value} must be above 0, e.g. 2")
