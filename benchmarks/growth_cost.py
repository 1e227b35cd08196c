"""The cost of a growth in training steps, up to the end of the step after it.

A growth with the step that follows, less a steady step, over a steady step; each pair is measured
one right after the other. All sites grow. Reading the growth batch and writing the logs is left
out: it depends on the dataset and the disk.

./bazelw run //benchmarks:growth_cost
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time

import numpy as np
import tensorflow as tf
from absl import app, flags, logging

from benchmarks import paired, training
from growth.decisions import policies
from growth.methods import gradmax, random
from models.architectures import mlp, wide_resnet

_ROUNDS = flags.DEFINE_integer("rounds", 11, "Growths of each network by each method.")

_METHODS = [random.Random, gradmax.GradMax]


def _wide_resnet():
    model = wide_resnet.WideResNet(output_width=10, depth=28, width=1, width_multiplier=0.25)
    return model, training.RandomPictures(128), policies.AllAtOnce(fraction=0.25)


def _mlp(*widths):
    data = training.RandomPictures(512, shape=(784,))
    return mlp.MLP(widths, 10), data, policies.AllAtOnce(neurons=16)


_NETWORKS = {
    "WRN-28-1 at 0.25, batch 128, 12 sites by 25 %": _wide_resnet,
    "784:1024:10, batch 512, by 16 neurons": lambda: _mlp(1024),
    "784:1024:1024:10, batch 512, by 16 neurons": lambda: _mlp(1024, 1024),
    "784:1024:1024:1024:10, batch 512, by 16 neurons": lambda: _mlp(1024, 1024, 1024),
}


def costs(run: training.Training, rounds: int) -> np.ndarray:
    """The cost of each growth, in steps."""
    costs = []
    for i in range(rounds + 1):
        before = [paired.seconds(run.step) for _ in range(3)]
        grown = paired.seconds(run.grow)
        # Layers that have become wider make steps slower, and whatever else runs on the machine
        # comes and goes: steady steps on both sides of the growth.
        steady = np.median(before + [paired.seconds(run.step) for _ in range(3)])
        if i:  # The first growth compiles.
            costs.append((grown - steady) / steady)
    return np.array(costs)


def main(argv):
    """Prints one line for each network and method."""
    del argv
    logging.set_verbosity(logging.ERROR)
    for name, build in _NETWORKS.items():
        for method in _METHODS:
            tf.keras.backend.clear_session()
            model, data, policy = build()
            run = training.Training(model, data, method(), policy)
            start = time.perf_counter()
            run.grower.prepare(run.batch)
            tracing = time.perf_counter() - start
            result = paired.describe(costs(run, _ROUNDS.value), " steps")
            print(
                f"{name}, {method.__name__}: a growth costs {result}; traced in {tracing:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    app.run(main)
