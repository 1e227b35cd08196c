"""The teacher-student task of section 4.1 of the paper, with convolutions (appendix D)."""

from collections.abc import Sequence

import gin
import tensorflow as tf

from models.layers import memory, seeds
from trainer.datasets import teacher


@gin.configurable
class ConvTeacherStudent(teacher.Teacher):
    """Gaussian images, and as targets the outputs of a random two-layer convolutional network.

    y = the mean over the map of relu(x * W1) * W2, with x ~ N(0, 1), kernels of k by k pixels whose
    weights are uniform in [-1, 1], valid padding, and no biases. The paper does not say what its
    convolutional teacher is; this one has the layers of the dense one, each over k by k pixels.
    Where the last map is one pixel, the variance of a target is m_i m_h k^4 / 18.

    Args:
      image_size: height and width of the images `[N, image_size, image_size, m_i]`, in pixels; at
        least 2 k - 1, for which the last map is one pixel.
      sizes: (m_i, m_h, m_o), channels of the images, hidden filters and outputs.
      kernel_size: k, in pixels.
      examples: N, the number of training examples, and of test examples.
      batch_size: training examples in a batch; None for all of them (gradient descent).
      data_seed: seed of the images.
      teacher_seed: seed of the teacher's weights.

    Raises:
      ValueError: a size is not positive, the images are too small for the kernels, or `batch_size`
        is larger than `examples`.
    """

    def __init__(
        self,
        image_size: int = gin.REQUIRED,
        sizes: Sequence[int] = gin.REQUIRED,
        kernel_size: int = 3,
        examples: int = 1000,
        batch_size: int | None = None,
        data_seed: int = 0,
        teacher_seed: int = 0,
    ):
        if len(sizes) != 3 or min(sizes) < 1:
            raise ValueError(
                f"ConvTeacherStudent.sizes = {sizes} must be the teacher's numbers of channels, "
                "hidden filters and outputs, e.g. (2, 10, 10)"
            )
        if kernel_size < 1:
            raise ValueError(f"ConvTeacherStudent.kernel_size = {kernel_size} must be at least 1")
        if image_size < 2 * kernel_size - 1:
            raise ValueError(
                f"ConvTeacherStudent.image_size = {image_size} must be at least "
                f"{2 * kernel_size - 1} for two kernels of ConvTeacherStudent.kernel_size = "
                f"{kernel_size} without padding"
            )
        channels, hidden, outputs = sizes
        super().__init__(
            input_shape=[image_size, image_size, channels],
            output_width=outputs,
            examples=examples,
            batch_size=batch_size,
            data_seed=data_seed,
        )
        maps = [max(examples, channels, outputs), image_size, image_size]
        memory.checked([*maps, hidden], "the teacher's hidden layer")
        memory.checked([examples, outputs], "the targets of ConvTeacherStudent")
        self._kernels = [
            tf.random.stateless_uniform(
                [kernel_size, kernel_size, *shape],
                seeds.stream(teacher_seed, "teacher", layer),
                minval=-1.0,
                maxval=1.0,
            )
            for layer, shape in enumerate([(channels, hidden), (hidden, outputs)])
        ]

    def targets(self, inputs: tf.Tensor) -> tf.Tensor:
        """See `Teacher.targets`."""
        first, second = self._kernels
        hidden = tf.nn.relu(tf.nn.conv2d(inputs, first, 1, "VALID"))
        return tf.reduce_mean(tf.nn.conv2d(hidden, second, 1, "VALID"), axis=[1, 2])
