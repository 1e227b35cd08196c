"""Wide residual networks."""

from typing import NoReturn

import gin
import tensorflow as tf
import tf_keras

from models import chain, site
from models.architectures import layer_factory
from models.layers import keras_saving, pooling
from models.layers import normalization as normalization_lib

_STEM_WIDTH = 16  # Neurons of the first convolution.
_GROUPS = ((16, 1), (32, 2), (64, 2))  # Neurons for k = 1, and stride, of each group.
_FIXED = {"inputs_grow": False, "outputs_grow": False}
_MOST_BLOCKS = 1000  # In a group.


@gin.configurable
class WideResNet(tf_keras.Model):
    """Wide residual network (Zagoruyko and Komodakis 2016) with blocks that grow inside.

    A convolution, three groups of n blocks with 16k, 32k and 64k neurons, where each convolution
    has 3x3 pixels, an average over the map and a dense output layer. A block is

        x -> outer normalization -> f -> conv_1 -> normalization -> f -> conv_2, added to x,

    where x passes a convolution of one pixel if the block changes its shape. The first convolution
    of each block is a growth site: `block_1_1` to `block_3_n`. Nothing else grows or is smaller in
    the seed network, because what is added must have one width (section 4.2 of the paper). Maps
    `[batch, height, width, channels]` to `[batch, output_width]`.

    Args:
      output_width: number of outputs.
      depth: 6n + 4, with n blocks in a group.
      width: k, a factor on all widths.
      width_multiplier: width of the sites in the seed network, as a fraction of their target width.
      normalization: class of what lies within blocks, e.g. `BatchNormalization`, or None. "Without
        batch norm" in the paper means None here.
      outer_normalization: class of what comes before blocks and before the average, or None.
      use_bias: whether convolutions add a bias; the output layer always does.
      **kwargs: see `LayerFactory`.

    Raises:
      ValueError: `depth` is not 6n + 4, or another argument is out of range.
    """

    @layer_factory.with_layer_arguments
    def __init__(
        self,
        output_width: int = gin.REQUIRED,
        depth: int = 28,
        width: int = 1,
        width_multiplier: float = 1.0,
        normalization: layer_factory.Normalization | None = None,
        outer_normalization: layer_factory.Normalization | None = (
            normalization_lib.BatchNormalization
        ),
        **kwargs,
    ):
        super().__init__()
        if not isinstance(width, int) or width < 1:
            raise ValueError(f"WideResNet.width = {width} must be a whole number, 1 or more")
        make = layer_factory.LayerFactory(type(self), width_multiplier, **kwargs)
        self._stem = make.conv("stem", _STEM_WIDTH, kernel_size=3, **_FIXED)
        self._blocks = []
        for group, (factor, strides) in enumerate(_GROUPS, start=1):
            for i in range(_blocks_in_a_group(depth)):
                self._blocks.append(
                    _Block(
                        f"block_{group}_{i + 1}",
                        make,
                        fan_in=self._blocks[-1].width if self._blocks else _STEM_WIDTH,
                        width=factor * width,
                        strides=strides if i == 0 else 1,
                        normalizations=(outer_normalization, normalization),
                    )
                )
        self._final = [
            *make.activated("final", outer_normalization, "outer_normalization"),
            pooling.AveragePooling2D(pool_size=None),
            make.dense("output", output_width, use_bias=True, **_FIXED),
        ]

    @property
    def sites(self) -> list[site.GrowthSite]:
        """The inside of each block, from the input to the output."""
        return [block.growth_site for block in self._blocks]

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[batch, height, width, channels]` to `[batch, output_width]`."""
        del training  # Keras hands it on to the layers that ask for it.
        return chain.apply([self._stem, *self._blocks, *self._final], inputs)

    def get_config(self) -> NoReturn:
        """Raises NotImplementedError; see keras_saving.py."""
        keras_saving.refuse(f"network {self.name!r}")


class _Block(tf_keras.layers.Layer):
    """A residual block, see `WideResNet`.

    Args:
      name: of the block, and of its site.
      make: makes its layers.
      fan_in: neurons before it.
      width: neurons after it, and target width of its site.
      strides: of its first convolution.
      normalizations: classes of the outer and the inner one, or None.
    """

    def __init__(
        self,
        name: str,
        make: layer_factory.LayerFactory,
        fan_in: int,
        width: int,
        strides: int,
        normalizations: tuple[layer_factory.Normalization | None, ...],
    ):
        super().__init__(name=name)
        outer, inner = normalizations
        first, second, shortcut = (f"{name}_{part}" for part in ("conv_1", "conv_2", "shortcut"))
        self.width = width
        self._before = make.activated(f"{name}_input", outer, "outer_normalization")
        self._conv_1 = make.conv(
            first,
            make.seed_width(width),
            kernel_size=3,
            strides=strides,
            inputs_grow=False,
            outputs_grow=True,
        )
        self._between = make.activated(first, inner)
        self._conv_2 = make.conv(second, width, 3, inputs_grow=True, outputs_grow=False)
        self._shortcut = None
        # The public code has one only where the stride is 2, and fails for k > 1 without it.
        if strides > 1 or fan_in != width:
            self._shortcut = make.conv(shortcut, width, 1, strides=strides, **_FIXED)

    @property
    def growth_site(self) -> site.GrowthSite:
        """The growth site between the two convolutions."""
        return site.GrowthSite(
            self.name, [self._conv_1], self._between, [self._conv_2], target_width=self.width
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps `[batch, height, width, fan-in]` to `[batch, height', width', width]`."""
        branch = chain.apply([*self._before, self._conv_1, *self._between, self._conv_2], inputs)
        return branch + (inputs if self._shortcut is None else self._shortcut(inputs))


def _blocks_in_a_group(depth: int) -> int:
    """n, for a depth of 6n + 4."""
    blocks, rest = divmod(depth - 4, 6)
    if rest or not 1 <= blocks <= _MOST_BLOCKS:
        nearest = sorted({6 * min(max(1, n), _MOST_BLOCKS) + 4 for n in (blocks, blocks + 1)})
        raise ValueError(
            f"WideResNet.depth = {depth} must be 6n + 4 for a whole n from 1 to {_MOST_BLOCKS}, "
            f"e.g. {' or '.join(map(str, nearest))}"
        )
    return blocks
