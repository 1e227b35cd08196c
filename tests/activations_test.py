import numpy as np
import pytest
import tensorflow as tf

from models import activations


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
