"""Classification into two classes by one logit."""

from collections.abc import Sequence

import gin
import numpy as np
import tensorflow as tf
import tf_keras

from trainer.objectives import objective, target_checks


@gin.configurable
class BinaryClassification(objective.Objective):
    """Cross-entropy of the sigmoid of one logit `[batch, 1]`: `Dataset.output_width` is 1.

    Targets are 0 or 1, or the probability of 1, `[batch]` or `[batch, 1]`. A logit above 0 says 1.

    Args:
      class_weights: factors of the loss of 0 and of 1, 0 or more, in training and evaluation; for
        a probability, their mean. The accuracy counts both alike. None for 1.
      auc: whether `auc` is reported as well, the area under the receiver operating characteristic,
        by tf_keras' 200 thresholds.

    Raises:
      ValueError: an argument is out of range.
    """

    best_metric = "accuracy"

    def __init__(self, class_weights: Sequence[float] | None = None, auc: bool = False):
        target_checks.check_class_weights(type(self).__name__, class_weights)
        if class_weights is not None and len(class_weights) != 2:
            raise ValueError(
                f"BinaryClassification.class_weights = {class_weights} must be two weights, of 0 "
                "and of 1, e.g. (1.0, 3.0)"
            )
        self._class_weights = class_weights
        self._auc = auc

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """See `Objective.losses`.

        A target outside of [0, 1] makes the loss NaN.

        Raises:
          ValueError: there is more than one logit, or targets are of another shape.
        """
        if outputs.shape.rank != 2 or outputs.shape[-1] != 1:
            raise ValueError(
                "BinaryClassification takes one logit, [batch, 1]; the outputs are "
                f"{target_checks.described(outputs)}. Dataset.output_width must be 1; for a logit "
                "for each class use @Classification()"
            )
        target_checks.check_numbers(type(self).__name__, targets)
        targets = tf.cast(targets, outputs.dtype)
        if targets.shape.rank == 1:
            targets = targets[:, tf.newaxis]
        targets = target_checks.of_shape(type(self).__name__, targets, outputs)
        targets = tf.where((targets >= 0) & (targets <= 1), targets, np.nan)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, outputs)
        if self._class_weights is not None:
            of_0, of_1 = self._class_weights
            losses *= of_0 + (of_1 - of_0) * targets
        return tf.squeeze(losses, axis=1)

    def metrics(self) -> list[tf_keras.metrics.Metric]:
        """The accuracy, and the area under the curve if it is bound."""
        accuracy = tf_keras.metrics.MeanMetricWrapper(_same_side, name="accuracy")
        return [accuracy] + [_AreaUnderCurve(name="auc", from_logits=True)] * self._auc

    def predictions(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The probability of 1, `[batch, 1]`."""
        return {"probabilities": tf.sigmoid(outputs)}

    def wrong_targets(self, targets: np.ndarray, output_width: int) -> str | None:
        """See `Objective.wrong_targets`."""
        values = targets.reshape([len(targets), -1])[:, 0]
        rule = "targets must be 0, 1, or a probability between them"
        return target_checks.outside(values, (values >= 0) & (values <= 1), rule)


class _AreaUnderCurve(tf_keras.metrics.AUC):
    """Of targets as `BinaryClassification` takes them."""

    def update_state(self, targets, outputs, sample_weight=None):
        targets = tf.reshape(tf.cast(targets, tf.float32) > 0.5, [-1])
        # tf_keras would fail on NaN, before the loss can tell of it.
        logits = tf.where(tf.math.is_nan(outputs), 0.0, outputs)[:, 0]
        return super().update_state(targets, logits, sample_weight)


def _same_side(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """For each example 1.0 if its logit is on the side of its target, else 0.0."""
    # tf_keras takes the axis of one logit away if targets have none.
    targets, logits = (tf.reshape(tf.cast(x, tf.float32), [-1]) for x in (targets, outputs))
    return tf.cast((targets > 0.5) == (logits > 0), tf.float32)
