"""Sixty examples of three classes, as a dataset, and what is trained on them."""

import functools
import json

import gin
import numpy as np
import tensorflow as tf
import tf_keras

from growth import grower
from growth.decisions import policies, schedules
from models.architectures import mlp
from trainer import experiment as experiment_lib
from trainer import objectives, train
from trainer import run as run_lib
from trainer import task as task_lib
from trainer.datasets import dataset
from trainer.distribution import distributed_batches
from trainer.model_dir import run_directory

_RANDOM = np.random.default_rng(0)
INPUTS = _RANDOM.normal(size=[60, 2]).astype(np.float32)
LABELS = _RANDOM.integers(3, size=60)


class Data(dataset.Dataset):
    """Three classes in batches of 10, or what the arguments say instead."""

    output_width = 3

    def __init__(self, arrays=(), batch_size=10, train=None, test=None, width=3):
        self.arrays = [INPUTS, LABELS] if len(arrays) == 0 else list(arrays)
        self.batch_size, self.output_width = batch_size, width
        self._train, self._test = train, test

    def train(self, first_step):
        if self._train is not None:
            return self._train
        return self.slices().batch(10).repeat().skip(first_step)

    def slices(self):
        return tf.data.Dataset.from_tensor_slices(tuple(self.arrays))

    def test(self):
        return self.slices().batch(7) if self._test is None else self._test


def sgd():
    """An optimizer without slots."""
    return tf_keras.optimizers.legacy.SGD(0.1)


def experiment(data, objective=None, steps=4, model=None, **arguments):
    """An experiment of a network with three hidden units."""
    gin.clear_config()
    made = functools.partial(
        grower.Grower,
        schedule=schedules.PeriodicSchedule(0, 1, 0),
        policy=policies.AllAtOnce(neurons=1),
        method=None,
    )
    return experiment_lib.Experiment(
        dataset=lambda: data,
        model=model or functools.partial(mlp.MLP, (3,)),
        objective=objective or objectives.Classification(),
        optimizer=sgd,
        steps=steps,
        **({"grower": made} | arguments),
    )


def trained(folder, built):
    """The content of result.json, after training in `folder`."""
    run = run_lib.Run(built, run_directory.RunDirectory(folder))
    train.Training(run, {}).train(evaluate=True)
    return json.loads((folder / "result.json").read_text())


def linear_task(data, strategy, weight=0.5):
    """A linear network under a strategy, with the same weights every time."""
    with strategy.scope():
        model = tf_keras.Sequential([tf_keras.Input([2]), tf_keras.layers.Dense(3, use_bias=False)])
        model.trainable_variables[0].assign(weight * np.arange(6.0).reshape([2, 3]))
        optimizer = sgd()
        made = task_lib.Task(model, optimizer, objectives.Classification(), data, strategy)
    made.train_dataset = distributed_batches.train(strategy, data, 0)
    return made, model
