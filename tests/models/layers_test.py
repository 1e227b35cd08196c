import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models import cost
from models.architectures import mlp
from models.layers import forward_pass, growable
from tests import networks, site_table


def _options(use_bias=True, grows=True, **kwargs):
    return {
        "use_bias": use_bias,
        "inputs_grow": grows,
        "outputs_grow": grows,
        "kernel_initializer": tf_keras.initializers.GlorotUniform(1),
        "name": "layer",
        **kwargs,
    }


def _dense(width=4, flatten=True, **options):
    return growable.Dense(width, flatten=flatten, **_options(**options))


def _conv(width=4, size=3, window=None, **options):
    return growable.Conv2D(width, size, **(window or {}), **_options(**options))


def _map(channels=3, seed=0):
    return tf.random.stateless_normal([5, 9, 8, channels], [seed, 1])


@pytest.mark.parametrize("use_bias", [True, False])
def test_dense_computes_what_tf_keras_computes(use_bias):
    ours, theirs = _dense(use_bias=use_bias), tf_keras.layers.Dense(4, use_bias=use_bias)
    x = tf.random.stateless_normal([5, 3], [0, 1])
    ours(x), theirs(x)
    theirs.set_weights([w.numpy() for w in ours.trainable_variables])
    np.testing.assert_array_equal(ours(x), theirs(x))


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(
    ("size", "strides", "padding", "dilation"),
    [
        (3, 1, "same", 1),
        (3, 2, "same", 1),
        (3, 2, "valid", 1),
        (5, 3, "same", 1),
        (2, 2, "same", 1),
        (4, 1, "same", 1),
        (1, 1, "valid", 1),
        (3, 1, "same", 2),
        (3, 1, "valid", 3),
    ],
)
def test_a_convolution_computes_what_tf_keras_computes(size, strides, padding, dilation, use_bias):
    window = {"strides": strides, "padding": padding, "dilation": dilation}
    ours = _conv(size=size, window=window, use_bias=use_bias)
    theirs = tf_keras.layers.Conv2D(4, size, strides, padding, None, dilation, use_bias=use_bias)
    x = _map()
    ours(x), theirs(x)
    if use_bias:
        ours.bias.assign([1.0, 2.0, 3.0, 4.0])
    theirs.set_weights([w.numpy() for w in ours.trainable_variables])
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
    weights, positions = size * size * 3 * 4, np.prod(theirs(x).shape[1:3])
    assert ours.flops == positions * (2 * weights + 4 * use_bias)


def test_dense_on_maps_is_dense_on_flattened_maps():
    ours, theirs, x = _dense(), tf_keras.layers.Dense(4), tf_keras.layers.Flatten()(_map())
    ours(_map()), theirs(x)
    assert ours.kernel.numpy().shape == (9, 8, 3, 4)
    theirs.set_weights([tf.reshape(ours.kernel, [-1, 4]).numpy(), ours.bias.numpy()])
    np.testing.assert_array_equal(ours(_map()), theirs(x))
    assert (ours.fan_in, ours.width, ours.flops) == (3, 4, 2 * 9 * 8 * 3 * 4 + 4)


@pytest.mark.parametrize("shape", [[5, 4, 3], [5, 5, 3], [5, 2, 4, 3], [5, 2, 2, 2, 3]])
def test_dense_works_position_by_position(shape):
    flatten = None if len(shape) == 3 else False
    ours, theirs = _dense(flatten=flatten), tf_keras.layers.Dense(4)
    x = tf.random.stateless_normal(shape, [0, 1])
    ours(x), theirs(x)
    theirs.set_weights([w.numpy() for w in ours.trainable_variables])
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-6)
    assert (ours.fan_in, ours.flops) == (3, np.prod(shape[1:-1]) * (2 * 3 * 4 + 4))


def test_dense_on_a_map_must_say_what_is_meant():
    with pytest.raises(
        ValueError, match=r"'layer'.*\[batch, 9, 8, 3\].*flatten=True.*flatten=False"
    ):
        _dense(flatten=None)(_map())


