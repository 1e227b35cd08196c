"""The file of a tf_keras model that tf_keras and Keras 3 read."""

import json
import pathlib
import warnings

import h5py
import tensorflow as tf
import tf_keras

NAME = "model.h5"


def write(model: tf_keras.Model, file: pathlib.Path) -> None:
    """Writes a functional model of standard layers."""
    logger = tf.get_logger()
    level = logger.level
    with warnings.catch_warnings():
        # HDF5 is called legacy; of all formats it alone is read by both.
        warnings.simplefilter("ignore", UserWarning)
        logger.setLevel("ERROR")  # tf_keras takes a model without a loss for a mistake.
        try:
            model.save(file, save_format="h5", include_optimizer=False)
        finally:
            logger.setLevel(level)
    with h5py.File(file, "a") as opened:
        config = json.loads(opened.attrs["model_config"])
        for layer in config["config"]["layers"]:
            layer["config"].pop("rng_type", None)  # Where layers draw from; unknown to Keras 3.
            if layer["class_name"] == "DepthwiseConv2D":
                layer["config"].pop("groups")  # Always 1, and unknown to Keras 3.
        opened.attrs["model_config"] = json.dumps(config)
