"""Makes the layers of one network, which have much in common."""

from collections.abc import Callable

import tf_keras

from models import activations, channel_wise, layers, seeds

# Called with `name` and `regularizer`, e.g. a class of models/normalization.py.
Normalization = Callable[..., channel_wise.ChannelWise]


class LayerFactory:
    """Makes layers with initial weights of their own, whatever other layers a network has.

    Args:
      width_multiplier: widths of the seed network, as a fraction of those of the grown one.
      activation: the activation function.
      kernel_initializer: class of the initializers, called with `seed`.
      l2: factor of the squared kernels, gains and shifts in the loss.
      seed: seed of the initial weights.
      use_bias: whether convolutions add a bias.
      regularize_gains: whether `l2` holds for the gains and shifts of normalizations.

    Raises:
      ValueError: `width_multiplier` is not above 0, or `l2` or `seed` are negative.
    """

    def __init__(
        self,
        *,
        width_multiplier: float,
        activation: activations.Activation,
        kernel_initializer: type,
        l2: float,
        seed: int,
        use_bias: bool,
        regularize_gains: bool = True,
    ):
        if width_multiplier <= 0:
            raise ValueError(f"width_multiplier = {width_multiplier} must be above 0, e.g. 0.25")
        if l2 < 0:
            raise ValueError(f"l2 = {l2} must be at least 0, e.g. 1e-4")
        self._width_multiplier = width_multiplier
        self._activation = activation
        self._kernel_initializer = kernel_initializer
        self._regularizer = tf_keras.regularizers.L2(l2) if l2 else None
        self._seed = seed
        self._use_bias = use_bias
        self._regularize_gains = regularize_gains

    def seed_width(self, target_width: int) -> int:
        """Neurons of the seed network where the grown network has `target_width`; at least one."""
        return max(1, round(self._width_multiplier * target_width))

    def conv(self, name: str, width: int, kernel_size: int, **kwargs) -> layers.Conv2D:
        """A convolution of `width` neurons; `strides` and what grows as in `layers.Conv2D`."""
        return layers.Conv2D(
            width, kernel_size, use_bias=self._use_bias, **self._weights(name), **kwargs
        )

    def dense(self, name: str, width: int, **kwargs) -> layers.Dense:
        """A dense layer of `width` neurons; bias and what grows as in `layers.Dense`."""
        return layers.Dense(width, **self._weights(name), **kwargs)

    def depthwise(self, name: str, kernel_size: int, strides: int) -> channel_wise.DepthwiseConv2D:
        """A depthwise convolution."""
        return channel_wise.DepthwiseConv2D(kernel_size, strides=strides, **self._weights(name))

    def activated(
        self, name: str, normalization: Normalization | None
    ) -> list[channel_wise.ChannelWise]:
        """What follows the layer `name`: a normalization, unless None, and the activation."""
        found = [channel_wise.Activation(self._activation)]
        if normalization is not None:
            regularizer = self._regularizer if self._regularize_gains else None
            found.insert(0, normalization(name=f"{name}_normalization", regularizer=regularizer))
        return found

    def _weights(self, name):
        """The arguments that all layers with weights share."""
        stream = seeds.stream(self._seed, "student", name)
        return {
            "kernel_initializer": self._kernel_initializer(seed=int(stream[0])),
            "regularizer": self._regularizer,
            "name": name,
        }
