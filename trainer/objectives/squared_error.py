"""Regression by the squared error."""

import gin
import tensorflow as tf
import tf_keras

from trainer.objectives import objective, target_checks


@gin.configurable
class SquaredError(objective.Objective):
    """The squared error, averaged over outputs `[batch, ...]`; targets are of the same shape."""

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """See `Objective.losses`."""
        target_checks.check_numbers(type(self).__name__, targets)
        # Other shapes might broadcast, and train something else without an error.
        targets = target_checks.of_shape(type(self).__name__, targets, outputs)
        losses = tf_keras.losses.mean_squared_error(targets, outputs)
        further = list(range(1, losses.shape.rank))
        return tf.reduce_mean(losses, axis=further) if further else losses
