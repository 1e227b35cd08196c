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
      width_rate: the factor of kernels by the width that they read; None for 1.
      bias_correction: the optimizer's at its step k = 1, 2, ..., float32 `[n]` to `[n]`. New
        neurons get theirs by age: their factors are multiplied by that of their own step over that
        of the network's. None for the network's.
    """

    def __init__(
        self,
        cohorts: cohorts_lib.Cohorts,
        rate: rates.NewbornRate | None,
        bias_correction: Callable[[tf.Tensor], tf.Tensor] | None = None,
        width_rate: rates.WidthRate | None = None,
    ):
        self._cohorts = cohorts
        self._rate = rate
        self._bias_correction = bias_correction
        self._width_rate = width_rate
        # Of each kernel the cohorts of the neurons that it reads.
        self._read = {
            consumer.kernel.ref(): of_site
            for site, of_site in cohorts.of_site.items()
            for consumer in site.consumers
        }
        # Of each trainable parameter itself, and the cohorts along its axes that grow.
        self._axes: dict[object, tuple[tf.Variable, dict[int, tf.Variable]]] = {}
        for site, of_site in cohorts.of_site.items():
            for variable, axis in site.axes:
                if variable.trainable:
                    _, axes = self._axes.setdefault(variable.ref(), (variable, {}))
                    axes[axis % variable.shape.rank] = of_site

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
        for reference, (variable, axes) in self._axes.items():
            sites = [axes[axis].ref() for axis in sorted(axes)]
            values = by_neuron[sites[0]]
            if len(sites) == 2:
                values = _of_younger(by_cohort, *(cohorts[site] for site in sites))
            factors[reference] = _broadcastable(values, variable, axes)
        if self._rate is not None and self._rate.uses_norms:
            self._multiply(factors, self._by_norm(cohorts, tf.size(births)))
        if self._width_rate is not None:
            self._multiply(factors, self._by_width(cohorts))
        return factors

    @staticmethod
    def _multiply(factors, others):
        """Multiplies factors by others, all of them less 1."""
        for reference, other in others.items():
            factors[reference] += other + factors[reference] * other

    def _by_width(self, cohorts):
        """The factor less 1 of each kernel that reads a site, a scalar."""
        assert self._width_rate is not None  # Asked only then.
        factors = {}
        for reference, of_site in self._read.items():
            numbers = cohorts[of_site.ref()]
            seed = tf.math.count_nonzero(numbers == 0, dtype=tf.float32)
            ratio = tf.cast(tf.size(numbers), tf.float32) / tf.maximum(seed, 1.0)
            factors[reference] = self._width_rate.factor(ratio) - 1.0
        return factors

    def _by_norm(self, cohorts, growths):
        """The factor less 1 of each element, by the norm of the weights of its growth."""
        assert self._rate is not None  # Asked only then.
        indices = tf.range(growths)
        younger = tf.maximum(indices[:, tf.newaxis], indices)
        members = {v: tf.one_hot(numbers, growths) for v, numbers in cohorts.items()}
        factors = {}
        for reference, (variable, axes) in self._axes.items():
            axes = dict(sorted(axes.items()))
            squares = tf.square(tf.cast(tf.convert_to_tensor(variable), tf.float32))
            others = [axis for axis in range(variable.shape.rank) if axis not in axes]
            found = [members[of_site.ref()] for of_site in axes.values()]
            # Sums over the neurons of each growth, and how many there are.
            sums = tf.tensordot(tf.reduce_sum(squares, others), found[-1], [[-1], [0]])
            counts = tf.reduce_sum(found[-1], axis=0)
            if len(found) == 2:
                sums = tf.matmul(found[0], sums, transpose_a=True)
                counts *= tf.reduce_sum(found[0], axis=0)[:, tf.newaxis]
                # A weight between two neurons is as old as the younger one.
                sums, counts = (
                    tf.math.unsorted_segment_sum(x, younger, growths) for x in (sums, counts)
                )
            sizes = tf.sqrt(tf.math.divide_no_nan(sums, counts))
            ratio = tf.math.divide_no_nan(sizes, sizes[0])
            by_growth = tf.where(indices == 0, 0.0, self._rate.factor_of_norms(ratio) - 1.0)
            numbers = [cohorts[of_site.ref()] for of_site in axes.values()]
            values = tf.gather(by_growth, numbers[0])
            if len(numbers) == 2:
                values = _of_younger(by_growth, *numbers)
            factors[reference] = _broadcastable(values, variable, axes)
        return factors

    def _factors(self, ages, steps):
        """The factors of cohorts with these ages, after so many training steps."""
        ages = tf.cast(ages, tf.float32)
        factors = tf.ones_like(ages) if self._rate is None else self._rate.factor(ages)
        if self._bias_correction is not None:
            own = self._bias_correction(ages + 1.0)
            factors *= own / self._bias_correction(tf.cast(steps, tf.float32) + 1.0)
        return factors


def _broadcastable(values, variable, axes):
    """Values along axes that grow, with the axes behind them."""
    behind = variable.shape.rank - 1 - max(axes)
    return values[(..., *[tf.newaxis] * behind)] if behind else values


def _of_younger(by_cohort: tf.Tensor, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """The value of each weight, `[first, second]`: that of the younger cohort."""
    # A row for each cohort, of which those of neurons are copies: no comparison for each weight.
    numbers = tf.range(tf.size(by_cohort))[:, tf.newaxis]
    return tf.gather(tf.gather(by_cohort, tf.maximum(numbers, second)), first)
