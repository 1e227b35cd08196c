"""Layers of tf_keras that cannot grow, and the layers of this package to use in their place."""

import tf_keras

# By the name of the class, which a subclass shares.
_INSTEAD = {
    "Dense": "models.layers.Dense",
    "EinsumDense": "models.layers.Dense",
    "Conv1D": "models.layers.Conv2D on [batch, time, 1, channels]",
    "Conv2D": "models.layers.Conv2D",
    "DepthwiseConv2D": "models.layers.DepthwiseConv2D",
    "SeparableConv2D": "models.layers.DepthwiseConv2D and models.layers.Conv2D",
    "BatchNormalization": "models.layers.BatchNormalization",
    "SyncBatchNormalization": "models.layers.BatchNormalization",
    "LayerNormalization": "models.layers.LayerNormalization",
    "GroupNormalization": "models.layers.LayerNormalization",
    "UnitNormalization": "models.layers.LayerNormalization",
    "SpatialDropout1D": "models.layers.Dropout with shared_axes=(1,)",
    "SpatialDropout2D": "models.layers.Dropout with shared_axes=(1, 2)",
    "PReLU": "models.layers.activations.leaky_relu",
    "Softmax": "models.layers.activations.relu",
    "AveragePooling2D": "models.layers.AveragePooling2D",
    "GlobalAveragePooling2D": "models.layers.AveragePooling2D(None)",
    "MaxPooling2D": "models.layers.MaxPooling2D",
}


def instead_of(layer: object) -> str:
    """Advice for a message: the class to use in the place of `layer`, or what there is at all."""
    for kind in type(layer).__mro__:
        if kind.__name__ in _INSTEAD:
            return f"use {_INSTEAD[kind.__name__]}"
    return (
        "use a layer of models.layers, an activation function, or a subclass of "
        "models.layers.ChannelWise"
    )


def described(layer: object) -> str:
    """A layer or function as a message names it, e.g. `tf_keras.layers.PReLU 'prelu'`."""
    if not isinstance(layer, tf_keras.layers.Layer):
        return getattr(layer, "__name__", repr(layer))
    kind = type(layer)
    package = "tf_keras.layers." if kind.__module__.startswith("tf_keras.") else ""
    return f"{package}{kind.__name__} {layer.name!r}"
