"""A training step with a learning rate of new neurons against one without, in paired rounds.

Three quarters of the neurons of every site are new. The optimizer is momentum. CPU time, which
other programs on the machine disturb least.

./bazelw run //benchmarks:newborn_cost
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import functools
import time

import tensorflow as tf
from absl import app, flags, logging

from benchmarks import paired, training
from growth.newborns import rates as newborn_rates
from models.architectures import mlp, vgg, wide_resnet
from trainer import objectives

_ROUNDS = flags.DEFINE_integer("rounds", 41, "Paired rounds.")

# Makes the network, shape of an example, batch size, steps in a round.
_NETWORKS = {
    "784:64:64:10": (functools.partial(mlp.MLP, (64, 64)), (784,), 128, 400),
    "784:1024:1024:10": (functools.partial(mlp.MLP, (1024, 1024)), (784,), 512, 4),
    "VGG-11, a quarter": (
        functools.partial(vgg.VGG, widths=(16, 32, 64, 128, 128)),
        (28, 28, 1),
        128,
        2,
    ),
    "WRN-10-1": (functools.partial(wide_resnet.WideResNet, depth=10), (28, 28, 1), 128, 1),
}


def main(argv):
    """Prints one line for each network and rate."""
    del argv
    logging.set_verbosity(logging.ERROR)
    for network, (make, shape, batch_size, steps) in _NETWORKS.items():

        def loop(rate, make=make, shape=shape, batch_size=batch_size, steps=steps):
            model = make(output_width=10)
            model(tf.zeros([1, *shape]))
            data = training.RandomPictures(batch_size, shape)
            objective = objectives.Classification()
            return training.loop(model, data, objective, steps, growable=True, newborn_rate=rate)

        rates = {
            "constant": newborn_rates.ConstantRate(2.0),
            "warm-up": newborn_rates.WarmUpRate(2.0, steps=100_000, return_steps=100_000),
            "norm ratio": newborn_rates.NormRatioRate(),
        }
        for name, rate in rates.items():
            ratios = paired.ratios(loop(rate), loop(None), _ROUNDS.value, time.process_time)
            result = paired.describe(ratios)
            print(f"{network}: step time with a {name} rate / without {result}", flush=True)


if __name__ == "__main__":
    app.run(main)
