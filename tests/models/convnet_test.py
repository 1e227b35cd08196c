"""The plain networks, MLP and ConvNet."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from growth.methods import gradmax, random
from models import cost
from models.architectures import convnet, mlp
from models.layers import normalization
from tests import networks

_IMAGES = tf.random.stateless_normal([24, 8, 8, 2], [0, 1])
_NORMALIZATIONS = [None, normalization.BatchNormalization, normalization.LayerNormalization]


def _randomized(model, inputs=_IMAGES):
    """The model with biases, gains and statistics that are not the initial ones."""
    model(inputs)
    numbers = np.random.default_rng(0)
    for variable in model.variables:
        if variable.shape.rank == 1:
            variable.assign_add(numbers.uniform(0.0, 0.3, size=variable.read_value().shape))
    return model


def _data(inputs=_IMAGES, outputs=3):
    return inputs, tf.random.stateless_normal([len(inputs), outputs], [2, 3])


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("flatten", [True, False])
@pytest.mark.parametrize(("kernel_size", "strides"), [(3, 1), (2, 2)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_convnet_computes_what_tf_keras_computes(use_bias, flatten, kernel_size, strides, padding):
    ours = convnet.ConvNet(
        (4, 5),
        3,
        kernel_size=kernel_size,
        strides=strides,
        padding=padding,
        flatten=flatten,
        use_bias=use_bias,
        normalization=normalization.BatchNormalization,
    )
    images = tf.random.stateless_normal([7, 12, 12, 2], [0, 1])
    _randomized(ours, images)
    keras = tf_keras.layers
    theirs = tf_keras.Sequential()
    for width in (4, 5):
        theirs.add(keras.Conv2D(width, kernel_size, strides, padding, use_bias=use_bias))
        theirs.add(keras.BatchNormalization(momentum=0.9, epsilon=1e-5))
        theirs.add(keras.ReLU())
    if flatten:
        theirs.add(keras.Flatten())
        theirs.add(keras.Dense(3, use_bias=use_bias))
    else:
        theirs.add(keras.Conv2D(3, kernel_size, padding=padding, use_bias=use_bias))
        theirs.add(keras.GlobalAveragePooling2D())
    theirs(images)
    for training in (False, True):
        for kind in ("trainable_variables", "non_trainable_variables"):
            for variable, value in zip(getattr(theirs, kind), getattr(ours, kind), strict=True):
                variable.assign(tf.reshape(value, variable.shape))
        np.testing.assert_allclose(
            ours(images, training=training), theirs(images, training=training), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("make_norm", _NORMALIZATIONS)
@pytest.mark.parametrize("widths", [(4,), (4, 5)])
@pytest.mark.parametrize(
    "make", [mlp.MLP, convnet.ConvNet, lambda *a, **k: convnet.ConvNet(*a, flatten=True, **k)]
)
def test_every_hidden_layer_is_a_site_that_grows_without_changing_outputs(make, widths, make_norm):
    model = _randomized(make(widths, 3, normalization=make_norm))
    assert [site.name for site in model.sites] == [f"hidden_{i + 1}" for i in range(len(widths))]
    assert [site.width for site in model.sites] == list(widths)
    last = model.sites[-1].consumers[0]
    assert last.name == "output" and last.width == 3
    before = model(_IMAGES).numpy()
    networks.grower(model, random.Random(), neurons=(2,)).grow(0, _data())
    assert [site.width for site in model.sites] == [width + 2 for width in widths]
    np.testing.assert_allclose(model(_IMAGES), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("flatten", "make_norm"),
    [(False, None), (True, None), (False, normalization.BatchNormalization)],
)
def test_gradmax_reaches_the_optimum_between_convolutions(flatten, make_norm):
    model = _randomized(
        convnet.ConvNet((4, 5), 3, padding="valid", flatten=flatten, normalization=make_norm)
    )
    expected = {}
    for i, site in enumerate(model.sites):
        matrix = networks.explicit(networks.view(model, i, _data()))
        values = np.linalg.svd(matrix, compute_uv=False)
        expected[site.name] = np.linalg.norm(site.outgoing(), axis=0).mean() ** 2 * values[0] ** 2
    event = networks.grower(model, gradmax.GradMax(), neurons=(1,)).grow(0, _data())
    for name, optimum in expected.items():
        reached = event.sites[name].gradient_norm_new ** 2
        np.testing.assert_allclose(reached, optimum, rtol=1e-3)


@pytest.mark.parametrize(("flatten", "output"), [(False, 2 * 2 * 9 * 5 * 3), (True, 16 * 5 * 3)])
def test_flops_are_two_for_each_use_of_a_weight(flatten, output):
    model = convnet.ConvNet((4, 5), 3, padding="valid", flatten=flatten, use_bias=False)
    model(_IMAGES)
    hidden = 6 * 6 * 9 * 2 * 4 + 4 * 4 * 9 * 4 * 5
    assert cost.forward_flops(model) == 2 * (hidden + output)


def test_weights_depend_on_the_seed_alone():
    outputs = []
    for seed in (1, 1, 2):
        tf.random.uniform([3])  # Global random numbers in between change nothing.
        outputs.append(convnet.ConvNet((5,), 3, seed=seed)(_IMAGES).numpy())
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])


@pytest.mark.parametrize("widths", [(0,), (5, -1), (2.5,)])
def test_widths_must_be_positive_integers(widths):
    with pytest.raises(ValueError, match=r"ConvNet.hidden_widths = .* must be positive"):
        convnet.ConvNet(widths, 3)


def test_images_must_leave_a_pixel():
    with pytest.raises(ValueError, match="'output'.* 3 pixels, .* a map of 2"):
        convnet.ConvNet((4, 5), 3, padding="valid")(tf.zeros([1, 6, 6, 2]))
