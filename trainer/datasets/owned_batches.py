"""Batches whose memory is TensorFlow's own."""

import tensorflow as tf

from trainer.upstream import tensorflow as private_tensorflow


def owned(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Copies each batch, if a Python function or generator takes part in making it.

    The tensors of a generator or of tf.numpy_function share the memory of their arrays, and
    TensorFlow reuses the memory of an operand that no other tensor needs. A generator that keeps
    its arrays and yields them again would find them overwritten by training.

    Args:
      batches: of (inputs, targets) or (inputs, targets, weights).
    """
    calls_python = any(
        operation.op in private_tensorflow.PYTHON
        for graph in private_tensorflow.dataset_graphs(batches)
        for operation in private_tensorflow.operations(graph)
    )
    return batches.map(_copied) if calls_python else batches


def _copied(*batch):
    return tf.nest.map_structure(lambda array: tf.raw_ops.DeepCopy(x=array), batch)
