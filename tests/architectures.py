"""The architectures as the tests take them, and tiny ones of each kind."""

import functools

import tensorflow as tf

from models.architectures import mobilenet, vgg, wide_resnet

vgg_11 = functools.partial(vgg.VGG, 10)
wrn_10_1 = functools.partial(wide_resnet.WideResNet, 10, depth=10)

tiny_vgg = functools.partial(vgg.VGG, 10, width_multiplier=1 / 32)
tiny_wrn = functools.partial(wrn_10_1, width_multiplier=0.25)
tiny_mobilenet = functools.partial(
    mobilenet.MobileNet, 10, width_multiplier=1 / 16, first_strides=1
)


def built(model, size):
    """`model` with its variables, made for pictures of `size` pixels squared."""
    model(tf.zeros([1, size, size, 3]))
    return model


def widths(model):
    """The neurons of each site."""
    return [site.width for site in model.sites]


def images(size):
    """Eight pictures of noise."""
    return tf.random.stateless_normal([8, size, size, 3], [0, 1])
