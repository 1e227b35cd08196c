"""Room for a layer that is still to be grown (appendix A of the paper, "Growing Layers")."""

import tensorflow as tf
import tf_keras

from models import site
from models.layers import activations, growable


class NewLayer(tf_keras.layers.Layer):
    """A place for a hidden layer between what a layer reads and its outputs.

    z = C(h) + C2(f(P2(h)))

    C is a layer that connects h and z, and stays as it is. Initially there are no neurons between
    P2 and C2, so that nothing is added. They are a growth site like any other, and its first
    neurons make a new layer, with C as a shortcut around it. Growth methods see the map between h
    and dL/dz, as at a layer that has neurons.

    For a convolution C, P2 is a convolution of the same kernel, strides and padding, and C2 is one
    of 1 x 1. A layer that starts empty computes with one more channel, of zeros, also when it has
    grown: TensorFlow's operations refuse arrays without elements.

    Args:
      around: C; created with the attributes `inputs_grow` and `outputs_grow` that it needs itself.
      activation: f.
    """

    def __init__(self, around: growable.GrowableLayer, activation: activations.Activation):
        super().__init__(name=f"{around.name}_new")
        self._around = around
        self._activation = activation
        self._incoming, self._outgoing = around.hidden_pair(self.name)

    @property
    def readers(self) -> list[growable.GrowableLayer]:
        """See `GrowableLayer.readers`."""
        return [self._around, self._incoming]

    @property
    def writers(self) -> list[growable.GrowableLayer]:
        """See `GrowableLayer.writers`."""
        return [self._around, self._outgoing]

    @property
    def site(self) -> site.GrowthSite:
        """The new layer itself."""
        return site.GrowthSite(self.name, [self._incoming], [self._activation], [self._outgoing])

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps h `[batch, ..., channels]` to z `[batch, ..., channels']`."""
        return self._around(inputs) + self._outgoing(self._activation(self._incoming(inputs)))
