"""Gradient norms of new neurons by several methods, at every site of two networks.

WRN-28-1 and VGG-11 at a quarter of their widths, initially and after some steps on random pictures.
Each site as the growth sees it; new neurons of equal norm. One line for each site: the norms over
GradMax's.

./bazelw run //benchmarks:gradient_norms
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import collections

import numpy as np
import tensorflow as tf
from absl import app, flags, logging

from benchmarks import training
from growth.decisions import policies
from growth.methods import (
    all_zero,
    best_candidates,
    gradmax,
    gradmax_opt,
    inner_optimization,
    pairs,
    random,
)
from models.architectures import vgg, wide_resnet

_NEURONS = flags.DEFINE_integer("neurons", 4, "New neurons of a site.")
_STEPS = flags.DEFINE_integer("steps", 100, "Training steps before the second measurement.")

_NETWORKS = {
    "WRN-28-1": lambda: wide_resnet.WideResNet(
        output_width=10, width_multiplier=0.25, use_bias=True
    ),
    "VGG-11": lambda: vgg.VGG(output_width=10, width_multiplier=0.25, use_bias=True),
}


def _methods():
    inner = inner_optimization.ProjectedAdam(steps=100, learning_rate=0.03)
    return [
        gradmax.GradMax(),
        random.Random(),
        all_zero.AllZero(),
        pairs.Pairs(),
        best_candidates.BestCandidates(),
        gradmax_opt.GradMaxOpt(orthogonal=True, optimizer=inner),
    ]


def _norms(build, steps: int) -> dict[str, dict[str, float]]:
    """Gradient norms by site and method, after `steps` training steps."""
    norms = collections.defaultdict(dict)
    for method in _methods():
        tf.keras.backend.clear_session()
        policy = policies.AllAtOnce(neurons=_NEURONS.value)
        run = training.Training(build(), training.RandomPictures(64), method, policy)
        for _ in range(steps):
            run.step()
        run.grow()
        for site, growth in run.grower.history.events[0].sites.items():
            norms[site][type(method).__name__] = growth.gradient_norm_new
    return norms


def main(argv):
    """Prints one line for each site."""
    del argv
    logging.set_verbosity(logging.ERROR)
    for name, build in _NETWORKS.items():
        for steps in (0, _STEPS.value):
            ratios = collections.defaultdict(list)
            for site, norms in _norms(build, steps).items():
                best = norms.pop("GradMax")
                line = ", ".join(f"{other} {norm / best:.4f}" for other, norm in norms.items())
                print(f"{name} after {steps} steps, {site}: GradMax {best:.3g}; {line}", flush=True)
                for other, norm in norms.items():
                    ratios[other].append(norm / best)
            worst = ", ".join(f"{other} {np.max(r):.4f}" for other, r in ratios.items())
            print(f"{name} after {steps} steps, the largest at any site: {worst}", flush=True)


if __name__ == "__main__":
    app.run(main)
