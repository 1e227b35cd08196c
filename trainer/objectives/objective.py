"""The base class of objectives: the loss and the metrics of a task."""

import abc

import numpy as np
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
        """The loss of each example, `[batch]`; a replica sums them and divides by the batch size.

        Args:
          targets: of the dataset, `[batch, ...]`.
          outputs: of the network, one tensor, float32 `[batch, ...]`.

        Raises:
          ValueError: their shapes or types do not fit, which is known when the step is traced.
        """

    def metrics(self) -> list[tf_keras.metrics.Metric]:
        """New metrics, updated with (targets, outputs, weights of examples), beside the loss."""
        return []

    def predictions(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The outputs of an exported network, by name; by default `outputs`, `[batch, ...]`."""
        return {"outputs": outputs}

    def wrong_targets(self, targets: np.ndarray, output_width: int) -> str | None:
        """A sentence on values that targets must not have, or None if there are none.

        Asked about the first batch, and about the batch of a step that failed.

        Args:
          targets: of a batch, finite where they are floating-point numbers.
          output_width: the last axis of the network's outputs.
        """
        del targets, output_width
        return None
