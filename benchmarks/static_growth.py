"""The cost of a growth with static shapes, which compile anew, and with unspecified ones.

Seconds and training steps, of a growth with the two steps that follow it, less two steady steps:
the first is a part of the growth, and for the second the training loop may have to be traced.
Rounds of the two kinds take turns.

./bazelw run //benchmarks:static_growth
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from absl import app, flags, logging

from benchmarks import paired, training
from growth.decisions import policies
from growth.methods import gradmax, random
from models.architectures import wide_resnet

_ROUNDS = flags.DEFINE_integer("rounds", 5, "Growths of each kind by each method.")
_DEPTH = flags.DEFINE_integer("depth", 10, "Of the WideResNet.")
_BATCH = flags.DEFINE_integer("batch", 128, "Examples.")


def _training(method, static):
    model = wide_resnet.WideResNet(10, depth=_DEPTH.value, width=1, width_multiplier=0.25)
    policy = policies.AllAtOnce(fraction=0.25)
    return training.Training(
        model, training.RandomPictures(_BATCH.value), method(), policy, static=static
    )


def _cost(run: training.Training) -> tuple[float, float]:
    """The cost of a growth, in seconds and in steps."""
    before = [paired.seconds(run.step) for _ in range(5)]
    grown = paired.seconds(run.grow) + paired.seconds(run.step)
    steady = np.median(before + [paired.seconds(run.step) for _ in range(5)])
    return grown - 2 * steady, (grown - 2 * steady) / steady


def main(argv):
    """Prints a line for each method and kind."""
    del argv
    logging.set_verbosity(logging.ERROR)
    for method in (random.Random, gradmax.GradMax):
        runs = {"static": _training(method, True), "unspecified": _training(method, False)}
        costs = {name: [] for name in runs}
        for i in range(_ROUNDS.value + 1):
            for name, run in runs.items():
                cost = _cost(run)
                if i:  # The first growth compiles, also where shapes are unspecified.
                    costs[name].append(cost)
        for name, values in costs.items():
            seconds, steps = np.array(values).T
            print(
                f"WRN-{_DEPTH.value}-1 at 0.25, batch {_BATCH.value}, {method.__name__}, {name} "
                f"shapes: a growth costs {paired.describe(seconds, ' s')}, "
                f"{paired.describe(steps, ' steps')}",
                flush=True,
            )


if __name__ == "__main__":
    app.run(main)
