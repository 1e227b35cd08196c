"""Growth sites of every kind that the layers make possible, each in a small network."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from models.layers import activations, channel_wise, growable, normalization, pooling
from models.site import GrowthSite

Layers = Sequence[tf_keras.layers.Layer]
# (inputs, targets)
Batch = tuple[tf.Tensor, tf.Tensor]
_EXAMPLES, _CHANNELS, _OUTPUTS = 24, 3, 3


class OneSite(tf_keras.Model):
    """A network around one growth site; what follows z makes dL/dz differ from place to place.

    inputs -> producers, added -> between -> consumers -> z, plus a shortcut -> tanh -> linear

    Args:
      producers: see `GrowthSite`; all read the inputs.
      between: see `GrowthSite`.
      consumers: see `GrowthSite`.
      shortcut: maps the inputs to what is added to the first consumer's outputs, or None.
    """

    def __init__(
        self,
        producers: Layers,
        between: Sequence[channel_wise.ChannelWise | activations.Activation],
        consumers: Layers,
        shortcut: tf_keras.layers.Layer | activations.Activation | None = None,
    ):
        super().__init__()
        self.sites = [GrowthSite("site", producers, between, consumers)]
        self._layers_of_site = [*producers, *self.sites[0].between, *consumers]
        self._shortcut = shortcut
        self._to_vectors = tf_keras.layers.Flatten()
        self._head = tf_keras.layers.Dense(_OUTPUTS, kernel_initializer=_glorot("head"))

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[batch, ...]` to `[batch, 3]`."""
        del training  # Keras passes it on to the layers that care.
        (site,) = self.sites
        channels = tf.add_n([producer(inputs) for producer in site.producers])
        for layer in site.between:
            channels = layer(channels)
        z = [consumer(channels) for consumer in site.consumers]
        if self._shortcut is not None:
            z[0] += self._shortcut(inputs)
        return self._head(tf.concat([self._to_vectors(tf.tanh(x)) for x in z], axis=1))


def _glorot(name: str) -> tf_keras.initializers.Initializer:
    return tf_keras.initializers.GlorotUniform(seed=sum(name.encode()))


def _conv(name: str, width: int, size: int = 3, **window) -> growable.Conv2D:
    return growable.Conv2D(width, size, **window, **_growable(name))


def _dense(name: str, width: int) -> growable.Dense:
    return growable.Dense(width, flatten=True, **_growable(name))


def _per_position(name: str, width: int) -> growable.Dense:
    return growable.Dense(width, **_growable(name))


def _growable(name, grows=True):
    """Producers and consumers: `out...` names one of the latter."""
    consumes = name.startswith("out")
    return {
        "use_bias": True,
        "inputs_grow": grows and consumes,
        "outputs_grow": grows and not consumes,
        "kernel_initializer": _glorot(name),
        "name": name,
    }


def inputs(shape: Sequence[int], smooth: bool = False) -> tf.Tensor:
    """White noise `[examples, *shape]`, or maps as smooth as natural images: amplitudes 1/f."""
    noise = np.random.default_rng(0).normal(size=[_EXAMPLES, *shape])
    if smooth:
        frequencies = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in shape[1::-1])))
        amplitudes = 1.0 / np.maximum(frequencies, 1.0 / max(shape[:2]))
        spectrum = np.fft.fft2(noise, axes=(1, 2)) * amplitudes[..., np.newaxis]
        noise = np.fft.ifft2(spectrum, axes=(1, 2)).real
        noise /= noise.std()
    return tf.constant(noise, tf.float32)


def _trained(model: OneSite, inputs_: tf.Tensor) -> tuple[OneSite, Batch]:
    """The model with biases, gains and statistics that are not the initial ones, and a batch."""
    random = np.random.default_rng(1)
    model(inputs_)
    for variable in model.trainable_variables:
        if variable.shape.rank == 1:
            variable.assign_add(random.uniform(0.0, 0.3, size=variable.read_value().shape))
    model(inputs_, training=True)
    targets = random.normal(size=[_EXAMPLES, _OUTPUTS])
    return model, (inputs_, tf.constant(targets, tf.float32))


