"""A training step with `jit_compile` or `deterministic` against one without, in paired rounds.

Each loop has a process of its own, as determinism holds for a whole process.

./bazelw run //benchmarks:step_options
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import functools
import multiprocessing
from multiprocessing import connection

import tensorflow as tf
import tf_keras
from absl import app, flags

from benchmarks import paired, training
from models.architectures import mlp, wide_resnet
from trainer import objectives

_ROUNDS = flags.DEFINE_integer("rounds", 41, "Paired rounds.")

# Makes the network, shape of an example, batch size, steps in a round.
_NETWORKS = {
    "784:128:128:10": (functools.partial(mlp.MLP, (128, 128)), (784,), 128, 200),
    "WRN-10-1": (functools.partial(wide_resnet.WideResNet, depth=10), (32, 32, 3), 128, 2),
}


def _serve(pipe: connection.Connection, network: str, option: str | None) -> None:
    """Runs a loop whenever it is asked to."""
    if option == "deterministic":
        tf_keras.utils.set_random_seed(0)
        tf.config.experimental.enable_op_determinism()
    make, shape, batch_size, steps = _NETWORKS[network]
    model = make(output_width=10)
    model(tf.zeros([1, *shape]))
    data = training.RandomPictures(batch_size, shape)
    loop = training.loop(
        *(model, data, objectives.Classification(), steps),
        growable=True,
        jit_compile=option == "jit_compile",
    )
    while pipe.recv():
        loop()
        pipe.send(None)


def _start(network, option):
    """The process of a loop, what runs the loop, and what ends the process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    context.Process(target=_serve, args=(theirs, network, option)).start()

    def run():
        ours.send(True)
        ours.recv()

    return run, lambda: ours.send(False)


def main(argv):
    """Prints one line for each network and option."""
    del argv
    for network in _NETWORKS:
        plain, stop_plain = _start(network, None)
        for option in ("jit_compile", "deterministic"):
            loop, stop = _start(network, option)
            result = paired.describe(paired.ratios(loop, plain, _ROUNDS.value))
            print(f"{network}: step time with {option} / without {result}", flush=True)
            stop()
        stop_plain()


if __name__ == "__main__":
    app.run(main)
