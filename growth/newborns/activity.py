"""How active the neurons of sites are."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from models import site as site_lib
from models.layers import forward_pass


def observed(
    sites: Sequence[site_lib.GrowthSite], loss_of: Callable[[Any], tf.Tensor], batch: Any
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The mean absolute activity of each neuron, and the loss, on a replica's batch.

    Args:
      sites: of the network.
      loss_of: maps the batch to the loss.
      batch: of the replica.

    Returns:
      For each site float32 `[width]`, a mean over examples and positions; and the loss.
    """
    with forward_pass.observe([site.consumers[0] for site in sites]) as seen:
        loss = loss_of(batch)
    return [_mean_over_examples(look.inputs) for look in seen.values() if look], loss


def _mean_over_examples(inputs: tf.Tensor) -> tf.Tensor:
    """The mean absolute value of each channel of `[batch, ..., channels]`, float32."""
    values = tf.abs(tf.cast(inputs, tf.float32))
    return tf.reduce_mean(values, axis=list(range(values.shape.rank - 1)))
