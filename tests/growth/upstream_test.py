"""The patches of growth to tf_keras and TensorFlow are still needed and still apply."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from growth.upstream import keras
from growth.upstream import tensorflow as private_tensorflow


def test_layers_are_found_where_submodules_fail():
    model = tf_keras.Sequential([tf_keras.layers.LSTM(2, recurrent_dropout=0.5)])
    tf.function(lambda: model(tf.ones([1, 3, 2]), training=True)).get_concrete_function()
    names = {layer.name for layer in keras.layers_of(model)}
    assert names >= {model.name, "lstm", "lstm_cell"}
    with pytest.raises(ValueError, match="_mask_cache"):
        tuple(model.submodules)


def test_the_policy_of_a_layer_can_be_set_by_us_alone():
    layer = tf_keras.layers.Dense(1)
    with pytest.raises(AttributeError):
        layer.dtype_policy = tf_keras.mixed_precision.Policy("mixed_bfloat16")
    keras.set_dtype_policy(layer, "mixed_bfloat16")
    assert layer.compute_dtype == "bfloat16"
    assert layer(tf.ones([1, 1])).dtype == tf.bfloat16


@pytest.mark.parametrize("devices", [1, 2])
def test_a_variable_with_other_storage_is_the_same_one(devices):
    strategy = tf.distribute.get_strategy()
    if devices > 1:
        strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(devices)])
    with strategy.scope():
        variable, new = tf.Variable([1.0, 2.0]), tf.Variable([1.0, 2.0, 3.0])
        with pytest.raises(ValueError, match=r"\(2,\)"):
            variable.assign(new.read_value())  # Why there is more to do.
        optimizer = tf_keras.optimizers.legacy.SGD(0.1)
        key = variable.ref()
        private_tensorflow.take_storage(variable, new)

        @tf.function
        def step():
            strategy.run(lambda: optimizer.apply_gradients([(tf.ones([3]), variable)]))

        step()
        assert variable.ref() == key and variable.shape == [3]
        for part in strategy.experimental_local_results(variable):
            np.testing.assert_allclose(part + 0.1 * devices, [1.0, 2.0, 3.0])
