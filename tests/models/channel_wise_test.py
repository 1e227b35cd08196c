"""Properties that growth needs of every layer between a producer and its consumers."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models.layers import normalization, pooling
from tests import channel_wise_layers

_CHANNELS = 5


_layers = pytest.mark.parametrize("name", channel_wise_layers.LAYERS)


def _channels(count, seed=0):
    return tf.random.stateless_normal([6, 7, 7, count], [seed, 1])


def _layer(name):
    """A layer with parameters that are not the initial ones, and what goes through it."""
    layer, inputs = channel_wise_layers.LAYERS[name](), _channels(_CHANNELS)
    layer(inputs)
    for i, variable in enumerate(layer.trainable_variables):
        change = tf.random.stateless_uniform(tf.shape(variable), [i, 2])
        variable.assign_add(change)
    return layer, inputs


def _call(layer, inputs):
    """A training step of a layer."""
    if isinstance(layer, normalization.BatchNormalization):
        return layer(inputs, training=True)
    return layer(inputs)


@_layers
@pytest.mark.parametrize("copies", [False, True], ids=["new", "copies"])
def test_growth_adds_the_transform_of_new_channels(name, copies):
    layer, old = _layer(name)
    parents = [3, 0, 3]
    new = tf.gather(old, parents, axis=-1) if copies else _channels(3, seed=1)
    values = [
        tf.gather(parameter.variable, parents, axis=parameter.axis)
        if copies
        else parameter.initial(tf.constant(3))
        for parameter in layer.parameters
    ]
    before = _call(layer, old)
    added = layer.transform(new, values, old)
    for parameter, value in zip(layer.parameters, values, strict=True):
        both = tf.concat([parameter.variable, value], axis=parameter.axis)
        parameter.variable.assign(both)
    after = _call(layer, tf.concat([old, new], axis=-1))
    np.testing.assert_allclose(after, tf.concat([before, added], -1), rtol=1e-4, atol=1e-5)
    if copies:
        np.testing.assert_allclose(added, tf.gather(before, parents, axis=-1), atol=1e-5)


@_layers
def test_the_tangent_is_the_derivative_at_zero(name):
    # Forward and backward: < g, T x > = < T^T g, x >, where T^T g is TensorFlow's gradient.
    layer, old = _layer(name)
    x, zeros = _channels(3, seed=1), tf.zeros([6, 7, 7, 3])
    values = [parameter.initial(tf.constant(3)) for parameter in layer.parameters]
    with tf.GradientTape() as tape:
        tape.watch(zeros)
        outputs = layer.transform(zeros, values, old)
    g = tf.random.stateless_normal(tf.shape(outputs), [3, 4])
    backward = tf.reduce_sum(tape.gradient(outputs, zeros, g) * x)
    tangent = layer.tangent(x, values, old)
    np.testing.assert_allclose(tf.reduce_sum(g * tangent), backward, rtol=1e-4)
    if layer.tangent_factor is not None:
        np.testing.assert_allclose(tangent, layer.tangent_factor * x, rtol=1e-5)


@_layers
def test_at_zero_tells_what_becomes_of_channels_of_zeros(name):
    layer, old = _layer(name)
    values = [parameter.initial(tf.constant(3)) for parameter in layer.parameters]
    outputs = layer.transform(tf.zeros([6, 7, 7, 3]), values, old)
    np.testing.assert_allclose(outputs, tf.fill(tf.shape(outputs), layer.at_zero()[0]))


@pytest.mark.parametrize(
    "name", [name for name in channel_wise_layers.LAYERS if name != "layer norm"]
)
def test_a_layer_may_start_without_channels(name):
    layer, empty = channel_wise_layers.LAYERS[name](), _channels(0)
    call = tf.function(lambda x: _call(layer, x), input_signature=[tf.TensorSpec([6, 7, 7, None])])
    assert layer(empty).shape[-1] == 0
    assert call(empty).shape[-1] == 0
    for parameter in layer.parameters:
        parameter.variable.assign(parameter.initial(tf.constant(2)))
    new = _channels(2)
    values = [parameter.initial(tf.constant(2)) for parameter in layer.parameters]
    np.testing.assert_allclose(call(new), layer.transform(new, values, None), atol=1e-5)


_KERAS = {
    "depthwise, strides": tf_keras.layers.DepthwiseConv2D(3, 2, "same", use_bias=False),
    "depthwise, valid": tf_keras.layers.DepthwiseConv2D(3, 1, "valid", use_bias=False),
    "depthwise, even": tf_keras.layers.DepthwiseConv2D(4, 1, "same", use_bias=False),
    "average pooling": tf_keras.layers.AveragePooling2D(),
    "average pooling, overlapping": tf_keras.layers.AveragePooling2D(3, 2, "same"),
    "global average pooling": tf_keras.layers.GlobalAveragePooling2D(),
    "max pooling": tf_keras.layers.MaxPooling2D(),
    "max pooling, overlapping": tf_keras.layers.MaxPooling2D(3, 2, "same"),
}


@pytest.mark.parametrize("name", _KERAS)
def test_a_layer_computes_what_tf_keras_computes(name):
    ours, inputs = _layer(name)
    theirs = _KERAS[name]
    theirs(inputs)
    theirs.set_weights([variable.numpy() for variable in ours.variables])
    np.testing.assert_allclose(ours(inputs), theirs(inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_new_depthwise_filter_is_the_identity(size):
    layer = channel_wise_layers.depthwise(size)
    inputs = _channels(_CHANNELS)
    layer(inputs)
    (kernel,) = layer.parameters
    np.testing.assert_array_equal(
        layer.transform(inputs, [kernel.initial(tf.constant(_CHANNELS))], None), inputs
    )


def test_depthwise_flops_are_two_for_each_use_of_a_weight():
    layer = channel_wise_layers.depthwise(3, strides=2)
    layer(tf.zeros([1, 8, 6, _CHANNELS]))
    assert layer.flops == 2 * 9 * _CHANNELS * 4 * 3


def test_maximum_of_a_window_of_zeros_passes_the_gradient_to_one_pixel():
    layer = pooling.MaxPooling2D()
    x = tf.reshape(tf.range(1.0, 17.0), [1, 4, 4, 1])
    np.testing.assert_array_equal(layer.tangent(x, [], None)[0, :, :, 0], [[1.0, 3.0], [9.0, 11.0]])


@pytest.mark.parametrize(
    "make", [channel_wise_layers.depthwise, pooling.AveragePooling2D, pooling.MaxPooling2D]
)
def test_padding_must_be_known(make):
    with pytest.raises(ValueError, match='padding = \'full\' must be "same" or "valid"'):
        make(padding="full")
