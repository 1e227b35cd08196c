"""What a growth costs, in training steps, up to the end of the step after it.

A growth with the step that follows, less a steady step, over a steady step; each pair is measured
one right after the other. All hidden layers grow. Reading the growth batch and writing the logs is
left out: it depends on the dataset and the disk.

./bazelw run //benchmarks:growth_cost
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tf_keras
from absl import app, flags, logging

from benchmarks import paired
from growth import grower, policies, schedules
from growth.initializers import gradmax, random
from models import mlp
from trainer import objectives, optimizers, task
from trainer.datasets import teacher_student

_ROUNDS = flags.DEFINE_integer("rounds", 21, "Growths.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 512, "Examples in a batch.")
_NEURONS = flags.DEFINE_integer("neurons", 16, "New neurons of a layer at a growth.")

_NETWORKS = [(1024,), (1024, 1024), (1024, 1024, 1024)]


def _costs(widths, method) -> np.ndarray:
    """The cost of each growth, in steps."""
    data = teacher_student.TeacherStudent((784, 100, 10), examples=_BATCH_SIZE.value)
    batch = next(iter(data.train(0)))
    model = mlp.MLP(widths, 10)
    model(batch[0][:1])
    optimizer = tf_keras.optimizers.legacy.SGD(1e-3, momentum=0.9)
    slots = optimizers.GrowableSlots(optimizer, model.trainable_variables)
    strategy = tf.distribute.get_strategy()
    trainer = task.Task(model, optimizer, objectives.SquaredError(), data, strategy)
    trainer.train_dataset = data.train(0)
    grow = grower.Grower(
        model,
        trainer.loss,
        slots,
        seed=0,
        schedule=schedules.PeriodicSchedule(0, 1, 10**6),
        policy=policies.AllAtOnce(neurons=_NEURONS.value),
        initializer=method,
    )
    one, several = tf.constant(1), tf.constant(3)
    grow.prepare(batch)
    trainer.train(several)

    def growth_and_step():
        grow.grow(len(grow.history), batch)
        trainer.train(one)

    costs = []
    for i in range(_ROUNDS.value + 1):
        # Layers that have become wider make steps slower: the steady ones follow the growth.
        grown = paired.seconds(growth_and_step)
        steady = np.median([paired.seconds(lambda: trainer.train(one)) for _ in range(5)])
        if i:  # The first growth compiles.
            costs.append((grown - steady) / steady)
    return np.array(costs)


def main(argv):
    """Prints one line for each network and method."""
    del argv
    logging.set_verbosity(logging.ERROR)
    for widths in _NETWORKS:
        for method in (random.Random(), gradmax.GradMax()):
            shape = ":".join(map(str, (784, *widths, 10)))
            result = paired.describe(_costs(widths, method), " steps")
            print(f"{shape}, {type(method).__name__}: a growth costs {result}", flush=True)


if __name__ == "__main__":
    app.run(main)
