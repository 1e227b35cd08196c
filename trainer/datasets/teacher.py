"""Data that a teacher labels: Gaussian inputs, and a random network's outputs as targets."""

import abc
from collections.abc import Sequence

import tensorflow as tf

from models.layers import memory, seeds
from trainer.datasets import dataset


class Teacher(dataset.Dataset):
    """N inputs x ~ N(0, 1), and as targets the outputs of a fixed function of them.

    Args:
      input_shape: of an example.
      output_width: outputs of the teacher.
      examples: N, the number of training examples, and of test examples.
      batch_size: training examples in a batch; None for all of them (gradient descent).
      data_seed: seed of the inputs.

    Raises:
      ValueError: a number is out of range.
    """

    def __init__(
        self,
        *,
        input_shape: Sequence[int],
        output_width: int,
        examples: int,
        batch_size: int | None,
        data_seed: int,
    ):
        name = type(self).__name__
        if examples < 1:
            raise ValueError(f"{name}.examples = {examples} must be at least 1")
        if batch_size is not None and not 1 <= batch_size <= examples:
            raise ValueError(
                f"{name}.batch_size = {batch_size} must be between 1 and "
                f"{name}.examples = {examples}"
            )
        memory.checked([examples, *input_shape], f"what {name}.examples asks for")
        self.batch_size = batch_size or examples
        self.output_width = output_width
        self._input_shape = tuple(input_shape)
        self._examples = examples
        self._data_seed = data_seed

    @abc.abstractmethod
    def targets(self, inputs: tf.Tensor) -> tf.Tensor:
        """The outputs of the teacher, `[N, output_width]`, for inputs `[N, *input_shape]`."""

    def train(self, first_step: int) -> tf.data.Dataset:
        """See `Dataset.train`; batches smaller than the data run through a shuffled epoch."""
        inputs, targets = self._sample("train")
        if self.batch_size == self._examples:
            return tf.data.Dataset.from_tensors((inputs, targets)).repeat()
        order = dataset.ShuffledOrder(self._examples, self.batch_size, self._data_seed)

        def gather(step):
            indices = order.batch(step)
            return tf.gather(inputs, indices), tf.gather(targets, indices)

        return tf.data.Dataset.counter(first_step).map(gather)

    def test(self) -> tf.data.Dataset:
        """See `Dataset.test`: as many fresh examples of the same teacher."""
        return tf.data.Dataset.from_tensors(self._sample("test"))

    def _sample(self, split: str) -> tuple[tf.Tensor, tf.Tensor]:
        """All inputs and targets of a split."""
        seed = seeds.stream(self._data_seed, "data", split)
        inputs = tf.random.stateless_normal([self._examples, *self._input_shape], seed)
        return inputs, self.targets(inputs)
