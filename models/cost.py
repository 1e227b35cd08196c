"""What a network costs at its widths of the moment."""

import tensorflow as tf

from models import channel_wise, layers


def parameters(model: tf.Module) -> int:
    """Number of trainable parameters."""
    # Not count_params(): it multiplies declared shapes, which are unknown on growing axes.
    return sum(int(tf.size(variable)) for variable in model.trainable_variables)


def forward_flops(model: tf.Module) -> int:
    """Floating-point operations of one forward pass of one example, in layers of this package."""
    kinds = (layers.GrowableLayer, channel_wise.ChannelWise)
    return sum(layer.flops for layer in model.submodules if isinstance(layer, kinds))


def growable_layers(model: tf.Module) -> list[layers.GrowableLayer]:
    """The layers with a width of their own, in the order in which the model holds them."""
    return [layer for layer in model.submodules if isinstance(layer, layers.GrowableLayer)]
