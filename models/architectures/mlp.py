"""Multi-layer perceptron."""

from collections.abc import Sequence

import gin
import tensorflow as tf
import tf_keras

from models import chain
from models.architectures import layer_factory


@gin.configurable
class MLP(chain.Chain):
    """Dense layers with an activation between, each hidden layer a growth site.

    Inputs `[batch, ...]` are flattened; hidden layers `hidden_1`, `hidden_2`, ... are followed by
    `normalization` and `activation`, in this order; the output is linear, `[batch, output_width]`.

    Args:
      hidden_widths: neurons of each hidden layer of the seed network, first to last.
      output_width: number of outputs.
      use_bias: whether layers add a bias.
      normalization: class of a normalization, called with `name` and `regularizer`, e.g.
        `BatchNormalization`; or None.
      new_layers: whether new layers can grow; see models/chain.py.
      **kwargs: see `LayerFactory`.

    Raises:
      ValueError: a width is not a positive integer.
    """

    @layer_factory.with_layer_arguments
    def __init__(
        self,
        hidden_widths: Sequence[int] = gin.REQUIRED,
        output_width: int = gin.REQUIRED,
        use_bias: bool = True,
        normalization: layer_factory.Normalization | None = None,
        *,
        new_layers: bool = False,
        kernel_initializer: type = tf_keras.initializers.GlorotUniform,
        **kwargs,
    ):
        make = layer_factory.LayerFactory(
            type(self), use_bias=use_bias, kernel_initializer=kernel_initializer, **kwargs
        )
        make.check_widths(hidden_widths, output_width)
        found = []
        for i, width in enumerate(hidden_widths, 1):
            name = f"hidden_{i}"
            grows = {"inputs_grow": i > 1, "outputs_grow": True}
            found.append(make.dense(name, width, **grows))
            found += make.activated(name, normalization)
        grows = {"inputs_grow": bool(hidden_widths), "outputs_grow": False}
        found.append(make.dense("output", output_width, **grows))
        super().__init__(
            found, [None] * len(hidden_widths), new_layers=make.activation if new_layers else None
        )
        self._to_vectors = tf_keras.layers.Flatten()

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[batch, ...]` to `[batch, output_width]`."""
        return super().call(self._to_vectors(inputs), training)
