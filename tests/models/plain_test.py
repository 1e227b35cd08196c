import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models import cost
from tests import exported_networks
from trainer.export import counterparts, plain


def _spec(inputs):
    return tf.TensorSpec([None, *inputs.shape[1:]], inputs.dtype)


@pytest.mark.parametrize("name", exported_networks.NETWORKS)
def test_a_grown_network_of_standard_layers_is_the_same_function(name):
    network, inputs = exported_networks.grown(name)
    model = plain.build(network, _spec(inputs))
    np.testing.assert_allclose(model(inputs), network(inputs, training=False), rtol=1e-5, atol=1e-5)
    assert all(type(layer).__module__.startswith("tf_keras.") for layer in model.layers)
    assert all(variable.shape.is_fully_defined() for variable in model.variables)
    # Weights are found by the names of the layers.
    for layer in cost.growable_layers(network):
        if layer.width and layer.fan_in:
            kernel = model.get_layer(layer.name).kernel
            np.testing.assert_array_equal(np.ravel(kernel), np.ravel(layer.kernel))


def test_networks_that_compute_in_16_bits_become_ones_of_float32():
    expected, inputs = exported_networks.grown("convnet_batch_normalization")
    tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        network, _ = exported_networks.grown("convnet_batch_normalization")
        model = plain.build(network, _spec(inputs))
        assert tf_keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    assert np.abs(tf.cast(network(inputs), tf.float32) - expected(inputs)).max() > 1e-4
    np.testing.assert_allclose(model(inputs), expected(inputs), rtol=1e-5, atol=1e-5)


def test_a_layer_of_your_own_says_what_it_is():
    class Twice(tf_keras.layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight("factor", [], initializer="ones")

        def call(self, inputs):
            return self.factor * inputs

    class Network(tf_keras.Sequential):
        pass

    network = Network([tf_keras.layers.Dense(2), Twice(name="twice")])
    inputs = tf.random.stateless_normal([3, 4], [0, 1])
    network(inputs)
    with pytest.raises(plain.NotPlainError, match=r"'twice' \(Twice\).*factor.*counterpart"):
        plain.build(network, _spec(inputs))

    @counterparts.counterpart.register(Twice)
    def _(layer, inputs, layers):
        scale = float(layer.factor)
        return layers.add(tf_keras.layers.Rescaling, inputs, name=layer.name, scale=scale)

    network.layers[1].factor.assign(3.0)
    model = plain.build(network, _spec(inputs))
    np.testing.assert_allclose(model(inputs), network(inputs), rtol=1e-6)
    assert [layer.name for layer in model.layers][-1] == "twice"


class _Failing(tf_keras.Model):
    """Decides by values, which symbolic tensors have not."""

    def call(self, inputs):
        return inputs if float(tf.reduce_sum(inputs)) > 0 else -inputs


def test_a_network_that_cannot_be_called_symbolically_is_refused_with_the_reason():
    with pytest.raises(plain.NotPlainError, match="_Failing.*float"):
        plain.build(_Failing(), tf.TensorSpec([None, 2]))
    # tf_keras is as it was.
    assert tf_keras.layers.Dense(1)(tf.zeros([1, 1])).shape == (1, 1)


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: 1.0 - x,
        lambda x: x - 2,
        lambda x: -x * x + x / 2.0,
        lambda x: tf.nn.softplus(x) - tf.tanh(x),
        lambda x: tf.constant(3.0) * tf.identity(x) + tf.constant([1.0, 2.0]),
        lambda x: tf.concat([x, x[:, :1]], axis=1),
    ],
)
def test_operations_stay_what_they_are(operation):
    network = tf_keras.Sequential([tf_keras.layers.Lambda(operation)])
    inputs = tf.random.stateless_normal([3, 2], [0, 1])
    network(inputs)
    model = plain.build(network, _spec(inputs))
    np.testing.assert_allclose(model(inputs), operation(inputs), rtol=1e-6)
    clone = tf_keras.Model.from_config(model.get_config())
    np.testing.assert_array_equal(clone(inputs), model(inputs))
