"""Our layers in terms of tf_keras' own, at their current widths.

A layer that is not here, and neither of tf_keras nor made of layers that are, says what it is by

    @counterparts.counterpart.register(MyLayer)
    def _(layer, inputs, plain):
        return plain.add(tf_keras.layers.Dense, inputs, name=layer.name, weights=[...], units=...)
"""

import abc
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from models import new_layer
from models.layers import channel_wise, growable, noise, normalization, pooling

# TensorFlow's fused operation, which our batch normalization uses, takes no smaller epsilon.
_LEAST_EPSILON = 1.001e-5


class PlainLayers(abc.ABC):
    """The layers of tf_keras that a network has been expressed in so far."""

    @abc.abstractmethod
    def add(
        self,
        kind: type[tf_keras.layers.Layer],
        inputs: tf.Tensor | Sequence[tf.Tensor],
        *,
        name: str,
        weights: Sequence[tf.Tensor | tf.Variable | np.ndarray] = (),
        **arguments,
    ) -> tf.Tensor:
        """Passes `inputs` through a new layer.

        Args:
          kind: its class.
          inputs: symbolic; several for a layer such as Add.
          name: gets a number if the network has another layer of this name.
          weights: in the order of the layer's `set_weights`.
          **arguments: of `kind`.

        Returns:
          What comes out, symbolic.
        """


@functools.singledispatch
def counterpart(layer: tf_keras.layers.Layer, inputs: tf.Tensor, plain: PlainLayers) -> tf.Tensor:
    """The output of `layer` in inference, by layers of tf_keras that are added to `plain`."""
    raise NotImplementedError(type(layer))


@counterpart.register(growable.Dense)
def _(layer, inputs, plain):
    kernel = tf.convert_to_tensor(layer.kernel)
    if kernel.shape.rank > 2:
        inputs = plain.add(tf_keras.layers.Flatten, inputs, name=f"{layer.name}_flatten")
    return plain.add(
        tf_keras.layers.Dense,
        inputs,
        name=layer.name,
        weights=[tf.reshape(kernel, [-1, kernel.shape[-1]]), *_bias(layer)],
        units=layer.width,
        use_bias=layer.bias is not None,
    )


@counterpart.register(growable.Conv2D)
def _(layer, inputs, plain):
    size, strides, padding, dilation = layer.windows[0]
    return plain.add(
        tf_keras.layers.Conv2D,
        inputs,
        name=layer.name,
        weights=[layer.kernel, *_bias(layer)],
        filters=layer.width,
        kernel_size=size,
        strides=strides,
        padding=padding.lower(),
        dilation_rate=dilation,
        use_bias=layer.bias is not None,
    )


def _bias(layer):
    return [] if layer.bias is None else [layer.bias]


@counterpart.register(new_layer.NewLayer)
def _(layer, inputs, plain):
    del plain
    # What has no neurons adds nothing, and tf_keras has no layers without any.
    return layer.call(inputs) if layer.site.width else layer.readers[0](inputs)


@counterpart.register(channel_wise.Activation)
def _(layer, inputs, plain):
    del plain
    return layer.function(inputs)  # Operations have layers as well.


@counterpart.register(tf_keras.layers.Activation)
def _(layer, inputs, plain):
    del plain
    return layer.activation(inputs)  # It may be a function that is not of tf_keras.


@counterpart.register(tf_keras.layers.Lambda)
def _(layer, inputs, plain):
    del plain
    return layer.function(
        inputs, **layer.arguments
    )  # A file of its bytecode would not be portable.


@counterpart.register(channel_wise.DepthwiseConv2D)
def _(layer, inputs, plain):
    size, strides, padding, _ = layer.window
    return plain.add(
        tf_keras.layers.DepthwiseConv2D,
        inputs,
        name=layer.name,
        weights=[layer.kernel],
        kernel_size=size,
        strides=strides,
        padding=padding.lower(),
        use_bias=False,
    )


