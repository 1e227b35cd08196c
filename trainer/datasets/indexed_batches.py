"""Pipelines of batches whose examples can be read by their numbers, in any order."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# Batches that are made at once, at most, and the numbers in them: 64 MiB.
_MOST_BATCHES = 8
_MOST_NUMBERS = 2**24


def endless(first_step: int, batch: Callable[[tf.Tensor], Any]) -> tf.data.Dataset:
    """Training batches without end, made in parallel and given in order.

    Args:
      first_step: the step of the first batch.
      batch: makes the batch of a step, an int64 scalar.
    """
    steps = tf.data.Dataset.counter(first_step)
    batch = _unconverted(batch)
    return ahead(steps.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True))


def endless_by_groups(
    first_step: int, numbers: int, batches: Callable[[tf.Tensor], Any]
) -> tf.data.Dataset:
    """`endless`, several batches at once: of small ones, calling operations takes most of the time.

    Args:
      first_step: the step of the first batch.
      numbers: in a batch; of large ones fewer are made at once.
      batches: makes those of some steps, int64 `[steps]`: arrays `[steps, batch, ...]`.
    """
    group = max(1, min(_MOST_BATCHES, _MOST_NUMBERS // numbers))
    steps = tf.data.Dataset.counter(first_step, group)
    groups = steps.map(
        _unconverted(lambda step: batches(step + tf.range(group, dtype=tf.int64))),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return ahead(groups.unbatch())


def once(examples: int, batch_size: int, batch: Callable[[tf.Tensor], Any]) -> tf.data.Dataset:
    """Batches of all examples in order, the last of which may be smaller.

    Args:
      examples: how many there are.
      batch_size: examples in a batch.
      batch: makes the batch of the examples with these numbers, int64 `[n]`.
    """
    firsts = tf.data.Dataset.range(0, examples, batch_size)
    batch = _unconverted(batch)
    batches = firsts.map(
        lambda first: batch(tf.range(first, tf.minimum(first + batch_size, examples))),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return ahead(batches)


def _unconverted(function: Callable[[tf.Tensor], Any]) -> Callable[[tf.Tensor], Any]:
    """`function`, which AutoGraph is not to convert: that would take longer than tracing it."""
    return tf.autograph.experimental.do_not_convert(function)


def ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Makes batches while the training step runs.

    Where TensorFlow shares them out to workers (in an evaluation), each takes its part of each.
    """
    options = tf.data.Options()
    # By default workers share files out, and a batch would depend on how many workers there are.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)
