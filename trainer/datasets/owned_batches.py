"""Batches whose memory is TensorFlow's own."""

import tensorflow as tf

from trainer.upstream import tensorflow as private_tensorflow


def owned(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Copies each batch, if Python makes some of it.

    The tensors of a generator or of tf.numpy_function share the memory of the arrays they come
    from, and TensorFlow writes products into operands that nobody else refers to: a generator that
    keeps its arrays, and gives them again, would find them changed by training.

    Args:
      batches: of (inputs, targets) or (inputs, targets, weights).
    """
    if not any(map(private_tensorflow.calls_python, private_tensorflow.dataset_graphs(batches))):
        return batches
    return batches.map(
        lambda *batch: tf.nest.map_structure(lambda array: tf.raw_ops.DeepCopy(x=array), batch)
    )
