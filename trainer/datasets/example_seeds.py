"""A random seed for each example of each epoch."""

import tensorflow as tf

from trainer.datasets import permutation

_RANGE = 2**31


def example_seeds(stream: tf.Tensor, epochs: tf.Tensor, examples: tf.Tensor) -> tf.Tensor:
    """Stateless seeds that are a function of (stream, epoch, example) alone.

    So what is drawn for an example does not depend on its place in a batch, on the batch size, on
    the number of workers, or on when the run was last resumed. All of a batch come from one call.

    Args:
      stream: int32 `[2]`, from models/layers/seeds.py.
      epochs: int64 `[n]`.
      examples: int64 `[n]`, the examples' numbers in their set.

    Returns:
      int32 `[n, 2]`, seeds for `tf.random.stateless_*`; each number is itself uniform in
      [0, 2^31), so that what needs only two small whole numbers can take their remainders.
    """
    # A block cipher of the example's number, which is what TensorFlow permutes indices by.
    words = permutation.permute(examples, stream, epochs, tf.constant(_RANGE**2, tf.int64))
    return tf.cast(tf.stack([words // _RANGE, words % _RANGE], axis=1), tf.int32)
