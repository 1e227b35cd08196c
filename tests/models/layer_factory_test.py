"""Mistakes in the arguments that all architectures have."""

import functools
import inspect

import gin
import numpy as np
import pytest
import tensorflow as tf

from models.architectures import convnet, mlp, mobilenet, vgg, wide_resnet
from models.layers import activations, channel_wise, pooling

_mlp = functools.partial(mlp.MLP, (4,), 10)
_convnet = functools.partial(convnet.ConvNet, (4,), 10)
_vgg = functools.partial(vgg.VGG, 10)
_wide_resnet = functools.partial(wide_resnet.WideResNet, 10, 10)
_mobilenet = functools.partial(mobilenet.MobileNet, 10)
_ALL = [_mlp, _convnet, _vgg, _wide_resnet, _mobilenet]
_WITH_TARGETS = [_vgg, _wide_resnet, _mobilenet]


@pytest.mark.parametrize(
    ("make", "argument", "value", "rule"),
    [
        *((make, "l2", -1, "at least 0") for make in _ALL),
        *((make, "width_multiplier", 0, "above 0") for make in _WITH_TARGETS),
    ],
)
def test_what_is_out_of_range_is_named(make, argument, value, rule):
    message = rf"{make.func.__name__}.{argument} = {value} must be {rule}"
    with pytest.raises(ValueError, match=message):
        make(**{argument: value})


@pytest.mark.parametrize(
    ("make", "argument"),
    [*((make, "normalization") for make in _ALL), (_wide_resnet, "outer_normalization")],
)
@pytest.mark.parametrize(
    ("value", "name"),
    [(activations.relu, "relu"), (pooling.MaxPooling2D, "MaxPooling2D"), ("batch", "batch")],
)
def test_only_a_normalization_normalizes(make, argument, value, name):
    message = rf"{make.func.__name__}.{argument} = {name} must be a class .* @BatchNormalization"
    with pytest.raises(ValueError, match=message):
        make(**{argument: value})


@pytest.mark.parametrize("make", _ALL)
@pytest.mark.parametrize(("value", "name"), [(activations.relu, "relu"), ("he", "he")])
def test_only_an_initializer_initializes(make, value, name):
    message = rf"{make.func.__name__}.kernel_initializer = {name} must be a class .* @HeNormal"
    with pytest.raises(ValueError, match=message):
        make(kernel_initializer=value)


@pytest.mark.parametrize(
    ("name", "scale", "variance"),
    [
        ("HeUniform", "", 2 / 200),
        ("Orthogonal", "Orthogonal.gain = 2", 4 / 300),
        ("RandomNormal", "RandomNormal.stddev = 2", 4),
        ("VarianceScaling", "VarianceScaling.scale = 3", 3 / 200),
    ],
)
def test_initializers_are_bound_by_name(name, scale, variance):
    gin.parse_config(f"MLP.kernel_initializer = @{name}\n{scale}")
    first = mlp.MLP((300,), 10)
    first(tf.zeros([1, 200]))
    kernel = np.asarray(first.sites[0].producers[0].kernel)
    np.testing.assert_allclose(kernel.var(), variance, rtol=0.05)
    again = mlp.MLP((300,), 10)
    again(tf.zeros([1, 200]))
    np.testing.assert_array_equal(again.sites[0].producers[0].kernel, kernel)


@pytest.mark.parametrize("make", _ALL)
def test_shared_arguments_are_in_the_signature_of_each_architecture(make):
    parameters = inspect.signature(make.func).parameters
    shared = {"activation", "kernel_initializer", "l2", "seed", "use_bias"}
    assert shared <= set(parameters) and "kwargs" not in parameters
    name = make.func.__name__
    with pytest.raises(ValueError, match="doesn't have a parameter named 'sed'"):
        gin.parse_config(f"{name}.sed = 1")
    gin.parse_config(f"{name}.activation = @tanh\n{name}.l2 = 0.1")
    model = make()
    model(tf.zeros([1, 32, 32, 3]))
    found = [x.function for x in model.sites[0].between if isinstance(x, channel_wise.Activation)]
    assert set(found) == {activations.tanh}
    assert model.losses
