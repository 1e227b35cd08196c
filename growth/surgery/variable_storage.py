"""Replaces the storage of a variable."""

import tensorflow as tf

from growth.upstream import tensorflow as private_tensorflow


def replace(variable: tf.Variable, value: tf.Tensor, shape: tf.TensorShape) -> None:
    """Gives `variable` a value in storage of another declared shape.

    It stays the same Python object, with the same key in optimizers: layers, optimizer and
    checkpoints go on with it. Functions that are traced already fail: they hold the old storage,
    which is left with a scalar.

    Args:
      variable: of one device, or distributed over replicas.
      value: for all replicas.
      shape: compatible with that of the value.
    """
    with tf.distribute.get_strategy().scope():
        new = tf.Variable(
            value,
            shape=shape,
            trainable=variable.trainable,
            name=variable.name.partition(":")[0],
            synchronization=variable.synchronization,
            aggregation=variable.aggregation,
        )
    private_tensorflow.take_storage(variable, new)
