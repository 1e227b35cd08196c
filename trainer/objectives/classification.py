"""Classification into exclusive classes."""

from collections.abc import Sequence

import gin
import numpy as np
import tensorflow as tf
import tf_keras

from trainer.objectives import objective, target_checks


@gin.configurable
class Classification(objective.Objective):
    """Cross-entropy of logits `[batch, classes]`, of at least two classes.

    Targets are class indices `[batch]`, or the shares of the classes `[batch, classes]`, as mixed
    images have them. An example with shares counts as right for the class with the largest. For
    one logit there is `BinaryClassification`.

    Args:
      label_smoothing: the share of each label that is spread over all classes, in [0, 1).
      top_k: a second accuracy is reported, `top_K_accuracy`: the share of examples whose class is
        among the K with the largest logits; None for none.
      class_weights: a factor of the loss for each class, 0 or more, in training and evaluation;
        with shares, their mean. Accuracies count all classes alike. None for 1.

    Raises:
      ValueError: an argument is out of range.
    """

    best_metric = "accuracy"

    def __init__(
        self,
        label_smoothing: float = 0.0,
        top_k: int | None = None,
        class_weights: Sequence[float] | None = None,
    ):
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(
                f"Classification.label_smoothing = {label_smoothing} must be in [0, 1), e.g. 0.1"
            )
        if top_k is not None and top_k < 2:
            raise ValueError(
                f"Classification.top_k = {top_k} must be at least 2, e.g. 5; top-1 accuracy is "
                "always reported"
            )
        target_checks.check_class_weights(type(self).__name__, class_weights)
        self._label_smoothing = label_smoothing
        self._top_k = top_k
        self._class_weights = class_weights

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """See `Objective.losses`.

        A label that is no class makes the loss NaN, or is an error, depending on the device.

        Raises:
          ValueError: there are no more than `top_k` classes, which would always be right, or
            targets, outputs and class weights do not fit.
        """
        self._check_classes(outputs)
        if targets.shape.rank == 1:
            labels = target_checks.indices(type(self).__name__, targets, outputs)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)
            if self._label_smoothing:
                # Not by one_hot, which gives a label that is no class an example without a loss.
                spread = tf.reduce_logsumexp(outputs, -1) - tf.reduce_mean(outputs, -1)
                losses += self._label_smoothing * (spread - losses)
            if self._class_weights is None:
                return losses
            return losses * tf.gather(self._weights(), labels)
        target_checks.check_numbers(type(self).__name__, targets)
        targets = target_checks.of_shape(type(self).__name__, targets, outputs)
        shares = tf.cast(targets, outputs.dtype)
        losses = tf_keras.losses.categorical_crossentropy(
            shares, outputs, from_logits=True, label_smoothing=self._label_smoothing
        )
        if self._class_weights is None:
            return losses
        return losses * tf.linalg.matvec(shares, self._weights())

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

    def wrong_targets(self, targets: np.ndarray, output_width: int) -> str | None:
        """See `Objective.wrong_targets`."""
        if targets.ndim == 1:
            return target_checks.outside(
                targets,
                (targets >= 0) & (targets < output_width),
                f"labels must be class indices from 0 to {output_width - 1}, one less than "
                "Dataset.output_width: count them from 0, or raise output_width",
            )
        sums = targets.sum(axis=-1)
        return target_checks.outside(
            np.where((targets < 0).any(axis=-1), targets.min(axis=-1), sums),
            (targets >= 0).all(axis=-1) & (np.abs(sums - 1) < 1e-2),
            "targets [batch, classes] must be shares of 0 or more that sum to 1",
        )

    def _check_classes(self, outputs):
        classes = outputs.shape[-1] if outputs.shape.rank else None
        if outputs.shape.rank != 2:
            raise ValueError(
                "Classification takes logits [batch, classes]; the outputs are "
                f"{target_checks.described(outputs)}"
            )
        if classes == 1:
            raise ValueError(
                "Classification takes a logit for each of at least two classes, and the outputs "
                "are [batch, 1]: a softmax of one logit is always 1. For one logit use "
                "@BinaryClassification(), for more classes a larger Dataset.output_width"
            )
        if self._top_k is not None and classes is not None and self._top_k >= classes:
            raise ValueError(
                f"Classification.top_k = {self._top_k} must be less than the {classes} classes "
                "of the dataset; None reports top-1 accuracy alone"
            )
        if self._class_weights is not None and len(self._class_weights) != classes:
            raise ValueError(
                f"Classification.class_weights = {self._class_weights} must have a weight for each "
                f"of the {classes} classes of the dataset"
            )

    def _weights(self):
        return tf.constant(self._class_weights, tf.float32)


def _among_largest(targets: tf.Tensor, outputs: tf.Tensor, k: int) -> tf.Tensor:
    """For each example 1.0 if its class is among the k with the largest logits, else 0.0."""
    classes = targets if targets.shape.rank == 1 else tf.argmax(targets, axis=-1)
    if k == 1:
        return tf_keras.metrics.sparse_categorical_accuracy(classes, outputs)
    return tf_keras.metrics.sparse_top_k_categorical_accuracy(classes, outputs, k)
