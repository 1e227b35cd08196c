"""tf_keras has what the export of a plain network and the random state of a run need."""

import pytest
import tensorflow as tf
import tf_keras

from trainer.upstream import keras_layers


class _Outer(tf_keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.part = tf_keras.layers.Dense(3)

    def call(self, inputs):
        return tf.sin(self.part(inputs))


def _layers():
    inputs = tf_keras.Input([2])
    return tf_keras.Model(inputs, _Outer()(inputs)).layers[1:]


def test_a_layer_that_calls_others_is_opened_and_tf_keras_does_not():
    assert [type(layer) for layer in _layers()] == [_Outer]

    def opened(original, layer, args, kwargs):
        is_ours = isinstance(layer, _Outer)
        return layer.call(*args, **kwargs) if is_ours else original(layer, *args, **kwargs)

    original = tf_keras.layers.Layer.__call__
    with keras_layers.calls_replaced(opened):
        dense, operation = _layers()
        assert _Outer()(tf.ones([1, 2])).shape == [1, 3]  # Calls with numbers stay as they are.
    assert isinstance(dense, tf_keras.layers.Dense)
    assert isinstance(operation, keras_layers.OperationLayer) and operation.symbol == "math.sin"
    assert tf_keras.layers.Layer.__call__ is original
    with pytest.raises(ZeroDivisionError), keras_layers.calls_replaced(lambda *_: 1 / 0):
        _layers()
    assert tf_keras.layers.Layer.__call__ is original


def test_the_generator_of_a_layer_is_had_before_its_first_call():
    tf_keras.backend.experimental.enable_tf_random_generator()
    layer = tf_keras.layers.Dropout(0.5, seed=3)
    found = [keras_layers.generator(value) for value in vars(layer).values()]
    (generator,) = [each for each in found if isinstance(each, tf.random.Generator)]
    before = generator.state.numpy()
    layer(tf.ones([4]), training=True)
    assert (generator.state.numpy() != before).any()
    # Or a checkpoint would have it, and nothing need be done.
    views = tf.train.TrackableView(layer).descendants()
    assert not any(isinstance(each, tf.random.Generator) for each in views)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Dense", "dense"), ("Conv2DTranspose", "conv2d_transpose"), ("PReLU", "p_re_lu")],
)
def test_class_names_are_spelled_as_in_files(name, expected):
    assert keras_layers.to_snake_case(name) == expected
