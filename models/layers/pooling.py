"""Pooling between a producer of channels and its consumers."""

import gin
import tensorflow as tf

from models.layers import channel_wise, growable, window


@gin.configurable
class AveragePooling2D(channel_wise.ChannelWise):
    """The mean over windows of `[batch, height, width, channels]`.

    Args:
      pool_size: height and width of a window, in pixels; None for the whole map (global pooling),
        which gives `[batch, channels]`.
      strides: in pixels; `pool_size` if None.
      padding: "same" (what lies beyond the border does not count) or "valid".

    Attributes:
      window: how it passes over a map; None for the whole map.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self, pool_size: int | None = 2, strides: int | None = None, padding: str = "valid"
    ):
        super().__init__()
        self.window = None
        if pool_size is not None:
            self.window = window.checked(pool_size, strides or pool_size, padding)

    @property
    def trace_key(self) -> tuple:
        """See `ChannelWise.trace_key`."""
        return self.window, self._starts_empty

    def transform(
        self, channels: tf.Tensor, values: channel_wise.Values, old: tf.Tensor | None
    ) -> tf.Tensor:
        """Maps `[batch, height, width, k]` to `[batch, height', width', k]`, or to `[batch, k]`."""
        del values, old
        if self.window is None:
            return tf.reduce_mean(channels, axis=[1, 2])
        if not self._starts_empty:
            return _average(channels, self.window)
        return _average(growable.one_more(channels, -1), self.window)[..., :-1]


def _average(channels: tf.Tensor, over: window.Window) -> tf.Tensor:
    return tf.nn.avg_pool2d(channels, over.size, over.strides, over.padding)


@gin.configurable
class MaxPooling2D(channel_wise.ChannelWise):
    """The maximum over windows of `[batch, height, width, channels]`.

    Where a whole window is zero, as in a new channel with zero incoming weights, the maximum has no
    derivative. TensorFlow passes the gradient to one pixel of the window (the first one, on CPUs),
    and the tangent here is that: the first gradient step sees, and GradMax maximizes, one pixel of
    each window. From then on the channel has maxima like any other.

    Args:
      pool_size: height and width of a window, in pixels.
      strides: in pixels; `pool_size` if None.
      padding: "same" or "valid".

    Attributes:
      window: how it passes over a map.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(self, pool_size: int = 2, strides: int | None = None, padding: str = "valid"):
        super().__init__()
        self.window = window.checked(pool_size, strides or pool_size, padding)
        size, strides, padding, _ = self.window
        self._options = {
            "ksize": [1, size, size, 1],
            "strides": [1, strides, strides, 1],
            "padding": padding,
        }

    @property
    def trace_key(self) -> tuple:
        """See `ChannelWise.trace_key`."""
        return self.window, self._starts_empty

    def transform(
        self, channels: tf.Tensor, values: channel_wise.Values, old: tf.Tensor | None
    ) -> tf.Tensor:
        """Maps `[batch, height, width, k]` to `[batch, height', width', k]`."""
        del values, old
        if not self._starts_empty:
            return tf.nn.max_pool2d(channels, **self._options)
        return tf.nn.max_pool2d(growable.one_more(channels, -1), **self._options)[..., :-1]

    def tangent(
        self, channels: tf.Tensor, values: channel_wise.Values, old: tf.Tensor | None
    ) -> tf.Tensor:
        """See `ChannelWise.tangent`: what the derivative of TensorFlow's gradient picks."""
        del values, old
        zeros = tf.zeros_like(channels)
        return tf.raw_ops.MaxPoolGradGrad(
            orig_input=zeros,
            orig_output=tf.nn.max_pool2d(zeros, **self._options),
            grad=channels,
            **self._options,
        )