@counterpart.register(pooling.AveragePooling2D)
def _(layer, inputs, plain):
    if layer.window is None:
        return plain.add(tf_keras.layers.GlobalAveragePooling2D, inputs, name=layer.name)
    return _pooled(tf_keras.layers.AveragePooling2D, layer, inputs, plain)


@counterpart.register(pooling.MaxPooling2D)
def _(layer, inputs, plain):
    return _pooled(tf_keras.layers.MaxPooling2D, layer, inputs, plain)


def _pooled(kind, layer, inputs, plain):
    size, strides, padding, _ = layer.window
    return plain.add(
        kind, inputs, name=layer.name, pool_size=size, strides=strides, padding=padding.lower()
    )


@counterpart.register(normalization.BatchNormalization)
def _(layer, inputs, plain):
    return plain.add(
        tf_keras.layers.BatchNormalization,
        inputs,
        name=layer.name,
        weights=[layer.scale, layer.offset, layer.moving_mean, layer.moving_variance],
        momentum=layer.momentum,
        epsilon=max(layer.epsilon, _LEAST_EPSILON),
    )


@counterpart.register(normalization.LayerNormalization)
def _(layer, inputs, plain):
    is_centered = np.asarray(tf.convert_to_tensor(layer.is_centered))
    if len(is_centered) == layer.initial_width:
        return plain.add(
            tf_keras.layers.LayerNormalization,
            inputs,
            name=layer.name,
            weights=[layer.scale, layer.offset],
            epsilon=layer.epsilon,
        )
    return _by_initial_channels(layer, is_centered, inputs, plain)


def _by_initial_channels(layer, is_centered, inputs, plain):
    """A layer normalization that has grown: mean and variance are those of the b first channels.

    A vector of their deviations d and of sqrt(b epsilon) has the norm sqrt(b (variance + epsilon)):
    made a unit vector it ends in sqrt(epsilon / (variance + epsilon)).
    """
    width, initial = len(is_centered), layer.initial_width
    mean = np.zeros([width, width])  # As a matrix: row i is what channel i adds to it.
    mean[:initial] = 1.0 / initial
    deviations = np.zeros([width, initial + 1])
    deviations[:, :-1] = (np.eye(width) - mean)[:, :initial]
    constant = np.append(np.zeros(initial), (initial * layer.epsilon) ** 0.5)
    factor = np.zeros([initial + 1, width])
    factor[-1] = 1.0 / layer.epsilon**0.5

    def add(kind, inputs, what, *weights, **arguments):
        return plain.add(kind, inputs, name=f"{layer.name}_{what}", weights=weights, **arguments)

    dense = tf_keras.layers.Dense
    hidden = add(dense, inputs, "deviations", deviations, constant, units=initial + 1)
    hidden = add(tf_keras.layers.UnitNormalization, hidden, "unit_vector")
    factors = add(dense, hidden, "factor", factor, units=width, use_bias=False)
    shifted = np.eye(width) - mean * is_centered
    hidden = add(dense, inputs, "shifted", shifted, units=width, use_bias=False)
    hidden = add(tf_keras.layers.Multiply, [hidden, factors], "normalized")
    epsilon = tf_keras.backend.epsilon()
    return plain.add(  # Scale and offset alone.
        tf_keras.layers.BatchNormalization,
        hidden,
        name=layer.name,
        weights=[layer.scale, layer.offset, np.zeros([width]), np.full([width], 1.0 - epsilon)],
        epsilon=epsilon,
    )


@counterpart.register(noise.Dropout)
def _(layer, inputs, plain):
    rank = inputs.shape.rank
    shared = {axis % rank for axis in layer.shared_axes}
    return plain.add(
        tf_keras.layers.Dropout,
        inputs,
        name=layer.name,
        rate=layer.rate,
        noise_shape=[1 if axis in shared else None for axis in range(rank)] if shared else None,
    )


@counterpart.register(noise.GaussianNoise)
def _(layer, inputs, plain):
    if layer.shared_axes:  # tf_keras has no such layer, and the identity is all that is needed.
        return inputs
    return plain.add(tf_keras.layers.GaussianNoise, inputs, name=layer.name, stddev=layer.stddev)
