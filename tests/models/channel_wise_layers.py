"""Layers of every kind that may lie between a producer and its consumers."""

import tensorflow as tf
import tf_keras

from models.layers import activations, channel_wise, noise, normalization, pooling


def depthwise(size: int = 3, **kwargs) -> channel_wise.DepthwiseConv2D:
    """A depthwise convolution."""
    return channel_wise.DepthwiseConv2D(
        size, kernel_initializer=tf_keras.initializers.GlorotUniform(1), name="layer", **kwargs
    )


LAYERS = {
    "relu": lambda: channel_wise.Activation(activations.relu),
    "centered sigmoid": lambda: channel_wise.Activation(activations.centered_sigmoid),
    "sigmoid": lambda: channel_wise.Activation(tf.sigmoid),
    "depthwise": depthwise,
    "depthwise, strides": lambda: depthwise(strides=2),
    "depthwise, valid": lambda: depthwise(padding="valid"),
    "depthwise, even": lambda: depthwise(4),
    "average pooling": pooling.AveragePooling2D,
    "average pooling, overlapping": lambda: pooling.AveragePooling2D(3, 2, "same"),
    "global average pooling": lambda: pooling.AveragePooling2D(None),
    "max pooling": pooling.MaxPooling2D,
    "max pooling, overlapping": lambda: pooling.MaxPooling2D(3, 2, "same"),
    "dropout": lambda: noise.Dropout(0.5, name="layer"),
    "gaussian noise": lambda: noise.GaussianNoise(0.5, name="layer"),
    "batch norm": lambda: normalization.BatchNormalization(name="layer"),
    "layer norm": lambda: normalization.LayerNormalization(name="layer"),
}
