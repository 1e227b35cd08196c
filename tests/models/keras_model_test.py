"""Methods of tf_keras' models on networks that grow: summary, count_params, save."""

import os

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models.architectures import convnet, wide_resnet
from tests import networks

_MLP_PARAMETERS = 6 * 5 + 5 + 5 * 7 + 7 + 7 * 4 + 4


def _convolutional(make):
    def built():
        model = make()
        model(tf.zeros([1, 8, 8, 1]))
        return model

    return built


_NETWORKS = {
    "MLP": networks.network,
    "ConvNet": _convolutional(lambda: convnet.ConvNet((2, 3), 2)),
    "WideResNet": _convolutional(
        lambda: wide_resnet.WideResNet(2, depth=10, width_multiplier=0.25)
    ),
}
_each_network = pytest.mark.parametrize("make", _NETWORKS.values(), ids=_NETWORKS)


def _printed(model):
    lines = []
    model.summary(print_fn=lines.append)
    return "\n".join(lines)


@_each_network
def test_summary_counts_the_values_of_variables(make):
    model = make()
    count = sum(value.size for value in model.get_weights())
    assert model.count_params() == count
    assert f"Total params: {count} (" in _printed(model)


def test_summary_counts_what_has_grown():
    model = networks.network()
    assert model.count_params() == _MLP_PARAMETERS
    networks.randomize(model, (6, 7), seed=1)
    assert model.count_params() == _MLP_PARAMETERS + 6 + 1 + 7


def test_summary_of_layers_of_tf_keras_is_as_before():
    model = tf_keras.Sequential([tf_keras.layers.Dense(3, input_shape=[2])])
    assert "Total params: 9 (36.00 Byte)" in _printed(model)


@_each_network
@pytest.mark.parametrize(
    ("name", "message"),
    [("model.keras", r"can grow.*save_weights.*plain\.build"), ("model.h5", "`save_weights`")],
)
def test_files_that_could_not_be_loaded_are_refused(make, name, message, tmp_path):
    with pytest.raises(NotImplementedError, match=message):
        make().save(tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.weights.h5", "a"])
def test_weights_load_into_a_network_of_other_widths(name, tmp_path):
    grown, other = networks.network((6, 8)), networks.network((2, 3))
    grown.save_weights(tmp_path / name)
    other.load_weights(tmp_path / name)
    inputs, _ = networks.batch()
    np.testing.assert_array_equal(other(inputs), grown(inputs))


def test_a_saved_model_computes_the_same(tmp_path):
    model = networks.network()
    model.save(tmp_path / "saved")
    inputs, _ = networks.batch()
    loaded = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(loaded(inputs), model(inputs), rtol=1e-6)
