"""What a newborn rate means for each parameter of a network."""

import tensorflow as tf

from growth import cohorts as cohorts_lib
from growth import newborn_rates


class UpdateFactors:
    """The factor of each element's update, by the age of the neurons that it belongs to.

    A weight between two neurons is as old as the younger one, and takes its factor. Neurons of the
    seed network have the factor 1, and so have weights that do not grow.

    Args:
      cohorts: the sites of a network, and the cohorts of their neurons.
      rate: the factor by age.
    """

    def __init__(self, cohorts: cohorts_lib.Cohorts, rate: newborn_rates.NewbornRate):
        self._cohorts = cohorts
        self._rate = rate
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
        ages = tf.cast(tf.cast(step, births.dtype) - births, tf.float32)
        is_seed = tf.range(tf.size(births)) == 0
        by_cohort = tf.where(is_seed, 0.0, self._rate.factor(ages) - 1.0)
        return {
            reference: _of_younger(by_cohort, rank, axes)
            for reference, (rank, axes) in self._axes.items()
        }


def _of_younger(by_cohort: tf.Tensor, rank: int, axes: dict[int, tf.Variable]) -> tf.Tensor:
    """What each element of a parameter takes: of the cohort with the larger number."""
    shape = [1] * rank
    if len(axes) == 1:
        ((axis, cohorts),) = axes.items()
        shape[axis] = -1
        return tf.reshape(tf.gather(by_cohort, cohorts), shape)
    (first, rows), (second, columns) = sorted(axes.items())
    # A row for each cohort, of which those of neurons are copies: no comparison for each weight.
    numbers = tf.range(tf.size(by_cohort))[:, tf.newaxis]
    values = tf.gather(tf.gather(by_cohort, tf.maximum(numbers, columns)), rows)
    shape[first], shape[second] = tf.unstack(tf.shape(values))
    return tf.reshape(values, shape)
