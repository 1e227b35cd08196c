"""Parameters and FLOPs of a network at its current widths."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from models import site as site_lib
from models.layers import channel_wise, growable


class Size(NamedTuple):
    """The size of a network.

    Attributes:
      neurons: of all sites together.
      parameters: trainable ones.
      forward_flops: floating-point operations of the forward pass of one example.
    """

    neurons: int
    parameters: int
    forward_flops: int


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


def size_at(
    model: tf.Module, sites: Sequence[site_lib.GrowthSite]
) -> Callable[[Mapping[str, int]], Size]:
    """A function that counts what a network would have at other widths; exact.

    Args:
      model: the network.
      sites: its sites.

    Returns:
      Maps widths by site, of all sites, to the size.

    Example:
      >>> from models.architectures import mlp
      >>> model = mlp.MLP(hidden_widths=[4], output_width=2)
      >>> _ = model(tf.zeros([1, 3]))
      >>> size_at(model, model.sites)({model.sites[0].name: 5})
      Size(neurons=5, parameters=32, forward_flops=57)
    """
    layers = counted_layers(model)
    axes: dict[object, tuple[tf.Variable, list[tuple[int, str]]]] = {}
    for site in sites:
        for variable, axis in site.axes:
            _, of_variable = axes.setdefault(variable.ref(), (variable, []))
            of_variable.append((axis, site.name))

    def size(widths: Mapping[str, int]) -> Size:
        shapes = {}
        for key, (variable, of_variable) in axes.items():
            shape = list(variable.shape)
            for axis, name in of_variable:
                shape[axis] = widths[name]
            shapes[key] = tf.TensorShape(shape)
        with growable.supposing(shapes):
            flops = sum(layer.flops for layer in layers)
            return Size(sum(widths[site.name] for site in sites), parameters(model), flops)

    return size
