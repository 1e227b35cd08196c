"""Pictures of the same class, made from training images: what to draw is the example's seed."""

import abc
from collections.abc import Sequence

import gin
import tensorflow as tf

from trainer.datasets import permutation


class Augmentation(abc.ABC):
    """A function of an image and its seed: it has no state, and so a resumed run needs none."""

    @abc.abstractmethod
    def __call__(self, images: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """Augments a batch.

        Args:
          images: uint8 `[batch, height, width, channels]`.
          seeds: int32 `[batch, 2]`, of each example in its epoch; see example_seeds.py.

        Returns:
          As `images`. The picture of an example depends on its own image and seed alone.
        """


@gin.configurable
class CropAndFlip(Augmentation):
    """Pads with black, crops the image's size out at random, and mirrors every other one.

    The usual augmentation of CIFAR, with 4 pixels. The paper's public code pads by 2.

    Args:
      padding: pixels on each side, at least 0; 0 mirrors only.

    Raises:
      ValueError: `padding` is negative.
    """

    def __init__(self, padding: int = 4):
        if padding < 0:
            raise ValueError(f"CropAndFlip.padding = {padding} must be at least 0, e.g. 4")
        self._padding = padding

    def __call__(self, images: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """See `Augmentation`."""
        height, width = images.shape[1:3]
        offsets = 2 * self._padding + 1
        top, left = seeds[:, 0] % offsets, seeds[:, 1] % offsets
        mirrored = seeds[:, 0] // offsets % 2 == 1
        columns = tf.range(width)
        columns = tf.where(mirrored[:, tf.newaxis], columns[::-1], columns)
        border = [self._padding] * 2
        padded = tf.pad(images, [[0, 0], border, border, [0, 0]])
        cropped = tf.gather(padded, top[:, tf.newaxis] + tf.range(height), axis=1, batch_dims=1)
        return tf.gather(cropped, left[:, tf.newaxis] + columns, axis=2, batch_dims=1)


@gin.configurable
class Chain(Augmentation):
    """One augmentation after the other, each with seeds of its own.

    Args:
      augmentations: in this order.

    Raises:
      ValueError: there are none.
    """

    def __init__(self, augmentations: Sequence[Augmentation] = gin.REQUIRED):
        if not augmentations:
            raise ValueError(
                "Chain.augmentations = [] must name at least one, e.g. [@CropAndFlip()]"
            )
        self._augmentations = augmentations

    def __call__(self, images: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """See `Augmentation`."""
        size = tf.constant(1 << 31, tf.int64)
        for number, augmentation in enumerate(self._augmentations):
            numbers = tf.fill([tf.size(seeds)], tf.constant(number, tf.int64))
            words = tf.reshape(tf.cast(seeds, tf.int64), [-1])
            own = permutation.permute(words, tf.zeros([2], tf.int64), numbers, size)
            images = augmentation(images, tf.reshape(tf.cast(own, tf.int32), [-1, 2]))
        return images
