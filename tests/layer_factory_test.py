"""Mistakes in the arguments that all architectures have."""

import functools

import pytest

from models import activations, convnet, mlp, mobilenet, pooling, vgg, wide_resnet

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
