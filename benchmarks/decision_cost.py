"""A run that measures its sites every 100 steps against one that never does, in paired rounds.

A round is 100 training steps, in one of the two with a measurement of all sites before them, for
GradMax; and the measurement alone against a step. CPU time, which other programs disturb least.

./bazelw run //benchmarks:decision_cost
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time

import gin
import tensorflow as tf
from absl import app, flags, logging

from benchmarks import paired
from trainer import experiment as experiment_lib
from trainer.config import reader
from trainer.datasets import dataset

_ROUNDS = flags.DEFINE_integer("rounds", 11, "Paired rounds.")
_STEPS = flags.DEFINE_integer("steps", 100, "Training steps of a round.")
_CONFIG = """
import growth.decisions.placement
import growth.grower
import growth.methods.gradmax
import growth.decisions.schedules
import models.architectures.wide_resnet
import trainer.objectives
import trainer.optimization.optimizers
Experiment.dataset = @Pictures
Experiment.model = @WideResNet
Experiment.objective = @Classification()
Experiment.optimizer = @optimizer
Experiment.steps = 1000000
WideResNet.depth = 28
WideResNet.width_multiplier = 0.25
optimizer.config = @SGDConfig()
optimizer.learning_rate = @ConstantLrConfig()
ConstantLrConfig.learning_rate = 0.01
Grower.schedule = @PeriodicSchedule()
PeriodicSchedule.start = 0
PeriodicSchedule.interval = 100
PeriodicSchedule.count = 10
Grower.policy = @GainPerCost()
GainPerCost.neurons = 16
GainPerCost.least = 1e30
Grower.method = @GradMax()
"""


@gin.configurable
class Pictures(dataset.Dataset):
    """Batches of 128 random pictures of 32x32, always the same, and classes."""

    batch_size, output_width = 128, 10

    def _batch(self):
        inputs = tf.random.stateless_normal([128, 32, 32, 3], [0, 0])
        return inputs, tf.range(128) % 10

    def train(self, first_step: int) -> tf.data.Dataset:
        """See `Dataset.train`."""
        del first_step
        return tf.data.Dataset.from_tensors(self._batch()).repeat()

    def test(self) -> tf.data.Dataset:
        """See `Dataset.test`."""
        return tf.data.Dataset.from_tensors(self._batch())


def main(argv):
    """Prints the ratios."""
    del argv
    logging.set_verbosity(logging.ERROR)
    reader.load([], _CONFIG.strip().splitlines())
    experiment = experiment_lib.Experiment()
    task, grower = experiment.task, experiment.grower
    task.train_dataset = experiment.batches(0)

    def growth_batch():
        return next(iter(experiment.batches(0)))

    def trains():
        task.train(tf.constant(_STEPS.value))

    def asks():
        grower.decide(0, growth_batch)

    def asks_and_trains():
        asks()
        trains()

    ratios = paired.ratios(asks_and_trains, trains, _ROUNDS.value, time.process_time)
    print(f"{_STEPS.value} steps with a question / without {paired.describe(ratios)}", flush=True)
    step = paired.ratios(
        asks, lambda: task.train(tf.constant(1)), 4 * _ROUNDS.value, time.process_time
    )
    print(f"a question / a training step {paired.describe(step)}")


if __name__ == "__main__":
    app.run(main)
