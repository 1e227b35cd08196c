"""Passes that XLA compiles compute what those that it does not compile do, at any widths."""

import functools

import gin
import numpy as np
import pytest
import tensorflow as tf

from growth.methods import random
from models.architectures import convnet, mlp, mobilenet, vgg, wide_resnet
from models.layers import activations, normalization, pooling
from tests import compositions, networks, training_loops
from trainer import experiment, objectives, task, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.datasets import dataset
from trainer.model_dir import run_directory

_MODELS = {
    "MLP": functools.partial(mlp.MLP, (5,)),
    "MLP with a new layer": functools.partial(mlp.MLP, (5,), new_layers=activations.tanh),
    "ConvNet, batch norm": functools.partial(
        convnet.ConvNet, (3, 4), normalization=normalization.BatchNormalization
    ),
    "ConvNet, layer norm": functools.partial(
        convnet.ConvNet, (3, 4), normalization=normalization.LayerNormalization
    ),
    "VGG": functools.partial(vgg.VGG, widths=(2, 2, 3, 3, 3)),
    "VGG, max pooling": functools.partial(
        vgg.VGG, widths=(2, 2, 3, 3, 3), pooling=pooling.MaxPooling2D
    ),
    "WRN": functools.partial(wide_resnet.WideResNet, depth=10, width_multiplier=0.125, l2=1e-4),
    # Not ReLU: 27 normalizations blow up rounding errors (to 0.1 %), which decide at its kinks.
    "MobileNet": functools.partial(
        mobilenet.MobileNet, width_multiplier=1 / 32, activation=activations.tanh
    ),
}


class _Pictures(dataset.Dataset):
    """One batch of random pictures and labels."""

    batch_size = 6
    output_width = 4

    def train(self, first_step):
        pictures = tf.random.stateless_normal([6, 16, 16, 3], [0, 1])
        return tf.data.Dataset.from_tensors((pictures, tf.range(6) % 4)).repeat()

    def test(self):
        return self.train(0).take(1)


@pytest.mark.parametrize("name", _MODELS)
def test_xla_compiles_every_architecture_and_computes_the_same(name):
    tasks, growers = [], []
    for jit_compile in (False, True):
        model = _MODELS[name](output_width=4)
        model(tf.zeros([1, 16, 16, 3]))
        optimizer, slots = networks.optimizer(model)
        tasks.append(
            task.Task(
                *(model, optimizer, objectives.Classification(), _Pictures()),
                strategy=tf.distribute.get_strategy(),
                jit_compile=jit_compile,
            )
        )
        growers.append(networks.grower(model, random.Random(), slots=slots))
    batch = next(iter(_Pictures().train(0)))
    for _ in range(2):
        (expected_loss, expected), (loss, gradients) = (each.step(batch) for each in tasks)
        np.testing.assert_allclose(loss, expected_loss, rtol=1e-3)
        difference = [a - b for a, b in zip(gradients, expected, strict=True)]
        assert tf.linalg.global_norm(difference) < 1e-2 * tf.linalg.global_norm(expected)
        for grower in growers:
            grower.rehearse({site: width + 1 for site, width in grower.widths().items()})
    assert tasks[1]._passes.experimental_get_tracing_count() == 1


def _run(folder, *bindings):
    gin.clear_config()
    schedule = ["start = 3", "interval = 3", "count = 2"]
    bindings = [*bindings, *(f"PeriodicSchedule.{binding}" for binding in schedule)]
    files = compositions.files("small+gradmax")
    reader.load(files, ["Experiment.steps = 9", "Loop.log_interval = 1", *bindings])
    built = experiment.Experiment()
    run = run_lib.Run(built, run_directory.RunDirectory(folder))
    training = train.Training(run, {})
    outputs = training_loops.recorded(built.task)
    training.train(evaluate=False)
    return [float(output["loss"]) for output in outputs], built


def test_a_run_with_growths_has_the_same_losses_and_is_traced_once(tmp_path):
    expected, _ = _run(tmp_path / "plain")
    losses, built = _run(tmp_path / "compiled", "Devices.jit_compile = True")
    assert built.grower.widths() == {"hidden_1": 7} and len(losses) == 9
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert built.task._passes.experimental_get_tracing_count() == 1
    assert built.task._train_loop_fn.experimental_get_tracing_count() == 1
    assert built.grower._grow.experimental_get_tracing_count() == 1
