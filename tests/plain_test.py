import numpy as np
import pytest
import tensorflow as tf

from models import cost, plain
from tests import exported_networks


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
