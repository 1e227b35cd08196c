"""Networks of several inputs: trained, evaluated and exported with an argument for each."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models import site
from models.layers import activations, growable
from trainer import objectives
from trainer.datasets import dataset
from trainer.export import saved_model

_GLOROT = tf_keras.initializers.GlorotUniform


class _Sum(tf_keras.Model):
    """A growing layer after inputs that are put together."""

    def __init__(self, output_width):
        super().__init__()
        fixed = {"use_bias": True, "inputs_grow": False, "outputs_grow": False}
        self.wide = growable.Dense(
            3, **(fixed | {"outputs_grow": True}), kernel_initializer=_GLOROT(1), name="wide"
        )
        self.last = growable.Dense(
            output_width,
            **(fixed | {"inputs_grow": True}),
            kernel_initializer=_GLOROT(2),
            name="last",
        )
        self.sites = [site.GrowthSite("wide", [self.wide], [activations.tanh], [self.last])]

    def call(self, inputs, training=False):
        joined = tf.concat(tf.nest.flatten(inputs), axis=-1)
        return self.last(activations.tanh(self.wide(joined)))


class _Parts(dataset.Dataset):
    """Two inputs, in a dictionary or a tuple, and weights of examples."""

    batch_size, output_width = 4, 2

    def __init__(self, structure):
        self._structure = structure

    def train(self, first_step):
        return self.test().repeat()

    def test(self):
        random = np.random.default_rng(0)
        x, y, targets = (random.normal(size=[4, n]).astype(np.float32) for n in (3, 2, 2))
        inputs = {"dict": {"x": x, "other part": y}, "tuple": (x, y)}[self._structure]
        return tf.data.Dataset.from_tensors((inputs, targets, np.ones([4], np.float32)))


@pytest.mark.parametrize(
    "structure, names", [("dict", ["other_part", "x"]), ("tuple", ["inputs_0", "inputs_1"])]
)
def test_each_input_is_an_argument_of_the_exported_network(tmp_path, structure, names):
    data, network = _Parts(structure), _Sum(2)
    inputs = next(iter(data.test()))[0]
    expected = network(inputs)
    folder, file = saved_model.export(network, data, objectives.SquaredError(), tmp_path / "1")
    arguments = dict(zip(names, tf.nest.flatten(inputs), strict=True))
    signatures = tf.saved_model.load(str(folder)).signatures
    for name in ("serving_default", "network"):
        outputs = signatures[name](**arguments)["outputs"]
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    model = tf_keras.models.load_model(file, compile=False)
    np.testing.assert_allclose(model(inputs), expected, rtol=1e-5, atol=1e-6)


def test_two_inputs_of_one_name_are_refused():
    class Twice(_Parts):
        def test(self):
            part = np.ones([4, 2], np.float32)
            return tf.data.Dataset.from_tensors(({"a b": part, "a_b": part}, part))

    with pytest.raises(ValueError, match="inputs need different names, but are a_b, a_b"):
        Twice("dict").served_spec()


class _Scaled(_Sum):
    """Has a weight of its own, so that no standard layers stand for it."""

    def build(self, input_shape):
        self.factor = self.add_weight("factor", [], initializer="ones")

    def call(self, inputs, training=False):
        return self.factor * super().call(inputs)


def test_what_has_no_standard_layers_takes_its_inputs_by_name_too(tmp_path):
    data, network = _Parts("dict"), _Scaled(2)
    inputs = next(iter(data.test()))[0]
    expected = network(inputs)
    assert saved_model.export(network, data, objectives.SquaredError(), tmp_path / "1") == [
        tmp_path / "1"
    ]
    serve = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    outputs = serve(x=inputs["x"], other_part=inputs["other part"])["outputs"]
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
