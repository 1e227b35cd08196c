"""Learning rates of new neurons, relative to that of the network, by age, norm and width.

A rate scales what the optimizer does to a neuron's weights in a step, not their gradient: for Adam
and LAMB, which are indifferent to the scale of gradients, for momentum, and for weight decay and
clipping as well, a factor of 2 is a learning rate twice as large.
"""

import abc
import math

import gin
import tensorflow as tf


class NewbornRate(abc.ABC):
    """The learning rate of neurons that a growth added, relative to that of the network.

    A rate is a function of the age, and of norms if it `uses_norms`, keeps no state and draws
    nothing. It is traced once, into the training step, where it runs for a value for each growth so
    far.

    Attributes:
      uses_norms: whether `factor_of_norms` is asked as well, once for each parameter; the norms are
        then computed in every step.
    """

    uses_norms: bool = False

    @abc.abstractmethod
    def factor(self, age: tf.Tensor) -> tf.Tensor:
        """The factors of the updates of neurons; traced once for the run.

        Args:
          age: training steps of each neuron so far, 0 in its first; float32 `[k]`.

        Returns:
          Factors of 0 or more, float32 `[k]`.
        """

    def factor_of_norms(self, ratio: tf.Tensor) -> tf.Tensor:
        """Further factors, of the weights of a parameter; traced once for each.

        Args:
          ratio: the root mean square of the weights that each growth added, over that of the seed
            network's; 0 where there are none. float32 `[k]`.

        Returns:
          Factors of 0 or more, float32 `[k]`.
        """
        return tf.ones_like(ratio)


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


@gin.configurable
class NormRatioRate(NewbornRate):
    """The norm of weights over that of the seed network's, in each parameter (Yuan et al., 2023).

    Weights that start small take steps that are as small, compared to themselves, as those of the
    others. Norms are root mean squares, and those of each step.

    Args:
      least: the factor is not below it, so that weights of zero learn at all.
      most: the factor is not above it.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> rate = NormRatioRate(least=0.1, most=2.0)
      >>> [round(float(x), 3) for x in rate.factor_of_norms(tf.constant([0.0, 0.5, 3.0]))]
      [0.1, 0.5, 2.0]
    """

    uses_norms = True

    def __init__(self, least: float = 0.1, most: float = 2.0):
        _check_above_zero(self, least=least)
        if not most >= least:
            raise ValueError(
                f"NormRatioRate.most = {most} must be at least NormRatioRate.least = {least}"
            )
        self._least, self._most = least, most

    def factor(self, age: tf.Tensor) -> tf.Tensor:
        """See `NewbornRate.factor`."""
        return tf.ones_like(age)

    def factor_of_norms(self, ratio: tf.Tensor) -> tf.Tensor:
        """See `NewbornRate.factor_of_norms`."""
        return tf.clip_by_value(ratio, self._least, self._most)


@gin.configurable
class WidthRate:
    """A learning rate that follows the width: that of the seed network times (w / w_seed)^power.

    For the kernels that read a site of now w neurons, w_seed of them in the seed network. The rates
    of all other parameters stay as they are. In muP (Yang et al., 2022) it is the power -1 for
    hidden kernels under Adam, and 0 under SGD.

    Args:
      power: a number.

    Raises:
      ValueError: it is not finite.

    Example:
      >>> [float(x) for x in WidthRate(power=-1.0).factor(tf.constant([1.0, 2.0, 4.0]))]
      [1.0, 0.5, 0.25]
    """

    def __init__(self, power: float = -1.0):
        if not math.isfinite(power):
            raise ValueError(f"WidthRate.power = {power} must be finite, e.g. -1")
        self._power = power

    def factor(self, ratio: tf.Tensor) -> tf.Tensor:
        """The factors of updates where widths are `ratio` times those of the seed network."""
        return ratio**self._power


def _check_above_zero(rate: NewbornRate, **arguments: float) -> None:
    for name, value in arguments.items():
        if not value > 0:
            raise ValueError(f"{type(rate).__name__}.{name} = {value} must be above 0, e.g. 2")
