"""Makes the layers of one network, which have much in common."""

import inspect
from collections.abc import Callable, Sequence

import tf_keras

from models.architectures import kernel_initializers
from models.layers import activations, channel_wise, growable, seeds
from models.layers import normalization as normalization_lib

# Called with `name` and `regularizer`.
Normalization = type[normalization_lib.Normalization]


class LayerFactory:
    """Makes layers with initial weights of their own, whatever other layers a network has.

    Keyword arguments are those of all architectures, see `with_layer_arguments`.

    Args:
      architecture: the class of the network, which messages name.
      width_multiplier: widths of the seed network, as a fraction of those of the grown one.
      regularizes_normalizations: whether `l2` holds for scales and offsets of normalizations.
      activation: the activation function that follows each hidden layer.
      kernel_initializer: class of the initializers, called with `seed`, e.g. `HeNormal`.
      l2: factor of the squared kernels, and scales and offsets of normalizations, in the loss.
      seed: seed of the initial weights.
      use_bias: whether layers add a bias.

    Attributes:
      activation: as given.

    Raises:
      ValueError: `width_multiplier` is not above 0, or `l2` or `seed` are negative, or
        `kernel_initializer` is no class of initializers.
    """

    def __init__(
        self,
        architecture: type,
        width_multiplier: float = 1.0,
        regularizes_normalizations: bool = True,
        *,
        activation: activations.Activation = activations.relu,
        kernel_initializer: type = tf_keras.initializers.HeNormal,
        l2: float = 0.0,
        seed: int = 0,
        use_bias: bool = False,
    ):
        name = architecture.__name__
        if width_multiplier <= 0:
            raise ValueError(
                f"{name}.width_multiplier = {width_multiplier} must be above 0, e.g. 0.25"
            )
        if l2 < 0:
            raise ValueError(f"{name}.l2 = {l2} must be at least 0, e.g. 1e-4")
        kernel_initializers.check(kernel_initializer, f"{name}.kernel_initializer")
        self._architecture = name
        self._width_multiplier = width_multiplier
        self.activation = activation
        self._kernel_initializer = kernel_initializer
        self._regularizer = tf_keras.regularizers.L2(l2) if l2 else None
        self._seed = seed
        self._use_bias = use_bias
        self._regularizes_normalizations = regularizes_normalizations

    def check_widths(self, hidden_widths: Sequence[int], output_width: int) -> None:
        """Raises ValueError unless all are positive integers."""
        widths = [*hidden_widths, output_width]
        if not all(isinstance(width, int) and width > 0 for width in widths):
            name = self._architecture
            raise ValueError(
                f"{name}.hidden_widths = {hidden_widths} and {name}.output_width = {output_width} "
                "must be positive numbers of neurons, e.g. (32, 16) and 10"
            )

    def seed_width(self, target_width: int) -> int:
        """Neurons of the seed network where the grown network has `target_width`; at least one.

        Example:
          >>> make = LayerFactory(tf_keras.Model, width_multiplier=0.25)
          >>> [make.seed_width(target_width) for target_width in (64, 10, 1)]
          [16, 2, 1]
        """
        return max(1, round(self._width_multiplier * target_width))

    def conv(self, name: str, width: int, kernel_size: int, **kwargs) -> growable.Conv2D:
        """A convolution of `width` neurons; `kwargs` as in `layers.Conv2D`."""
        return growable.Conv2D(
            width, kernel_size, use_bias=self._use_bias, **self._weights(name), **kwargs
        )

    def dense(self, name: str, width: int, **kwargs) -> growable.Dense:
        """A dense layer of `width` neurons on vectors or maps; `kwargs` as in `layers.Dense`."""
        options = {"flatten": True, "use_bias": self._use_bias, **self._weights(name), **kwargs}
        return growable.Dense(width, **options)

    def depthwise(self, name: str, kernel_size: int, strides: int) -> channel_wise.DepthwiseConv2D:
        """A depthwise convolution."""
        return channel_wise.DepthwiseConv2D(kernel_size, strides=strides, **self._weights(name))

    def activated(
        self, name: str, normalization: Normalization | None, argument: str = "normalization"
    ) -> list[channel_wise.ChannelWise]:
        """The layers after a growable one: a normalization, unless None, and the activation.

        Args:
          name: of the layer.
          normalization: its class.
          argument: of the architecture, which gives the class.

        Raises:
          ValueError: `normalization` is neither a normalization's class nor None.
        """
        found: list[channel_wise.ChannelWise] = [channel_wise.Activation(self.activation)]
        if normalization is not None:
            self._check_normalization(normalization, argument)
            regularizer = self._regularizer if self._regularizes_normalizations else None
            found.insert(0, normalization(name=f"{name}_normalization", regularizer=regularizer))
        return found

    def _check_normalization(self, normalization, argument):
        is_class = isinstance(normalization, type)
        if not (is_class and issubclass(normalization, normalization_lib.Normalization)):
            given = getattr(normalization, "__name__", normalization)
            raise ValueError(
                f"{self._architecture}.{argument} = {given} must be a class of normalizations, "
                "@BatchNormalization or @LayerNormalization, or None"
            )

    def _weights(self, name):
        """The arguments that all layers with weights share."""
        stream = seeds.stream(self._seed, "student", name)
        return {
            "kernel_initializer": self._kernel_initializer(seed=int(stream[0])),
            "regularizer": self._regularizer,
            "name": name,
        }


def with_layer_arguments(constructor: Callable[..., None]) -> Callable[..., None]:
    """Gives a constructor that takes `**kwargs` the keyword arguments of `LayerFactory`.

    They appear in its signature, so that Gin knows them as its own; those that it names itself may
    have another default.
    """
    signature = inspect.signature(constructor)
    own = [p for p in signature.parameters.values() if p.kind != p.VAR_KEYWORD]
    shared = [
        p
        for p in inspect.signature(LayerFactory).parameters.values()
        if p.kind == p.KEYWORD_ONLY and p.name not in signature.parameters
    ]
    constructor.__signature__ = signature.replace(parameters=[*own, *shared])
    constructor.__annotations__ |= {p.name: p.annotation for p in shared}
    constructor.keywords_of = LayerFactory  # Documents them.
    return constructor
