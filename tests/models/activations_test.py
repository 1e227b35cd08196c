import numpy as np
import pytest
import tensorflow as tf

from models.layers import activations


@pytest.mark.parametrize(
    ("activation", "value", "slope"),
    [
        (activations.relu, 0, 1),
        (activations.leaky_relu, 0, 1),
        (activations.tanh, 0, 1),
        (activations.centered_sigmoid, 0, 0.25),
        (activations.identity, 0, 1),
        (tf.nn.relu, 0, 0),
        (tf.nn.sigmoid, 0.5, 0.25),
        (tf.nn.softplus, np.log(2), 0.5),
    ],
)
@pytest.mark.parametrize("traced", [False, True])
def test_value_and_slope_at_zero(activation, value, slope, traced):
    at_zero = tf.function(activations.at_zero) if traced else activations.at_zero
    np.testing.assert_allclose(at_zero(activation), (value, slope), rtol=1e-6)


@pytest.mark.parametrize(
    ("ours", "reference"),
    [
        (activations.relu, tf.nn.relu),
        (activations.leaky_relu, lambda x: tf.nn.leaky_relu(x, 0.2)),
    ],
)
def test_values_and_gradients_away_from_zero_are_the_usual_ones(ours, reference):
    x = tf.constant([-2.0, -1e-6, 1e-6, 3.0])

    def gradient(function):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return y, tape.gradient(y, x)

    np.testing.assert_allclose(gradient(ours), gradient(reference), rtol=1e-6)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_the_gradient_of_relu_is_1_from_0_on_in_every_type(dtype):
    x = tf.cast([-np.inf, -1.0, -1e-4, -0.0, 0.0, 1e-4, 1.0, np.inf], dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = activations.relu(x)
    np.testing.assert_array_equal(tape.gradient(y, x), [0, 0, 0, 1, 1, 1, 1, 1])


def test_the_gradient_of_relu_can_be_differentiated():
    x, upstream = tf.constant([-1.0, 0.0, 2.0]), tf.constant([3.0, 4.0, 5.0])
    with tf.GradientTape() as outer:
        outer.watch(upstream)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(upstream * activations.relu(x))
        squares = tf.reduce_sum(tape.gradient(y, x) ** 2)
    np.testing.assert_allclose(outer.gradient(squares, upstream), [0.0, 8.0, 10.0])
