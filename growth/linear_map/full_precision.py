"""Passes in float32 through a network whose layers compute in 16 bits."""

import contextlib
from collections.abc import Iterator

import tf_keras

from growth.upstream import keras


@contextlib.contextmanager
def full_precision(model: tf_keras.Model) -> Iterator[None]:
    """All layers compute in float32 within the block.

    Holds for calls of the model, and so for what is traced there: the same graph can have passes in
    16 bits before and after.
    """
    layers = [layer for layer in keras.layers_of(model) if _computes(layer)]
    policies = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            keras.set_dtype_policy(layer, "float32")
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            keras.set_dtype_policy(layer, policy)


def _computes(layer: tf_keras.layers.Layer) -> bool:
    return layer.compute_dtype in ("float16", "bfloat16")
