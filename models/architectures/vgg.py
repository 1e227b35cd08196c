"""VGG networks without hidden dense layers."""

from collections.abc import Sequence

import gin

from models import chain
from models.architectures import layer_factory
from models.layers import channel_wise
from models.layers import pooling as pooling_lib

_BLOCKS = {  # Number of convolutions in each block, by depth.
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


@gin.configurable
class VGG(chain.Chain):
    """Convolutions of 3x3 pixels in five blocks (Simonyan and Zisserman 2015), for small images.

    Every convolution is a growth site: `conv_1`, `conv_2`, ... Each is followed by `normalization`
    and `activation`, in this order; the paper's public code has them the other way round. As there,
    convolutions of stride 2 halve the map in place of max pooling, and the head is a convolution
    to the outputs, of 3x3 pixels and stride 2: maps of 32x32 have become 1x1 after it. Larger ones
    are averaged. Maps `[batch, height, width, channels]` to `[batch, output_width]`.

    Args:
      output_width: number of outputs.
      depth: 11, 13, 16 or 19: the convolutions, and three dense layers that the head replaces.
      widths: target width of the convolutions of each of the five blocks, in neurons.
      width_multiplier: width of the seed network as a fraction of the target width of each site.
      pooling: class of what ends blocks 1 to 4, e.g. `MaxPooling2D`; None for a stride of 2 in the
        first convolution of the next block.
      flatten: whether the head is a dense layer on the flattened map instead. The size of images
        is then fixed.
      normalization: class of a normalization, e.g. `BatchNormalization`, or None.
      new_layers: whether new layers can grow; see models/chain.py.
      **kwargs: see `LayerFactory`.

    Raises:
      ValueError: `depth` is none of the four, `widths` are not five, or another argument is out of
        range.
    """

    @layer_factory.with_layer_arguments
    def __init__(
        self,
        output_width: int = gin.REQUIRED,
        depth: int = 11,
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        width_multiplier: float = 1.0,
        pooling: type[channel_wise.ChannelWise] | None = None,
        flatten: bool = False,
        normalization: layer_factory.Normalization | None = None,
        *,
        new_layers: bool = False,
        **kwargs,
    ):
        if depth not in _BLOCKS:
            raise ValueError(f"VGG.depth = {depth} must be one of {', '.join(map(str, _BLOCKS))}")
        if len(widths) != len(_BLOCKS[depth]) or min(widths) < 1:
            raise ValueError(
                f"VGG.widths = {widths} must be {len(_BLOCKS[depth])} numbers of neurons, 1 or "
                "more, e.g. (64, 128, 256, 512, 512)"
            )
        make = layer_factory.LayerFactory(type(self), width_multiplier, **kwargs)
        found, targets = [], []
        for block, (convolutions, width) in enumerate(zip(_BLOCKS[depth], widths, strict=True)):
            for i in range(convolutions):
                halves = block > 0 and i == 0
                if halves and pooling is not None:
                    found.append(pooling())
                targets.append(width)
                name = f"conv_{len(targets)}"
                conv = make.conv(
                    name,
                    make.seed_width(width),
                    kernel_size=3,
                    strides=2 if halves and pooling is None else 1,
                    inputs_grow=len(targets) > 1,
                    outputs_grow=True,
                )
                found += [conv, *make.activated(name, normalization)]
        grows = {"inputs_grow": True, "outputs_grow": False}
        if flatten:
            found.append(make.dense("output", output_width, **grows))
        else:
            found.append(make.conv("output", output_width, kernel_size=3, strides=2, **grows))
            found.append(pooling_lib.AveragePooling2D(pool_size=None))
        super().__init__(found, targets, new_layers=make.activation if new_layers else None)
