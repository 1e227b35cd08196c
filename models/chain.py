"""Networks without branches."""

from collections.abc import Sequence
from typing import NoReturn

import tensorflow as tf
import tf_keras

from models import new_layer, site
from models.layers import activations, channel_wise, keras_saving
from models.layers import growable as layers


class Chain(tf_keras.Model):
    """Layers one after the other; each growable one but the last is a growth site.

    The consumer of a site is the next growable layer, and what stands before that lies between.

    Args:
      chain: layers of models/layers/growable.py, the first of them in front, and channel-wise ones.
      target_widths: the width that each site has in the grown network, or None.
      new_layers: the activation function of new layers, for which there is room at each growable
        layer: sites of width 0 named after it, e.g. `hidden_1_new`; see models/new_layer.py. None
        for no such room.

    Example:
      >>> from models.architectures import mlp
      >>> model = mlp.MLP(hidden_widths=[4, 3], output_width=2)
      >>> _ = model(tf.zeros([1, 5]))
      >>> for site in model.sites:
      ...     print(site.name, site.width, site.incoming().shape, site.outgoing().shape)
      hidden_1 4 (5, 4) (3, 4)
      hidden_2 3 (4, 3) (2, 3)
    """

    def __init__(
        self,
        chain: Sequence[layers.GrowableLayer | channel_wise.ChannelWise],
        target_widths: Sequence[int | None],
        new_layers: activations.Activation | None = None,
    ):
        super().__init__()
        self._chain = [
            new_layer.NewLayer(layer, new_layers)
            if new_layers is not None and isinstance(layer, layers.GrowableLayer)
            else layer
            for layer in chain
        ]
        self._target_widths = tuple(target_widths)

    @property
    def sites(self) -> list[site.GrowthSite]:
        """From the input to the output: each growable layer but the last, and new layers."""
        ends = (layers.GrowableLayer, new_layer.NewLayer)
        growable = [i for i, layer in enumerate(self._chain) if isinstance(layer, ends)]
        found = []
        for i, position in enumerate(growable):
            layer = self._chain[position]
            if isinstance(layer, new_layer.NewLayer):
                found.append(layer.site)
            if i + 1 < len(growable):
                found.append(
                    site.GrowthSite(
                        layer.writers[0].name,
                        producers=layer.writers,
                        between=self._chain[position + 1 : growable[i + 1]],
                        consumers=self._chain[growable[i + 1]].readers,
                        target_width=self._target_widths[i],
                    )
                )
        return found

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[batch, ...]` to the output of the last layer."""
        del training  # Keras hands it on to the layers that ask for it.
        return apply(self._chain, inputs)

    def get_config(self) -> NoReturn:
        """Raises NotImplementedError; see keras_saving.py."""
        keras_saving.refuse(f"network {self.name!r}")


def apply(layers_in_order: Sequence[tf_keras.layers.Layer], inputs: tf.Tensor) -> tf.Tensor:
    """Applies layers in order, and returns the output of the last one."""
    outputs = inputs
    for layer in layers_in_order:
        outputs = layer(outputs)
    return outputs
