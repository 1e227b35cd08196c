"""MobileNet, version 1."""

import gin

from models import chain
from models.architectures import layer_factory
from models.layers import normalization as normalization_lib
from models.layers import pooling

_FIRST_WIDTH = 32  # Neurons of the first convolution.
# Neurons and stride of each block.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5)
_BLOCKS += ((1024, 2), (1024, 1))


@gin.configurable
class MobileNet(chain.Chain):
    """Thirteen depthwise convolutions, each with a pointwise one behind it (Howard et al. 2017).

    Growth sites are the first convolution, `conv`, and the pointwise ones, `pointwise_1` to
    `pointwise_13`. Before the next pointwise convolution a new channel passes the normalization and
    activation of its own layer, a depthwise convolution, and its normalization and activation. The
    consumer of the last site is the dense output layer, behind an average over the map. The order
    is the original one; the paper's public code has activations before normalizations and strides
    in the pointwise convolutions, and neither shrinks nor grows the last site. Maps
    `[batch, height, width, channels]` to `[batch, output_width]`.

    Args:
      output_width: number of outputs.
      width_multiplier: width of the seed network as a fraction of the target width of each site.
      first_strides: stride of the first convolution; 1 suits small images.
      normalization: class of a normalization, e.g. `BatchNormalization`, or None.
      normalize_depthwise: whether `normalization` follows depthwise convolutions too, so that a new
        channel passes two before its consumer. "Without batch norm" in the paper's public code
        means False here.
      new_layers: whether new layers can grow; see models/chain.py.
      l2: factor of the squared kernels in the loss; normalizations are left out.
      use_bias: whether convolutions that grow add a bias; the output layer always does.
      **kwargs: see `LayerFactory`.

    Raises:
      ValueError: an argument is out of range.
    """

    @layer_factory.with_layer_arguments
    def __init__(
        self,
        output_width: int = gin.REQUIRED,
        width_multiplier: float = 1.0,
        first_strides: int = 2,
        normalization: layer_factory.Normalization | None = normalization_lib.BatchNormalization,
        normalize_depthwise: bool = True,
        *,
        new_layers: bool = False,
        **kwargs,
    ):
        make = layer_factory.LayerFactory(
            type(self), width_multiplier, regularizes_normalizations=False, **kwargs
        )
        first = make.conv(
            "conv",
            make.seed_width(_FIRST_WIDTH),
            kernel_size=3,
            strides=first_strides,
            inputs_grow=False,
            outputs_grow=True,
        )
        found = [first, *make.activated("conv", normalization)]
        for i, (width, strides) in enumerate(_BLOCKS, start=1):
            depthwise, pointwise = f"depthwise_{i}", f"pointwise_{i}"
            found.append(make.depthwise(depthwise, kernel_size=3, strides=strides))
            found += make.activated(depthwise, normalization if normalize_depthwise else None)
            seed_width = make.seed_width(width)
            found.append(make.conv(pointwise, seed_width, 1, inputs_grow=True, outputs_grow=True))
            found += make.activated(pointwise, normalization)
        found.append(pooling.AveragePooling2D(pool_size=None))
        found.append(
            make.dense("output", output_width, use_bias=True, inputs_grow=True, outputs_grow=False)
        )
        targets = [_FIRST_WIDTH, *(width for width, _ in _BLOCKS)]
        super().__init__(found, targets, new_layers=make.activation if new_layers else None)
