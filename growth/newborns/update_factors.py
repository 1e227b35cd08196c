"""The factors of the updates of each parameter, by the ages of the neurons it belongs to."""

from collections.abc import Callable

import tensorflow as tf

from growth.newborns import cohorts as cohorts_lib
from growth.newborns import rates


class UpdateFactors:
    """The factor of each element's update, by the age of the neurons that it belongs to.

    A weight between two neurons is as old as the younger one, and takes its factor. Neurons of the
    seed network have the factor 1, and so have weights that do not grow.

    Args:
      cohorts: the sites of a network, and the cohorts of their neurons.
      rate: the factor by age; None for 1.
      bias_correction: the optimizer's at its step k = 1, 2, ..., float32 `[n]` to `[n]`. New
        neurons get theirs by age: their factors are multiplied by that of their own step over that
        of the network's. None for the network's.
    """

    def __init__(
        self,
        cohorts: cohorts_lib.Cohorts,
        rate: rates.NewbornRate | None,
        bias_correction: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ):
        self._cohorts = cohorts
        self._rate = rate
        self._bias_correction = bias_correction
        # Of each trainable parameter its rank, and the cohorts along its axes that grow.
        self._axes: dict[object, tuple[int, dict[int, tf.Variable]]] = {}
        for site, of_site in cohorts.of_site.items():
            for variable, axis in site.axes:
                if variable.trainable:
                    rank = variable.shape.rank
                    _, axes = self._axes.setdefault(variable.ref(), (rank, {}))
                    axes[axis % rank] = of_site

    def __call__(self, step: tf.Tensor) -> dict[object, tf.Tensor]:
        """The factors in a training step, less 1: 0 leaves an update as it is, to the bit.

        Args:
          step: training steps done, an integer scalar.

        Returns:
          By `variable.ref()` an array that broadcasts to the variable, of those that grow.
        """
        births = tf.convert_to_tensor(self._cohorts.births)
        steps = tf.cast(step, births.dtype)
        by_cohort = tf.where(births < 0, 0.0, self._factors(steps - births, steps) - 1.0)
        # Once for each site: in small networks the number of operations counts.
        cohorts = {v.ref(): tf.convert_to_tensor(v) for v in self._cohorts.of_site.values()}
        by_neuron = {v: tf.gather(by_cohort, numbers) for v, numbers in cohorts.items()}
        factors = {}
        for reference, (rank, axes) in self._axes.items():
            sites = [axes[axis].ref() for axis in sorted(axes)]
            values = by_neuron[sites[0]]
            if len(sites) == 2:
                values = _of_younger(by_cohort, *(cohorts[site] for site in sites))
            behind = rank - 1 - max(axes)
            factors[reference] = values[(..., *[tf.newaxis] * behind)] if behind else values
        return factors

    def _factors(self, ages, steps):
        """The factors of cohorts with these ages, after so many training steps."""
        ages = tf.cast(ages, tf.float32)
        factors = tf.ones_like(ages) if self._rate is None else self._rate.factor(ages)
        if self._bias_correction is not None:
            own = self._bias_correction(ages + 1.0)
            factors *= own / self._bias_correction(tf.cast(steps, tf.float32) + 1.0)
        return factors


def _of_younger(by_cohort: tf.Tensor, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """The value of each weight, `[first, second]`: that of the younger cohort."""
    # A row for each cohort, of which those of neurons are copies: no comparison for each weight.
    numbers = tf.range(tf.size(by_cohort))[:, tf.newaxis]
    return tf.gather(tf.gather(by_cohort, tf.maximum(numbers, second)), first)
