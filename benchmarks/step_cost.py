"""A training step of a growable network against the same network of static tf_keras layers.

./bazelw run //benchmarks:step_cost
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
import tf_keras
from absl import app, flags, logging

from benchmarks import paired, training
from models.architectures import mlp
from trainer import objectives
from trainer.datasets import teacher_student

_ROUNDS = flags.DEFINE_integer("rounds", 41, "Paired rounds.")

# Inputs, hidden widths, outputs, batch size, steps in a round.
_CASES = [
    (20, (10,), 10, 1000, 500),
    (784, (128, 128), 10, 128, 200),
    (784, (1024, 1024), 10, 512, 5),
]


def _static(widths, outputs):
    layers = [tf_keras.layers.Dense(width, activation="relu") for width in widths]
    return tf_keras.Sequential([*layers, tf_keras.layers.Dense(outputs)])


def _loop(model, inputs, outputs, batch_size, steps, growable):
    data = teacher_student.TeacherStudent((inputs, 1, outputs), examples=batch_size)
    model(tf.zeros([1, inputs]))
    return training.loop(model, data, objectives.SquaredError(), steps, growable)


def main(argv):
    """Prints one line for each network."""
    del argv
    logging.set_verbosity(logging.ERROR)
    for inputs, widths, outputs, batch_size, steps in _CASES:
        sizes = (inputs, outputs, batch_size, steps)
        growable = _loop(mlp.MLP(widths, outputs), *sizes, growable=True)
        static = _loop(_static(widths, outputs), *sizes, growable=False)
        result = paired.describe(paired.ratios(growable, static, _ROUNDS.value))
        shape = ":".join(map(str, (inputs, *widths, outputs)))
        print(f"{shape}, batch {batch_size}: growable / static step time {result}")


if __name__ == "__main__":
    app.run(main)