@dataclasses.dataclass(frozen=True)
class Convolutions:
    """Two convolutions; calling it gives the network and a batch.

    Attributes:
      kernels: sizes of the producer's and of the consumer's kernel, in pixels.
      strides: of both, in pixels.
      padding: of both.
      dilations: of both, in pixels.
      between: makes the layers between.
      map_size: height and width of the inputs, in pixels.
      smooth: whether neighboring pixels of the inputs are alike.
    """

    kernels: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    padding: tuple[str, str] = ("same", "same")
    dilations: tuple[int, int] = (1, 1)
    between: Callable[[], Sequence] = lambda: [activations.relu]
    map_size: tuple[int, int] = (8, 8)
    smooth: bool = False

    def __call__(self) -> tuple[OneSite, Batch]:
        """The network and a batch."""
        windows = [
            {"strides": strides, "padding": padding, "dilation": dilation}
            for strides, padding, dilation in zip(
                self.strides, self.padding, self.dilations, strict=True
            )
        ]
        producer = _conv("in", 4, self.kernels[0], **windows[0])
        consumer = _conv("out", 5, self.kernels[1], **windows[1])
        model = OneSite([producer], self.between(), [consumer])
        return _trained(model, inputs([*self.map_size, _CHANNELS], self.smooth))


def _site(shape: Sequence[int], parts: Callable[[], tuple]) -> Callable[[], tuple[OneSite, Batch]]:
    """Makes a network of `parts`, the arguments of `OneSite`, for white inputs of a shape."""
    return lambda: _trained(OneSite(*parts()), inputs(shape))


def _depthwise(strides: int) -> channel_wise.ChannelWise:
    return channel_wise.DepthwiseConv2D(
        3, strides=strides, kernel_initializer=_glorot("depthwise"), name="depthwise"
    )


def _batch_norm(name: str = "batch_norm") -> channel_wise.ChannelWise:
    return normalization.BatchNormalization(name=name)


def _layer_norm() -> channel_wise.ChannelWise:
    return normalization.LayerNormalization(name="layer_norm")


def _fixed_conv(width: int, size: int, **window) -> growable.Conv2D:
    return growable.Conv2D(width, size, **window, **_growable("fixed", grows=False))


def _fixed_dense(width: int) -> growable.Dense:
    return growable.Dense(width, flatten=True, **_growable("fixed", grows=False))


_relu = activations.relu
_pooling, _max_pooling = pooling.AveragePooling2D, pooling.MaxPooling2D
_map = functools.partial(_site, [8, 8, _CHANNELS])
_vector = functools.partial(_site, [6])
_sequence = functools.partial(_site, [7, 6])

_STRIDES = {
    f"strides {strides}, map of {size}, {padding}, {'smooth' if smooth else 'white'}": Convolutions(
        strides=strides, padding=(padding, padding), map_size=(size, size), smooth=smooth
    )
    for strides in itertools.product([1, 2], repeat=2)
    for size, padding, smooth in [
        (8, "same", False),
        (8, "same", True),
        (7, "same", False),
        (7, "valid", False),
    ]
}

_WINDOWS = {
    **_STRIDES,
    "1x1 - 3x3": Convolutions((1, 3)),
    "3x3 - 1x1": Convolutions((3, 1)),
    "5x5 - 3x3": Convolutions((5, 3)),
    "2x2 - 2x2": Convolutions((2, 2)),
    "4x4 - 4x4": Convolutions((4, 4)),
    "same, then valid padding": Convolutions(padding=("same", "valid")),
    "valid, then same padding": Convolutions(padding=("valid", "same")),
    "dilation 2": Convolutions(dilations=(2, 2)),
    "dilations and strides": Convolutions(dilations=(3, 2), strides=(2, 2)),
    "dilation, valid padding": Convolutions(dilations=(1, 2), padding=("valid", "valid")),
    "strides 3 and 2": Convolutions(strides=(3, 2), kernels=(3, 2), map_size=(13, 13)),
    "1x1 with stride": Convolutions((1, 1), strides=(2, 1)),
    "map of 8 x 5": Convolutions((5, 3), strides=(2, 1), map_size=(8, 5)),
    "kernels wider than the map": Convolutions((5, 5), map_size=(2, 3)),
}

_BETWEEN = {
    "depthwise": Convolutions(between=lambda: [_relu, _depthwise(1), _relu]),
    "depthwise, stride 2": Convolutions(between=lambda: [_relu, _depthwise(2), _relu]),
    "batch norm": Convolutions(between=lambda: [_batch_norm(), _relu]),
    "layer norm": Convolutions(between=lambda: [_layer_norm(), _relu]),
    "batch norm, depthwise, batch norm": Convolutions(
        between=lambda: [_batch_norm(), _relu, _depthwise(1), _batch_norm("batch_norm_2"), _relu]
    ),
    "average pooling": Convolutions(between=lambda: [_relu, _pooling()]),
    "average pooling, overlapping": Convolutions(between=lambda: [_relu, _pooling(3, 1, "same")]),
    "max pooling": Convolutions(between=lambda: [_relu, _max_pooling()]),
    "max pooling, overlapping": Convolutions(between=lambda: [_relu, _max_pooling(3, 2, "same")]),
    "batch norm, max pooling": Convolutions(between=lambda: [_batch_norm(), _relu, _max_pooling()]),
    "centered sigmoid": Convolutions(between=lambda: [activations.centered_sigmoid]),
}

