"""The benefit of choosing the sign of a singular vector (growth/methods/signs.py).

Teacher-student networks of 20:10:10 are trained for 200 to 1000 steps and grown once by one neuron
of GradMax, with the sign of `descending`, with the other one and with a random one; the loss 200
steps later, over that with the chosen sign.

./bazelw run //benchmarks:sign_rule
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tf_keras
from absl import app, flags, logging
from scipy import stats

from growth import grower
from growth.decisions import policies, schedules
from growth.methods import gradmax, signs
from models.architectures import mlp
from trainer import objectives, task
from trainer.datasets import teacher_student
from trainer.optimization import optimizers

_SEEDS = flags.DEFINE_integer("seeds", 20, "Seeds of data, teacher and student.")
_STEPS = flags.DEFINE_multi_integer("step", [200, 400, 600, 800, 1000], "Steps before a growth.")
_AFTER = 200

_SIGNS = {"chosen": signs.descending, "other": signs.ascending, "random": signs.arbitrary}


def _loss_after(seed: int, step: int, sign) -> float:
    """The loss `_AFTER` steps after a growth at `step`."""
    data = teacher_student.TeacherStudent((20, 10, 10), data_seed=seed, teacher_seed=seed)
    model = mlp.MLP((5,), 10, use_bias=False, seed=seed)
    batch = next(iter(data.train(0)))
    model(batch[0][:1])
    optimizer = tf_keras.optimizers.legacy.SGD(0.1)
    slots = optimizers.GrowableSlots(optimizer, model.trainable_variables)
    trainer = task.Task(
        model, optimizer, objectives.SquaredError(), data, tf.distribute.get_strategy()
    )
    trainer.train_dataset = data.train(0)
    trainer.train(tf.constant(step))
    grower.Grower(
        model,
        trainer.loss,
        slots,
        seed=seed,
        schedule=schedules.PeriodicSchedule(0, 1, 1),
        policy=policies.AllAtOnce(neurons=1),
        method=gradmax.GradMax(sign=sign),
    ).grow(step, batch)
    trainer.train(tf.constant(_AFTER))
    return trainer.evaluate_batch(batch)["loss"]


def main(argv):
    """Prints one line for each sign that the chosen one is compared with."""
    del argv
    logging.set_verbosity(logging.ERROR)
    losses = {name: [] for name in _SIGNS}
    for seed in range(_SEEDS.value):
        for step in _STEPS.value:
            for name, sign in _SIGNS.items():
                losses[name].append(_loss_after(seed, step, sign))
            tf_keras.backend.clear_session()
    chosen = np.array(losses["chosen"])
    print(f"{len(chosen)} states, {_AFTER} steps after a growth; chosen sign: {chosen.mean():.3f}")
    for name in ("other", "random"):
        difference = np.array(losses[name]) - chosen
        # States of one seed are not independent: the interval is that of the seeds' means.
        by_seed = difference.reshape(_SEEDS.value, -1).mean(axis=1)
        half = stats.sem(by_seed) * stats.t.ppf(0.975, len(by_seed) - 1)
        relative = np.array(losses[name]) / chosen - 1
        print(
            f"{name} sign: {np.mean(losses[name]):.3f}, {by_seed.mean():+.3f} +- {half:.3f} to "
            f"the chosen one (95 %), {100 * np.median(relative):+.0f} % in the median; the chosen "
            f"one ends lower in {np.sum(difference > 0)}, higher in {np.sum(difference < 0)}",
            flush=True,
        )


if __name__ == "__main__":
    app.run(main)
