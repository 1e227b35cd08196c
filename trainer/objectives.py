"""What training minimises and what is reported of it."""

import abc

import gin
import tensorflow as tf
import tf_keras


class Objective(abc.ABC):
    """A loss for each example, and metrics.

    Attributes:
      best_metric: the metric of evaluation that tells which checkpoint is the best: `loss`, of
        which less is better, or one of `metrics`, of which more is.
    """

    best_metric: str = "loss"

    @abc.abstractmethod
    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The loss of each example, `[batch]`."""

    def metrics(self) -> list[tf_keras.metrics.Metric]:
        """New metrics, updated with (targets, outputs), beside the loss."""
        return []

    def predictions(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """What an exported network answers with, by name: `outputs` as they are, `[batch, ...]`."""
        return {"outputs": outputs}


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
    """Cross-entropy of logits `[batch, classes]`.

    Targets are class indices `[batch]`, or the shares of the classes `[batch, classes]`, as mixed
    images have them. An example with shares counts as right for the class with the largest.

    Args:
      label_smoothing: the share of each label that is spread over all classes, in [0, 1).
      top_k: a second accuracy is reported, `top_K_accuracy`: the share of examples whose class is
        among the K with the largest logits; None for none.

    Raises:
      ValueError: an argument is out of range.
    """

    best_metric = "accuracy"

    def __init__(self, label_smoothing: float = 0.0, top_k: int | None = None):
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(
                f"Classification.label_smoothing = {label_smoothing} must be in [0, 1), e.g. 0.1"
            )
        if top_k is not None and top_k < 2:
            raise ValueError(
                f"Classification.top_k = {top_k} must be at least 2, e.g. 5; top-1 accuracy is "
                "always reported"
            )
        self._label_smoothing = label_smoothing
        self._top_k = top_k

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """See `Objective.losses`.

        Raises:
          ValueError: there are no more than `top_k` classes, which would always be right, or
            targets and outputs are of different shapes.
        """
        classes = outputs.shape[-1]
        if self._top_k is not None and classes is not None and self._top_k >= classes:
            raise ValueError(
                f"Classification.top_k = {self._top_k} must be less than the {classes} classes "
                "of the dataset; None reports top-1 accuracy alone"
            )
        if targets.shape.rank == 1:
            if not self._label_smoothing:
                return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
            targets = tf.one_hot(targets, tf.shape(outputs)[-1])
        # Other shapes might broadcast, and train something else without an error.
        targets.shape.assert_is_compatible_with(outputs.shape)
        return tf_keras.losses.categorical_crossentropy(
            targets, outputs, from_logits=True, label_smoothing=self._label_smoothing
        )

    def metrics(self) -> list[tf_keras.metrics.Metric]:
        """Top-1 accuracy, and top-k accuracy if it is bound."""
        accuracies = {"accuracy": 1}
        if self._top_k is not None:
            accuracies[f"top_{self._top_k}_accuracy"] = self._top_k
        return [
            tf_keras.metrics.MeanMetricWrapper(_among_largest, name=name, k=k)
            for name, k in accuracies.items()
        ]

    def predictions(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The probability of each class, `[batch, classes]`."""
        return {"probabilities": tf.nn.softmax(outputs)}


def _among_largest(targets: tf.Tensor, outputs: tf.Tensor, k: int) -> tf.Tensor:
    """For each example 1.0 if its class is among the k with the largest logits, else 0.0."""
    classes = targets if targets.shape.rank == 1 else tf.argmax(targets, axis=-1)
    if k == 1:
        return tf_keras.metrics.sparse_categorical_accuracy(classes, outputs)
    return tf_keras.metrics.sparse_top_k_categorical_accuracy(classes, outputs, k)
