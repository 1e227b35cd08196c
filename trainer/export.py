"""Writes a trained network as a SavedModel, for use without this program."""

import os
import pathlib
import shutil

import tensorflow as tf
import tf_keras


def export(model: tf_keras.Model, input_spec: tf.TensorSpec, folder: pathlib.Path) -> None:
    """Writes a SavedModel of `model` at its widths of the moment.

    It needs nothing but TensorFlow to be loaded. Its signature `serving_default` maps `inputs`, for
    any number of examples, to `outputs`. The folder appears whole or not at all.

    Args:
      model: the network.
      input_spec: of a training batch of inputs, `[batch, ...]`.
      folder: where to write; replaced if it exists.
    """

    @tf.function(
        input_signature=[tf.TensorSpec([None, *input_spec.shape[1:]], input_spec.dtype, "inputs")]
    )
    def serve(inputs):
        return {"outputs": tf.cast(model(inputs, training=False), tf.float32)}

    module = tf.Module()
    # The variables alone: with the model itself, its classes would have to be importable.
    module.captured = list(model.variables)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    tf.saved_model.save(module, str(temporary), signatures=serve)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
