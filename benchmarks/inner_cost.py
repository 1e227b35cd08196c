"""The cost of methods that optimize new neurons, in forward and backward passes.

The time of a growth of all 12 sites of WRN-28-1 by 25 % with 100 inner steps, over that of 100
forward and backward passes over the growth batch, measured in turn. GradMaxOpt needs only what went
into the sites and dL/dz; FireflyOpt passes through the network with the new neurons in it, Firefly
with all candidates, of which its last line has fewer.

./bazelw run //benchmarks:inner_cost
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import functools

import numpy as np
import tensorflow as tf
from absl import app, flags, logging

from benchmarks import paired, training
from growth.decisions import policies
from growth.methods import firefly, firefly_opt, gradmax_opt, inner_optimization
from models.architectures import wide_resnet
from trainer import objectives

_ROUNDS = flags.DEFINE_integer("rounds", 3, "Growths by each method.")
_STEPS = flags.DEFINE_integer("steps", 100, "Inner steps of a growth.")


def _methods():
    inner = inner_optimization.ProjectedAdam(steps=_STEPS.value)
    return [
        gradmax_opt.GradMaxOpt(optimizer=inner),
        gradmax_opt.GradMaxOpt(optimizer=inner, inverse=True),
        firefly_opt.FireflyOpt(optimizer=inner),
        firefly.Firefly(optimizer=inner),
        firefly.Firefly(optimizer=inner, candidates=1, splits=1),
    ]


def _ratios(method) -> np.ndarray:
    """Time of a growth by `method` over that of as many passes as it has inner steps."""
    model = wide_resnet.WideResNet(output_width=10, depth=28, width=1, width_multiplier=0.25)
    run = training.Training(
        model, training.RandomPictures(128), method, policies.AllAtOnce(fraction=0.25)
    )

    @tf.function
    def passes(batch):
        """As many forward and backward passes as there are inner steps, one after another."""
        total = 0.0
        for _ in tf.range(_STEPS.value):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            with tf.GradientTape() as tape:
                outputs = model(batch[0], training=True)
                loss = tf.reduce_mean(objectives.Classification().losses(batch[1], outputs))
            gradients = tape.gradient(loss, model.trainable_variables)
            total += tf.reduce_max(tf.stack([tf.norm(gradient) for gradient in gradients]))
        return total

    return paired.ratios(run.grow, functools.partial(passes, run.batch), _ROUNDS.value)


def main(argv):
    """Prints one line for each method."""
    del argv
    logging.set_verbosity(logging.ERROR)
    for method in _methods():
        name = type(method).__name__ + (", inverse" if getattr(method, "_inverse", False) else "")
        if getattr(method, "_splits", None) is not None:
            name += ", a new neuron and a split for each that is wanted"
        print(f"{name}: {paired.describe(_ratios(method))} passes an inner step", flush=True)


if __name__ == "__main__":
    app.run(main)
