"""What training minimises and what is reported of it."""

import abc

import gin
import tensorflow as tf
import tf_keras


class Objective(abc.ABC):
    """A loss for each example, and metrics."""

    @abc.abstractmethod
    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The loss of each example, `[batch]`."""

    def metrics(self) -> list[tf_keras.metrics.Metric]:
        """New metrics, updated with (targets, outputs), beside the loss."""
        return []


@gin.configurable
class SquaredError(Objective):
    """The squared error, averaged over outputs `[batch, outputs]`."""

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """See `Objective.losses`."""
        # Other shapes might broadcast, and train something else without an error.
        targets.shape.assert_is_compatible_with(outputs.shape)
        return tf_keras.losses.mean_squared_error(targets, outputs)


@gin.configurable
class Classification(Objective):
    """Cross-entropy of logits `[batch, classes]` and class indices `[batch]`.

    Args:
      label_smoothing: the share of each label that is spread over all classes, in [0, 1).

    Raises:
      ValueError: `label_smoothing` is out of range.
    """

    def __init__(self, label_smoothing: float = 0.0):
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(
                f"Classification.label_smoothing = {label_smoothing} must be in [0, 1), e.g. 0.1"
            )
        self._label_smoothing = label_smoothing

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """See `Objective.losses`."""
        if not self._label_smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
        labels = tf.one_hot(targets, tf.shape(outputs)[-1])
        return tf_keras.losses.categorical_crossentropy(
            labels, outputs, from_logits=True, label_smoothing=self._label_smoothing
        )

    def metrics(self) -> list[tf_keras.metrics.Metric]:
        """Top-1 accuracy."""
        return [tf_keras.metrics.SparseCategoricalAccuracy("accuracy")]