def test_dense_flattens_nothing_of_unknown_size():
    with pytest.raises(ValueError, match=r"'layer'.*\[batch, None, 3\].*must be known"):
        _dense()(tf_keras.Input([None, 3]))


@pytest.mark.parametrize("make", [_conv, _dense])
def test_new_input_channels_are_new_along_one_axis(make):
    layer = make()
    old, new = _map(3), _map(2, seed=1)
    before = layer(old)
    added = tf.random.stateless_normal([*layer.kernel.shape[:2], 2, 4], [2, 1])
    expected = before + layer.linear(new, added)
    layer.kernel.assign(tf.concat([layer.kernel, added], axis=layer.input_axis))
    after = layer(tf.concat([old, new], axis=-1))
    np.testing.assert_allclose(after, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", [_conv, _dense])
def test_a_layer_may_start_without_neurons_and_one_without_inputs(make):
    first, second = make(0), make(2)
    calls = tf.function(lambda x: second(first(x)))
    empty = first(_map())
    assert empty.shape[-1] == 0
    np.testing.assert_array_equal(second(empty), tf.zeros_like(second(empty)))
    np.testing.assert_array_equal(calls(_map()), second(empty))
    assert (first.width, second.fan_in, first.flops) == (0, 0, 0)
    shape = first.kernel_shape([5, 9, 8, 3])
    kernel = tf.random.stateless_normal([*shape[:-1], 1], [3, 1])
    first.kernel.assign(kernel)
    first.bias.assign([0.5])
    second.kernel.assign(tf.ones([*second.kernel_shape([5, *empty.shape[1:-1], 1])[:-1], 2]))
    hidden = first.linear(_map(), kernel) + 0.5
    np.testing.assert_allclose(
        calls(_map()), second.linear(hidden, second.kernel), rtol=1e-4, atol=1e-4
    )


def test_the_gradient_of_a_layer_without_neurons_is_empty_in_a_traced_function():
    first, second = _conv(0), _conv(2)
    second(first(_map()))

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(second(first(_map())) ** 2)
        return tape.gradient(loss, [first.kernel, second.kernel, second.bias])

    assert [g.shape.as_list() for g in gradients()] == [[3, 3, 3, 0], [3, 3, 0, 2], [2]]


def test_the_regularizer_sees_the_kernel_of_the_moment():
    layer = _conv(regularizer=tf_keras.regularizers.L2(0.5))
    layer(_map())
    layer.kernel.assign(tf.fill([3, 3, 3, 1], 2.0))
    assert float(tf.add_n(layer.losses)) == 0.5 * 27 * 4
    with forward_pass.substitute({layer.kernel.ref(): tf.ones([3, 3, 3, 1])}):
        assert float(tf.add_n(layer.losses)) == 0.5 * 27


def test_padding_must_be_known():
    with pytest.raises(ValueError, match='padding = \'full\' must be "same" or "valid"'):
        _conv(window={"padding": "full"})


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


@pytest.mark.parametrize("name", ["flatten", "two producers", "two consumers", "new convolution"])
def test_columns_are_slices_of_kernels_whatever_their_shape(name):
    (where,) = site_table.SITES[name]()[0].sites
    for ends, axis, columns, kernels in [
        (where.producers, -1, where.incoming(), where.incoming_kernels),
        (where.consumers, -2, where.outgoing(), where.outgoing_kernels),
    ]:
        whole = [end.kernel.numpy() for end in ends]
        assert len(columns) == sum(np.prod(np.delete(kernel.shape, axis)) for kernel in whole)
        for back, kernel in zip(kernels(columns), whole, strict=True):
            np.testing.assert_array_equal(back, kernel)
        for i in range(where.width):
            for one, kernel in zip(kernels(columns[:, i : i + 1]), whole, strict=True):
                np.testing.assert_array_equal(one, np.take(kernel, [i], axis))


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
