"""The teacher-student task of section 4.1 of the paper."""

from collections.abc import Sequence

import gin
import tensorflow as tf

from models import seeds
from trainer.datasets import dataset


@gin.configurable
class TeacherStudent(dataset.Dataset):
    """Gaussian inputs, and as targets the outputs of a random two-layer ReLU network.

    y = relu(x W1) W2 with x ~ N(0, 1) and weights uniform in [-1, 1], without biases.

    Args:
      sizes: (m_i, m_h, m_o), the teacher's inputs, hidden neurons and outputs.
      examples: N, the number of training examples, and of test examples.
      batch_size: training examples in a batch; None for all of them (gradient descent).
      data_seed: seed of the inputs.
      teacher_seed: seed of the teacher's weights.

    Raises:
      ValueError: a size is not positive, or `batch_size` is larger than `examples`.
    """

    def __init__(
        self,
        sizes: Sequence[int] = gin.REQUIRED,
        examples: int = 1000,
        batch_size: int | None = None,
        data_seed: int = 0,
        teacher_seed: int = 0,
    ):
        if len(sizes) != 3 or min(sizes) < 1:
            raise ValueError(
                f"TeacherStudent.sizes = {sizes} must be the teacher's numbers of inputs, hidden "
                "neurons and outputs, e.g. (20, 10, 10)"
            )
        if examples < 1:
            raise ValueError(f"TeacherStudent.examples = {examples} must be at least 1")
        if batch_size is not None and not 1 <= batch_size <= examples:
            raise ValueError(
                f"TeacherStudent.batch_size = {batch_size} must be between 1 and "
                f"TeacherStudent.examples = {examples}"
            )
        self.batch_size = batch_size or examples
        self.output_width = sizes[2]
        self._examples = examples
        self._data_seed = data_seed
        inputs, hidden, outputs = sizes
        self._weights = [
            tf.random.stateless_uniform(
                shape, seeds.stream(teacher_seed, "teacher", layer), minval=-1.0, maxval=1.0
            )
            for layer, shape in enumerate([(inputs, hidden), (hidden, outputs)])
        ]

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
        """All inputs `[N, m_i]` and targets `[N, m_o]` of a split."""
        first, second = self._weights
        seed = seeds.stream(self._data_seed, "data", split)
        inputs = tf.random.stateless_normal([self._examples, first.shape[0]], seed)
        return inputs, tf.matmul(tf.nn.relu(tf.matmul(inputs, first)), second)
