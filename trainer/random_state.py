"""The random state of a run: that of layers which a user brings along and which keep one.

Our own layers draw by stateless functions of a seed, see models/layers/noise.py.
"""

import contextlib
from collections.abc import Iterator

import tensorflow as tf
import tf_keras

from trainer.upstream import keras_layers


def seed(number: int) -> None:
    """Seeds all global generators, under the strategy of the run and before anything is built.

    Those of Python, NumPy and TensorFlow, so that layers and datasets without a seed of their own
    do the same in each process. Random layers of tf_keras are to keep their state in variables.
    """
    number %= 2**32
    tf_keras.utils.set_random_seed(number)
    tf_keras.backend.experimental.enable_tf_random_generator()
    tf.random.set_global_generator(tf.random.Generator.from_seed(number))


class RandomState(tf.Module):
    """The states of the generators of a network and of TensorFlow's global one, for checkpoints.

    tf_keras leaves the states of its layers out of checkpoints.

    Args:
      model: the network, with its variables.
    """

    def __init__(self, model: tf_keras.Model):
        super().__init__()
        self._generators = _generators(model)

    @contextlib.contextmanager
    def preserved(self) -> Iterator[None]:
        """The states after the block are those before it."""
        states = [(g.state, g.state.read_value()) for g in self._generators]
        try:
            yield
        finally:
            for state, value in states:
                state.assign(value)


def _generators(model: tf_keras.Model) -> list[tf.random.Generator]:
    found = [tf.random.get_global_generator()]
    for module in (model, *model.submodules):
        for value in vars(module).values():
            for each in tf.nest.flatten(value) if isinstance(value, list | tuple) else [value]:
                each = keras_layers.generator(each)
                if isinstance(each, tf.random.Generator) and each not in found:
                    found.append(each)
    return found
