"""Layers of tf_keras that cannot grow, and the layers of this package to use in their place."""

import tf_keras

# By the name of the class, which a subclass shares.
_INSTEAD = {
    "Dense": "models.layers.Dense",
    "EinsumDense": "models.layers.Dense",
    "Conv1D": "models.layers.Conv2D on [batch, time, 1, channels]",
    "Conv2D": "models.layers.Conv2D",
    "DepthwiseConv2D": "models.channel_wise.DepthwiseConv2D",
    "SeparableConv2D": "models.channel_wise.DepthwiseConv2D and models.layers.Conv2D",
    "BatchNormalization": "models.normalization.BatchNormalization",
    "SyncBatchNormalization": "models.normalization.BatchNormalization",
    "LayerNormalization": "models.normalization.LayerNormalization",
    "GroupNormalization": "models.normalization.LayerNormalization",
    "UnitNormalization": "models.normalization.LayerNormalization",
    "SpatialDropout1D": "models.noise.Dropout with shared_axes=(1,)",
    "SpatialDropout2D": "models.noise.Dropout with shared_axes=(1, 2)",
    "PReLU": "models.activations.leaky_relu",
    "Softmax": "models.activations.relu",
    "AveragePooling2D": "models.pooling.AveragePooling2D",
    "GlobalAveragePooling2D": "models.pooling.AveragePooling2D(None)",
    "MaxPooling2D": "models.pooling.MaxPooling2D",
}


def instead_of(layer: object) -> str:
    """Advice for a message: the class to use in the place of `layer`, or what there is at all."""
    for kind in type(layer).__mro__:
        if kind.__name__ in _INSTEAD:
            return f"use {_INSTEAD[kind.__name__]}"
    return (
        "use a layer of models/channel_wise.py, normalization.py or pooling.py, an activation "
        "function, or a subclass of models.channel_wise.ChannelWise"
    )


def described(layer: object) -> str:
    """A layer or function as a message names it, e.g. `tf_keras.layers.PReLU 'prelu'`."""
    if not isinstance(layer, tf_keras.layers.Layer):
        return getattr(layer, "__name__", repr(layer))
    kind = type(layer)
    package = "tf_keras.layers." if kind.__module__.startswith("tf_keras.") else ""
    return f"{package}{kind.__name__} {layer.name!r}"