_DENSE = {
    "dense": _vector(lambda: ([_dense("in", 4)], [_relu], [_dense("out", 5)])),
    "dense, batch norm": _vector(
        lambda: ([_dense("in", 4)], [_batch_norm(), _relu], [_dense("out", 5)])
    ),
    "dense, layer norm": _vector(
        lambda: ([_dense("in", 4)], [_layer_norm(), _relu], [_dense("out", 5)])
    ),
    "flatten": _map(lambda: ([_conv("in", 4)], [_relu], [_dense("out", 5)])),
    "average pooling, flatten": _map(
        lambda: ([_conv("in", 4)], [_relu, _pooling()], [_dense("out", 5)])
    ),
    "global average pooling": _map(
        lambda: ([_conv("in", 4)], [_relu, _pooling(None)], [_dense("out", 5)])
    ),
}

_SEQUENCES = {
    "sequence": _sequence(
        lambda: ([_per_position("in", 4)], [_relu], [_per_position("out", 6)], activations.identity)
    ),
    "sequence, batch norm": _sequence(
        lambda: ([_per_position("in", 4)], [_batch_norm(), _relu], [_per_position("out", 5)])
    ),
    "sequence, layer norm": _sequence(
        lambda: ([_per_position("in", 4)], [_layer_norm(), _relu], [_per_position("out", 5)])
    ),
    "sequence, flatten": _sequence(lambda: ([_per_position("in", 4)], [_relu], [_dense("out", 3)])),
}

_BRANCHES = {
    "residual": _map(
        lambda: ([_conv("in", 4)], [_relu], [_conv("out", _CHANNELS)], activations.identity)
    ),
    "residual, projection": _map(
        lambda: ([_conv("in", 4)], [_relu], [_conv("out", 5)], _fixed_conv(5, 1))
    ),
    "two consumers": _map(
        lambda: ([_conv("in", 4)], [_relu], [_conv("out_1", 5), _conv("out_2", 2, 1, strides=2)])
    ),
    "two producers": _map(
        lambda: ([_conv("in_1", 4), _conv("in_2", 4, 1)], [_relu], [_conv("out", 5)])
    ),
}

# Producers without neurons, beside a layer that is there already.
_NEW = {
    "new convolution": _map(
        lambda: ([_conv("in", 0)], [_relu], [_conv("out", 5)], _fixed_conv(5, 3))
    ),
    "new convolution, everything between": _map(
        lambda: (
            [_conv("in", 0)],
            [_batch_norm(), _relu, _depthwise(1), _pooling(3, 1, "same"), _max_pooling()],
            [_conv("out", 5)],
            _fixed_conv(5, 3, strides=2),
        )
    ),
    "new dense": _vector(lambda: ([_dense("in", 0)], [_relu], [_dense("out", 5)], _fixed_dense(5))),
    "new flatten": _map(lambda: ([_conv("in", 0)], [_relu], [_dense("out", 5)], _fixed_dense(5))),
}

# Sites whose map A is known by products alone, as a normalization, a pooling or a stride lies
# between. At all others it is a matrix, by one pass.
WITHOUT_MATRIX = frozenset(
    [
        "dense, batch norm",
        "dense, layer norm",
        "sequence, batch norm",
        "sequence, layer norm",
        "average pooling, flatten",
        "global average pooling",
        "depthwise, stride 2",
        "batch norm",
        "layer norm",
        "batch norm, depthwise, batch norm",
        "average pooling",
        "average pooling, overlapping",
        "max pooling",
        "max pooling, overlapping",
        "batch norm, max pooling",
        "new convolution, everything between",
    ]
)

# Calling a value gives a network with one site, and a batch.
SITES: dict[str, Callable[[], tuple[OneSite, Batch]]] = {
    **_DENSE,
    **_SEQUENCES,
    **_WINDOWS,
    **_BETWEEN,
    **_BRANCHES,
    **_NEW,
}
