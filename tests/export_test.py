import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models.architectures import convnet
from models.layers import activations, normalization
from tests import exported_networks, foreign_program
from trainer import objectives
from trainer.datasets import dataset
from trainer.export import saved_model


class _Bytes(dataset.Dataset):
    """Inputs are bytes over 100, less one."""

    batch_size = 3
    output_width = 4

    def __init__(self, inputs):
        self._inputs = inputs

    def train(self, first_step):
        return tf.data.Dataset.from_tensors((self._inputs, tf.zeros([3], tf.int32))).repeat()

    def test(self):
        return self.train(0).take(1)

    def served_spec(self):
        return tf.TensorSpec([None, *self._inputs.shape[1:]], tf.uint8, "bytes")

    def preprocess(self, served):
        return tf.cast(served, tf.float32) / 100.0 - 1.0


class _Scale(tf_keras.layers.Layer):
    """A user's layer, of which only its code says what it is."""

    def build(self, input_shape):
        self.factor = self.add_weight("factor", [], initializer="ones")

    def call(self, inputs):
        return self.factor * inputs


class _Opaque(convnet.ConvNet):
    """Has a layer that no standard layer stands for."""

    def __init__(self):
        super().__init__((2, 2), 4, normalization=normalization.LayerNormalization)
        self.scale = _Scale()

    def call(self, inputs, training=False):
        return activations.relu(self.scale(super().call(inputs, training)))


def _grown(name):
    if name in exported_networks.NETWORKS:
        return exported_networks.grown(name)
    return exported_networks.grow(_Opaque(), (6, 6, 2))


_NAMES = (*exported_networks.NETWORKS, "opaque")
_SIGNATURES = ("serving_default", "network")


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """By name of the network: what it outputs here, and what came out elsewhere."""
    folder = tmp_path_factory.mktemp("exported")
    expected = {}
    for name in _NAMES:
        network, inputs = _grown(name)
        data = _Bytes(inputs)
        found = saved_model.export(network, data, objectives.Classification(), folder / name)
        model = [] if name == "opaque" else [folder / name / "model.h5"]
        assert found == [folder / name, *model] and all(path.exists() for path in found)
        served = np.random.default_rng(1).integers(0, 256, inputs.shape).astype(np.uint8)
        np.savez(folder / name / "inputs.npz", serving_default=served, network=inputs)
        expected[name] = {
            "serving_default": tf.nn.softmax(network(data.preprocess(served))),
            "network": network(inputs),
        }
    _run_elsewhere(folder)
    return {name: (expected[name], np.load(folder / name / "outputs.npz")) for name in expected}


def _run_elsewhere(folder: pathlib.Path) -> None:
    subprocess.run(
        [sys.executable, foreign_program.__file__, str(folder)],
        env=foreign_program.environment(),
        cwd=folder,
        check=True,
    )


_USES = [
    *(
        (name, signature, use)
        for name in _NAMES
        for signature in _SIGNATURES
        for use in foreign_program.USES
    ),
    *(
        (name, "network", use)
        for name in exported_networks.NETWORKS
        for use in foreign_program.MODEL_USES
    ),
]
_OF_OPERATIONS = ("own", "network", "keras")


@pytest.mark.parametrize(
    ("name", "signature", "use"), [use for use in _USES if use != _OF_OPERATIONS]
)
def test_elsewhere_the_outputs_are_those_of_the_checkpoint(used, name, signature, use):
    expected, found = used[name]
    outputs = found[f"{signature}/{use}"]
    assert outputs.dtype == np.float32, outputs
    np.testing.assert_allclose(outputs, expected[signature], rtol=1e-5, atol=1e-5)


def test_keras_3_does_not_read_operations_that_no_layer_stands_for(used):
    name, signature, use = _OF_OPERATIONS
    assert "TFOpLambda" in str(used[name][1][f"{signature}/{use}"])


def test_what_has_no_standard_layers_is_told(tmp_path, caplog):
    network, inputs = _grown("opaque")
    saved_model.export(network, _Bytes(inputs), objectives.Classification(), tmp_path / "1")
    (message,) = [record.getMessage() for record in caplog.records]
    assert "without model.h5" in message and "(_Scale) has the weights " in message


class _Unanswerable(objectives.SquaredError):
    def predictions(self, outputs):
        raise RuntimeError("no answer")


def test_an_export_that_fails_leaves_nothing_behind_and_what_was_there_alone(tmp_path):
    network, inputs = _grown("mlp")
    data, folder = _Bytes(inputs), tmp_path / "7"
    with pytest.raises(RuntimeError, match="no answer"):
        saved_model.export(network, data, _Unanswerable(), folder)
    assert not list(tmp_path.iterdir())
    saved_model.export(network, data, objectives.SquaredError(), folder)
    before = sorted(file.stat().st_mtime_ns for file in folder.rglob("*"))
    with pytest.raises(RuntimeError, match="no answer"):
        saved_model.export(network, data, _Unanswerable(), folder)
    assert before == sorted(file.stat().st_mtime_ns for file in folder.rglob("*"))
    assert list(tmp_path.iterdir()) == [folder]
