"""Networks of all kinds that have grown twice, for tests of what is left of them elsewhere."""

import functools
from collections.abc import Callable, Sequence
from unittest import mock

import numpy as np
import tensorflow as tf
import tf_keras

from growth.surgery import surgery
from growth.surgery.neurons import NewNeurons
from models import site
from models.architectures import convnet, mlp, mobilenet, vgg, wide_resnet
from models.layers import activations, growable, noise, normalization, pooling


class OwnModel(tf_keras.Model):
    """As a user would write it: our layers, tf_keras' layers and operations of TensorFlow."""

    def __init__(self, output_width):
        super().__init__()
        kernel = tf_keras.initializers.GlorotUniform
        options = {"use_bias": True, "inputs_grow": True, "outputs_grow": True}
        self.first = growable.Conv2D(2, 3, **options, kernel_initializer=kernel(1), name="first")
        self.block = OwnBlock("block")
        self.dropout = tf_keras.layers.Dropout(0.5)
        self.noise = noise.GaussianNoise(0.5, name="noise")
        self.channels = noise.Dropout(0.5, name="channels", shared_axes=(1, 2))
        self.last = tf_keras.layers.Dense(output_width, name="last")
        self.sites = [site.GrowthSite("inside", [self.block.one], [tf.tanh], [self.block.two])]

    def call(self, inputs, training=False):
        hidden = self.block(activations.leaky_relu(self.first(inputs)))
        hidden = tf_keras.layers.Activation(activations.centered_sigmoid)(hidden)
        hidden = self.noise(self.channels(hidden))
        hidden = self.dropout(tf.reduce_max(hidden, axis=[1, 2]), training=training)
        return 2.0 * self.last(hidden) + 1.0


class OwnBlock(tf_keras.layers.Layer):
    """A layer that is made of others, and calls one of them twice."""

    def __init__(self, name):
        super().__init__(name=name)
        kernel = tf_keras.initializers.GlorotUniform
        options = {"use_bias": False, "inputs_grow": False, "kernel_size": 3}
        self.one = growable.Conv2D(
            2, **options, outputs_grow=True, kernel_initializer=kernel(2), name="one"
        )
        self.two = growable.Conv2D(
            2,
            **(options | {"inputs_grow": True}),
            outputs_grow=False,
            kernel_initializer=kernel(3),
            name="two",
        )
        self.twice = tf_keras.layers.Conv2D(2, 1, name="twice")

    def call(self, inputs):
        hidden = self.two(tf.tanh(self.one(inputs)))
        return inputs - self.twice(self.twice(hidden)) * tf.nn.relu(hidden)


_BATCH = {"normalization": normalization.BatchNormalization}
_LAYER = {"normalization": normalization.LayerNormalization}
_MLP = functools.partial(mlp.MLP, (3, 2), 4)
_CONVNET = functools.partial(convnet.ConvNet, (3, 2), 4)
_VGG = functools.partial(vgg.VGG, 4, widths=(2, 3, 3, 4, 4))


def _mobilenet():
    """Of two blocks, one of each stride."""
    with mock.patch.object(mobilenet, "_BLOCKS", mobilenet._BLOCKS[:2]):
        return mobilenet.MobileNet(4, width_multiplier=0.06, first_strides=1)


# Makes a network, and the shape of an input.
NETWORKS: dict[str, tuple[Callable[[], tf_keras.Model], tuple[int, ...]]] = {
    "mlp": (_MLP, (5,)),
    "mlp_batch_normalization": (
        functools.partial(_MLP, **_BATCH, activation=activations.leaky_relu),
        (2, 3),
    ),
    "mlp_layer_normalization": (
        functools.partial(_MLP, **_LAYER, activation=activations.tanh),
        (5,),
    ),
    "mlp_new_layers": (
        functools.partial(_MLP, new_layers=True, activation=activations.centered_sigmoid),
        (5,),
    ),
    "convnet_batch_normalization": (functools.partial(_CONVNET, **_BATCH), (6, 6, 2)),
    "convnet_flat": (
        functools.partial(_CONVNET, flatten=True, strides=2, padding="valid", **_LAYER),
        (9, 9, 1),
    ),
    "vgg": (_VGG, (32, 32, 3)),
    "vgg_batch_normalization": (
        functools.partial(_VGG, pooling=pooling.MaxPooling2D, **_BATCH),
        (32, 32, 1),
    ),
    "vgg_average_pooling": (
        functools.partial(_VGG, pooling=pooling.AveragePooling2D, use_bias=True, flatten=True),
        (32, 32, 1),
    ),
    "wide_resnet": (
        functools.partial(wide_resnet.WideResNet, 4, depth=10, width_multiplier=0.125, **_BATCH),
        (8, 8, 3),
    ),
    "mobilenet": (_mobilenet, (8, 8, 3)),
    "own": (functools.partial(OwnModel, 4), (6, 6, 2)),
}


def grown(name: str) -> tuple[tf_keras.Model, tf.Tensor]:
    """See `grow`, of one of `NETWORKS`."""
    make, shape = NETWORKS[name]
    return grow(make(), shape)


def grow(model: tf_keras.Model, shape: Sequence[int]) -> tuple[tf_keras.Model, tf.Tensor]:
    """`model`, grown twice, with arbitrary values everywhere, and three inputs of `shape`."""
    random = np.random.default_rng(0)
    inputs = tf.constant(random.normal(size=[3, *shape]), tf.float32)
    model(inputs)
    for count in (1, 2):
        # A new layer that has not grown yet stays that.
        sites = [s for s in model.sites if s.name != "output_new"]
        neurons = [
            NewNeurons(
                tf.zeros([len(site.incoming()), count]), tf.zeros([len(site.outgoing()), count])
            )
            for site in sites
        ]
        surgery.assign(surgery.grown(sites, neurons).values())
    for variable in model.variables:
        if "centred" not in variable.name:
            _randomize(variable, random)
    return model, inputs


def _randomize(variable: tf.Variable, random: np.random.Generator) -> None:
    """Gives a variable values that keep the sizes of what goes through; variances above 0."""
    value = variable.read_value()
    noise = random.normal(size=value.shape)
    if value.shape.rank > 1:
        noise /= np.sqrt(max(1, np.prod(value.shape[:-1])))
    variable.assign(1.0 + 0.1 * noise if "variance" in variable.name else noise)
