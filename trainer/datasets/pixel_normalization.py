"""Normalization of pixels."""

import abc
from collections.abc import Sequence

import gin
import tensorflow as tf


class PixelNormalization(abc.ABC):
    """A function of images, the same in training and in evaluation."""

    @abc.abstractmethod
    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """From float32 `[batch, height, width, channels]` with pixels from 0 to 1 to as much."""


@gin.configurable
class ChannelNormalization(PixelNormalization):
    """(pixel - mean) / standard deviation, channel by channel.

    Args:
      mean: of each channel over the training images, in pixels from 0 to 1.
      deviation: standard deviation of each channel, above 0.

    Raises:
      ValueError: there are not as many of both, or a standard deviation is not above 0.
    """

    def __init__(
        self, mean: Sequence[float] = gin.REQUIRED, deviation: Sequence[float] = gin.REQUIRED
    ):
        if len(mean) != len(deviation):
            raise ValueError(
                f"ChannelNormalization.mean = {mean} and ChannelNormalization.deviation = "
                f"{deviation} must have a number for each channel"
            )
        if min(deviation) <= 0:
            raise ValueError(
                f"ChannelNormalization.deviation = {deviation} must be above 0 in each channel"
            )
        self._mean, self._deviation = tuple(mean), tuple(deviation)

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """See `PixelNormalization`.

        Raises:
          ValueError: the images have another number of channels.
        """
        if images.shape[-1] != len(self._mean):
            raise ValueError(
                f"ChannelNormalization.mean = {self._mean} has {len(self._mean)} channels, but the "
                f"images have {images.shape[-1]}"
            )
        return (images - self._mean) / self._deviation


@gin.configurable
class ImageStandardization(PixelNormalization):
    """Mean 0 and standard deviation 1 within each image, over all of its pixels and channels.

    The standard deviation is at least 1 / sqrt(number of values), so that flat images do not divide
    by 0.
    """

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """See `PixelNormalization`."""
        return tf.image.per_image_standardization(images)
