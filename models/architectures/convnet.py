"""A plain convolutional network."""

from collections.abc import Sequence

import gin
import tf_keras

from models import chain
from models.architectures import layer_factory
from models.layers import pooling


@gin.configurable
class ConvNet(chain.Chain):
    """Convolutions with an activation between, each hidden one a growth site.

    Hidden convolutions `hidden_1`, `hidden_2`, ... are followed by `normalization` and
    `activation`, in this order. The output is linear: a last convolution, without strides, and the
    mean of its map; or a dense layer on the flattened map of the last hidden one. Maps
    `[batch, height, width, channels]` to `[batch, output_width]`.

    Args:
      hidden_widths: neurons of each hidden convolution of the seed network, first to last.
      output_width: number of outputs.
      kernel_size: of every convolution, in pixels.
      strides: of hidden convolutions, in pixels.
      padding: of every convolution, "same" or "valid".
      normalization: class of a normalization, called with `name` and `regularizer`, e.g.
        `BatchNormalization`; or None.
      flatten: whether the output is a dense layer on the flattened map. The size of images is then
        fixed.
      use_bias: whether layers add a bias.
      new_layers: whether new layers can grow; see models/chain.py.
      **kwargs: see `LayerFactory`.

    Raises:
      ValueError: a width is not a positive integer, or `padding` is neither.
    """

    @layer_factory.with_layer_arguments
    def __init__(
        self,
        hidden_widths: Sequence[int] = gin.REQUIRED,
        output_width: int = gin.REQUIRED,
        kernel_size: int = 3,
        strides: int = 1,
        padding: str = "same",
        normalization: layer_factory.Normalization | None = None,
        flatten: bool = False,
        use_bias: bool = True,
        *,
        new_layers: bool = False,
        kernel_initializer: type = tf_keras.initializers.GlorotUniform,
        **kwargs,
    ):
        make = layer_factory.LayerFactory(
            type(self), use_bias=use_bias, kernel_initializer=kernel_initializer, **kwargs
        )
        make.check_widths(hidden_widths, output_width)
        window = {"kernel_size": kernel_size, "padding": padding}
        found = []
        for i, width in enumerate(hidden_widths, 1):
            name = f"hidden_{i}"
            grows = {"inputs_grow": i > 1, "outputs_grow": True}
            found.append(make.conv(name, width, strides=strides, **window, **grows))
            found += make.activated(name, normalization)
        grows = {"inputs_grow": bool(hidden_widths), "outputs_grow": False}
        if flatten:
            found.append(make.dense("output", output_width, **grows))
        else:
            found.append(make.conv("output", output_width, **window, **grows))
            found.append(pooling.AveragePooling2D(pool_size=None))
        super().__init__(
            found, [None] * len(hidden_widths), new_layers=make.activation if new_layers else None
        )
