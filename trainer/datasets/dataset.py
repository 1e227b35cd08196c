"""The base class of datasets."""

import abc
from typing import Any

import tensorflow as tf

from models.layers import seeds
from trainer.datasets import batch_parts, permutation


class Dataset(abc.ABC):
    """Batches of (inputs, targets), or (inputs, targets, weights), for training and testing.

    Inputs are a tensor `[batch, ...]`, or several in a dictionary or a tuple, which the network is
    called with. A weight, `[batch]`, 0 or more, is a factor of the loss of its example. The loss of
    a batch is the sum of weighted losses over the number of examples; accuracies are weighted
    means.

    Attributes:
      batch_size: examples in a training batch, over all replicas.
      output_width: outputs of a network for an example: targets or classes; 1 for
        `BinaryClassification`.
      is_checked: whether values were checked when the data were prepared, so that a new run does
        not look at the first batches.
    """

    is_checked: bool = False
    batch_size: int
    output_width: int

    @abc.abstractmethod
    def train(self, first_step: int) -> tf.data.Dataset:
        """Training batches without end, starting with the one of step `first_step`.

        The batch of a step must be a function of the seed and the step alone: a resumed run then
        sees what an uninterrupted one would have seen, and so does a run that grows otherwise.

        Args:
          first_step: training steps done, 0 or more.

        Returns:
          A dataset of (inputs `[batch_size, ...]`, targets `[batch_size, ...]`). After the first
          batch some may be smaller; a step divides by the number of examples that there are.
        """

    def train_rows(self, first_step: int, rows: slice) -> tf.data.Dataset:
        """The batches of `train`, and of each batch only some examples: the part of one machine.

        Override it where it takes time to make an example.

        Args:
          first_step: see `train`.
          rows: which examples of each batch.
        """
        return self.train(first_step).map(
            lambda *batch: tf.nest.map_structure(lambda array: array[rows], batch)
        )

    @abc.abstractmethod
    def test(self) -> tf.data.Dataset:
        """Every test example once, at least one, in batches as those of `train` of any size."""

    def unreadable(self, step: int | None) -> str | None:
        """Which example cannot be read, asked when reading failed; None if that is not known.

        Args:
          step: training steps before the batch; None for the test examples.
        """
        del step
        return None

    def served_spec(self) -> Any:
        """The inputs of an exported network, `[None, ...]`: a tf.TensorSpec, or several, nested.

        Their names are those of the arguments. The inputs of training, unless overridden together
        with `preprocess`.
        """
        return batch_parts.input_specs(self.train(0).element_spec[0])

    def preprocess(self, served: Any) -> Any:
        """The inputs of the network, from what `served_spec` says, as `test` makes them.

        It becomes a part of exported networks: operations of TensorFlow only.
        """
        return served


class ShuffledOrder:
    """Which examples each step of training sees: every epoch runs through all in a new order.

    A function of (seed, step) alone, for data that can be read in any order. Batches run on across
    the borders of epochs.

    Args:
      examples: number of examples.
      batch_size: examples in a batch.
      seed: seed of the order.
    """

    def __init__(self, examples: int, batch_size: int, seed: int):
        self._examples = examples
        self._batch_size = batch_size
        self._seed = seeds.stream(seed, "order")

    def batch(self, step: tf.Tensor) -> tf.Tensor:
        """The indices of the examples of the batch of `step`, int64 `[batch_size]`.

        Of several steps, `[n]`, those of each: `[n, batch_size]`.
        """
        positions = self._positions(step)
        position = tf.reshape(positions, [-1])
        indices = permutation.permute(
            position % self._examples,
            self._seed,
            position // self._examples,
            tf.constant(self._examples, tf.int64),
        )
        return tf.reshape(indices, positions.shape)

    def epochs(self, step: tf.Tensor) -> tf.Tensor:
        """The epochs that the examples of the batch of `step` are of, int64 `[batch_size]`."""
        return self._positions(step) // self._examples

    def _positions(self, step):
        first = tf.cast(step, tf.int64)[..., tf.newaxis] * self._batch_size
        return first + tf.range(self._batch_size, dtype=tf.int64)


def check_batch_sizes(owner: str, batch_size: int, examples: int, test_batch_size: int) -> None:
    """Raises ValueError, naming `owner`, unless batches can be made of the training examples."""
    if not 1 <= batch_size <= examples:
        raise ValueError(
            f"{owner}.batch_size = {batch_size} must be between 1 and the {examples} examples"
        )
    if test_batch_size < 1:
        raise ValueError(f"{owner}.test_batch_size = {test_batch_size} must be at least 1")
