"""The cost of GradMax by width, against that of a training step.

Two convolutions of 3x3 on maps of 8x8 with as many channels before, between and after; 16 new
neurons. A growth with the step that follows, less a steady step, over a steady step.

./bazelw run //benchmarks:width_cost
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tf_keras
from absl import app, flags, logging

from benchmarks import growth_cost, paired, training
from growth.decisions import policies
from growth.methods import gradmax
from models import chain
from models.layers import activations, channel_wise, growable, pooling

_ROUNDS = flags.DEFINE_integer("growths", 5, "Growths at each width.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 8, "Examples in a batch.")
_WIDTHS = flags.DEFINE_multi_integer("width", [64, 128, 256, 512, 1024, 2048], "Channels.")


def _network(width: int) -> tf_keras.Model:
    def conv(name, **grows):
        return growable.Conv2D(
            width,
            3,
            use_bias=False,
            kernel_initializer=tf_keras.initializers.HeNormal(1),
            name=name,
            **grows,
        )

    first = conv("first", inputs_grow=False, outputs_grow=True)
    second = conv("second", inputs_grow=True, outputs_grow=False)
    output = growable.Dense(
        10,
        use_bias=True,
        inputs_grow=False,
        outputs_grow=False,
        kernel_initializer=tf_keras.initializers.HeNormal(1),
        name="output",
    )
    relu = channel_wise.Activation(activations.relu)
    pool = pooling.AveragePooling2D(None)
    return chain.Chain([first, relu, second, relu, pool, output], [width, width])


def main(argv):
    """Prints one line for each width."""
    del argv
    logging.set_verbosity(logging.ERROR)
    for width in _WIDTHS.value:
        data = training.RandomPictures(_BATCH_SIZE.value, shape=(8, 8, width))
        policy = policies.AllAtOnce(neurons=16, sites="first")
        run = training.Training(_network(width), data, gradmax.GradMax(), policy)
        run.grower.prepare(run.batch)
        steady = np.median([paired.seconds(run.step) for _ in range(3)])
        costs = paired.describe(growth_cost.costs(run, _ROUNDS.value), " steps")
        print(f"{width} channels: a step takes {steady:.3f} s, a growth {costs}", flush=True)


if __name__ == "__main__":
    app.run(main)
