"""Layers with growable axes, and the channel-wise layers between them."""

from models.layers.channel_wise import Activation, ChannelWise, DepthwiseConv2D, Parameter
from models.layers.check_layer import check_layer
from models.layers.growable import Conv2D, Dense, GrowableLayer
from models.layers.noise import Dropout, GaussianNoise
from models.layers.normalization import BatchNormalization, LayerNormalization
from models.layers.pooling import AveragePooling2D, MaxPooling2D

__all__ = [
    "Activation",
    "AveragePooling2D",
    "BatchNormalization",
    "ChannelWise",
    "Conv2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "GaussianNoise",
    "GrowableLayer",
    "LayerNormalization",
    "MaxPooling2D",
    "Parameter",
    "check_layer",
]
