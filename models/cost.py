"""Parameters and FLOPs of a network at its current widths."""

import tensorflow as tf

from models.layers import channel_wise, growable


def parameters(model: tf.Module) -> int:
    """Number of trainable parameters.

    Example:
      >>> from models.architectures import mlp
      >>> model = mlp.MLP(hidden_widths=[4], output_width=2)
      >>> _ = model(tf.zeros([1, 3]))
      >>> parameters(model)  # 3 * 4 + 4 and 4 * 2 + 2
      26
    """
    # Not count_params(): it multiplies declared shapes, which are unknown on growing axes.
    return sum(
        growable.shape_now(variable).num_elements() for variable in model.trainable_variables
    )


def forward_flops(model: tf.Module) -> int:
    """Floating-point operations of one forward pass of one example, in layers of this package.

    Example:
      >>> from models.architectures import mlp
      >>> model = mlp.MLP(hidden_widths=[4], output_width=2)
      >>> _ = model(tf.zeros([1, 3]))
      >>> forward_flops(model)  # 2 * 3 * 4 + 4 and 2 * 4 * 2 + 2
      46
    """
    return sum(layer.flops for layer in counted_layers(model))


def counted_layers(model: tf.Module) -> list[growable.GrowableLayer | channel_wise.ChannelWise]:
    """The layers whose `flops` count; finding them takes longer than counting."""
    kinds = (growable.GrowableLayer, channel_wise.ChannelWise)
    return [layer for layer in model.submodules if isinstance(layer, kinds)]


def growable_layers(model: tf.Module) -> list[growable.GrowableLayer]:
    """The layers with a width of their own."""
    return [layer for layer in counted_layers(model) if isinstance(layer, growable.GrowableLayer)]
