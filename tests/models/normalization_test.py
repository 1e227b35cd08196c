import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models.layers import forward_pass, normalization

_SHAPES = ([32, 5], [8, 6, 5], [4, 6, 6, 5], [4, 2, 3, 6, 5])
_shapes = pytest.mark.parametrize(
    "shape", _SHAPES, ids=["vectors", "sequences", "maps", "sequences of maps"]
)

_classes = pytest.mark.parametrize(
    "make", [normalization.BatchNormalization, normalization.LayerNormalization]
)


def _inputs(shape, seed=0):
    return 3.0 + 2.0 * tf.random.stateless_normal(shape, [seed, 1])


def _built(layer, shape):
    layer(_inputs(shape))
    for i, variable in enumerate((layer.scale, layer.offset)):
        variable.assign(tf.random.stateless_uniform([5], [i, 2]))
    return layer


@_shapes
def test_batch_norm_computes_what_tf_keras_computes(shape):
    ours = _built(normalization.BatchNormalization(name="ours"), shape)
    theirs = tf_keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, fused=True)

    # tf_keras fuses maps alone, and takes the biased variance of vectors: maps of one pixel.
    def as_map(x):
        return tf.reshape(x, [-1, *shape[-3:]] if len(shape) == 4 else [-1, 1, 1, 5])

    theirs.build(as_map(tf.zeros(shape)).shape)
    theirs.set_weights([ours.scale.numpy(), ours.offset.numpy(), np.zeros(5), np.ones(5)])
    for step in range(3):
        x = _inputs(shape, step)
        expected = tf.reshape(theirs(as_map(x), training=True), shape)
        np.testing.assert_allclose(ours(x, training=True), expected, atol=1e-5)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-5)
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, rtol=1e-5)
    x = _inputs(shape, 3)
    np.testing.assert_allclose(ours(x), tf.reshape(theirs(as_map(x)), shape), atol=1e-4)


@_shapes
def test_layer_norm_computes_what_tf_keras_computes(shape):
    ours = _built(normalization.LayerNormalization(name="ours"), shape)
    theirs = tf_keras.layers.LayerNormalization(epsilon=1e-5)
    theirs.build(shape)
    theirs.set_weights([ours.scale.numpy(), ours.offset.numpy()])
    x = _inputs(shape)
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)


def test_moving_averages_stay_where_they_are_while_growth_tries_weights_out():
    layer = _built(normalization.BatchNormalization(name="layer"), [32, 5])
    with forward_pass.substitute({layer.scale.ref(): tf.ones([5])}):
        outputs = layer(_inputs([32, 5]), training=True)
    np.testing.assert_array_equal(layer.moving_mean, tf.zeros([5]))
    np.testing.assert_array_equal(layer.moving_variance, tf.ones([5]))
    np.testing.assert_allclose(tf.math.reduce_std(outputs - layer.offset, axis=0), 1.0, rtol=1e-4)


@_shapes
def test_the_gradient_of_a_zero_channel_grows_by_one_over_the_root_of_epsilon(shape):
    layer = normalization.BatchNormalization(name="layer", epsilon=1e-4)
    zeros, g = tf.zeros(shape), _inputs(shape)
    with tf.GradientTape() as tape:
        tape.watch(zeros)
        outputs = layer(zeros, training=True)
    centred = g - tf.reduce_mean(g, list(range(len(shape) - 1)))
    np.testing.assert_allclose(tape.gradient(outputs, zeros, g), 100 * centred, atol=1e-3)
    assert layer.at_zero() == (0.0, pytest.approx(100.0))


def test_layer_norm_needs_initial_channels():
    with pytest.raises(ValueError, match="'layer' takes mean and variance .* and has none"):
        normalization.LayerNormalization(name="layer")(tf.zeros([4, 0]))


@_classes
def test_the_regularizer_sees_scale_and_offset(make):
    layer = make(name="layer", regularizer=tf_keras.regularizers.L2(0.5))
    layer(_inputs([32, 5]))
    layer.offset.assign(tf.fill([5], 2.0))
    assert float(tf.add_n(layer.losses)) == pytest.approx(0.5 * (5 + 5 * 4))


@pytest.fixture(params=["mixed_bfloat16", "mixed_float16"])
def policy(request):
    """A policy of mixed precision."""
    tf_keras.mixed_precision.set_global_policy(request.param)
    yield tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy("float32")


@_classes
def test_mixed_precision_keeps_parameters_single(make, policy):
    layer = make(name="layer")
    assert layer(_inputs([4, 6, 6, 5]), training=True).dtype == policy.compute_dtype
    assert all(variable.dtype == tf.float32 for variable in layer.variables)
