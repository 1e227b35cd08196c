"""Passes in float32 through a network whose layers compute in 16 bits."""

import contextlib
from collections.abc import Iterator

import tf_keras


@contextlib.contextmanager
def full_precision(model: tf_keras.Model) -> Iterator[None]:
    """All layers compute in float32 within the block.

    Holds for calls of the model, and so for what is traced there: the same graph can have passes in
    16 bits before and after.
    """
    # Not `submodules`, which fails while a recurrent layer with dropout is traced.
    layers = [layer for layer in model._flatten_layers() if _computes(layer)]
    policies = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer._set_dtype_policy("float32")
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer._set_dtype_policy(policy)


def _computes(layer: tf_keras.layers.Layer) -> bool:
    return layer.compute_dtype in ("float16", "bfloat16")
