import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests import exported_networks, foreign_program
from trainer import export, objectives
from trainer.datasets import dataset


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


def run_elsewhere(folder: pathlib.Path) -> None:
    """Has a process without this project use all exported networks in `folder`."""
    subprocess.run(
        [sys.executable, foreign_program.__file__, str(folder)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path[1:])},
        cwd=folder,
        check=True,
    )


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """By name of the network: what it outputs here, and what came out elsewhere."""
    folder = tmp_path_factory.mktemp("exported")
    expected = {}
    for name in exported_networks.NETWORKS:
        network, inputs = exported_networks.grown(name)
        data = _Bytes(inputs)
        assert len(export.export(network, data, objectives.Classification(), folder / name)) == 2
        served = np.random.default_rng(1).integers(0, 256, inputs.shape).astype(np.uint8)
        np.savez(folder / name / "inputs.npz", serving_default=served, network=inputs)
        expected[name] = {
            "serving_default": tf.nn.softmax(network(data.preprocess(served))),
            "network": network(inputs),
        }
    run_elsewhere(folder)
    return {name: (expected[name], np.load(folder / name / "outputs.npz")) for name in expected}


@pytest.mark.parametrize("name", exported_networks.NETWORKS)
@pytest.mark.parametrize(
    ("signature", "use"),
    [
        *(("serving_default", use) for use in foreign_program.USES),
        *(("network", use) for use in foreign_program.USES | foreign_program.MODEL_USES),
    ],
)
def test_elsewhere_the_outputs_are_those_of_the_checkpoint(used, name, signature, use):
    expected, found = used[name]
    outputs = found[f"{signature}/{use}"]
    assert outputs.dtype == np.float32, outputs
    np.testing.assert_allclose(outputs, expected[signature], rtol=1e-5, atol=1e-5)
