"""The teacher-student task of section 4.1 of the paper, and its like with deeper teachers."""

import itertools
from collections.abc import Sequence

import gin
import tensorflow as tf

from models.layers import memory, seeds
from trainer.datasets import teacher


@gin.configurable
class TeacherStudent(teacher.Teacher):
    """Gaussian inputs, and as targets the outputs of a random ReLU network.

    In the paper y = relu(x W1) W2 with x ~ N(0, 1) and weights uniform in [-1, 1], without biases.

    Args:
      sizes: (m_i, m_h, m_o), the teacher's inputs, hidden neurons and outputs; more in the middle
        for a teacher with several hidden layers.
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
        if len(sizes) < 3 or min(sizes) < 1:
            raise ValueError(
                f"TeacherStudent.sizes = {sizes} must be the teacher's numbers of inputs, hidden "
                "neurons and outputs, e.g. (20, 10, 10)"
            )
        inputs, *hidden, outputs = sizes
        super().__init__(
            input_shape=[inputs],
            output_width=outputs,
            examples=examples,
            batch_size=batch_size,
            data_seed=data_seed,
        )
        memory.checked([max(examples, *sizes), max(hidden)], "the teacher's hidden layer")
        memory.checked([examples, outputs], "the targets of TeacherStudent")
        self._weights = [
            tf.random.stateless_uniform(
                shape, seeds.stream(teacher_seed, "teacher", layer), minval=-1.0, maxval=1.0
            )
            for layer, shape in enumerate(itertools.pairwise(sizes))
        ]

    def targets(self, inputs: tf.Tensor) -> tf.Tensor:
        """See `Teacher.targets`."""
        *hidden, last = self._weights
        for weights in hidden:
            inputs = tf.nn.relu(tf.matmul(inputs, weights))
        return tf.matmul(inputs, last)
