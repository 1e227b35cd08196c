import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models import cost, forward_pass, layers, mlp
from tests import networks


def _dense(use_bias=True, grows=True):
    return layers.Dense(
        4,
        use_bias=use_bias,
        inputs_grow=grows,
        outputs_grow=grows,
        kernel_initializer=tf_keras.initializers.GlorotUniform(1),
        name="dense",
    )


@pytest.mark.parametrize("use_bias", [True, False])
def test_dense_computes_what_tf_keras_computes(use_bias):
    ours, theirs = _dense(use_bias), tf_keras.layers.Dense(4, use_bias=use_bias)
    x = tf.random.stateless_normal([5, 3], [0, 1])
    ours(x), theirs(x)
    theirs.set_weights([w.numpy() for w in ours.trainable_variables])
    np.testing.assert_array_equal(ours(x), theirs(x))


def test_only_growing_axes_are_unspecified():
    layer = _dense(grows=False)
    layer(tf.zeros([1, 3]))
    assert layer.kernel.shape == [3, 4]
    model = networks.network((5, 7))
    assert [w.kernel.shape.as_list() for w in cost.growable_layers(model)] == [
        [6, None],
        [None, None],
        [None, 4],
    ]


def test_widths_parameters_and_flops_follow_the_values():
    model = networks.network((5,), inputs=6, outputs=4)
    assert cost.parameters(model) == 6 * 5 + 5 + 5 * 4 + 4
    assert cost.forward_flops(model) == 2 * (6 * 5 + 5 * 4) + 5 + 4
    hidden, output = cost.growable_layers(model)
    hidden.kernel.assign(tf.zeros([6, 8]))
    hidden.bias.assign(tf.zeros([8]))
    output.kernel.assign(tf.zeros([8, 4]))
    assert (hidden.width, output.fan_in, model.sites[0].width) == (8, 8, 8)
    assert cost.parameters(model) == 6 * 8 + 8 + 8 * 4 + 4
    assert cost.forward_flops(model) == 2 * (6 * 8 + 8 * 4) + 8 + 4


def test_mlp_flattens_images_and_depends_on_its_seed_alone():
    images = tf.random.stateless_normal([2, 4, 4, 1], [0, 1])
    outputs = []
    for seed in (1, 1, 2):
        tf.random.uniform([3])  # Global random numbers in between change nothing.
        outputs.append(mlp.MLP((5,), 3, seed=seed)(images).numpy())
    assert outputs[0].shape == (2, 3)
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])


def test_neurons_are_columns_of_kernels_and_back():
    where = networks.network((5, 7)).sites[0]
    np.testing.assert_array_equal(where.incoming(), where.producers[0].kernel)
    np.testing.assert_array_equal(where.outgoing(), tf.transpose(where.consumers[0].kernel))
    np.testing.assert_array_equal(
        where.incoming_kernels(where.incoming())[0], where.producers[0].kernel
    )
    (kernel,) = where.outgoing_kernels(where.outgoing())
    np.testing.assert_array_equal(kernel, where.consumers[0].kernel)


def test_observing_ends_with_the_block_and_refuses_a_shared_layer():
    layer = _dense(grows=False)
    x = tf.ones([1, 3])
    with forward_pass.observe([layer]) as seen:
        y = layer(x)
    np.testing.assert_array_equal(seen[layer].outputs, y)
    layer(x)
    with pytest.raises(ValueError, match="used twice"), forward_pass.observe([layer]):
        layer(x), layer(x)


@pytest.mark.parametrize("widths", [(0,), (5, -1), (2.5,)])
def test_widths_must_be_positive_integers(widths):
    with pytest.raises(ValueError, match=r"MLP.hidden_widths = .* must be positive"):
        mlp.MLP(widths, 3)
