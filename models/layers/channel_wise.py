"""Layers between a producer and its consumers, which treat each channel by itself.

A layer of this kind gets a new channel for each new neuron before it. What it does to channels is a
function of their parameters, so that growth methods can pass candidate neurons through it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf
import tf_keras
from absl import logging

from models.layers import activations, foreign_layers, forward_pass, growable, window

# Values of some parameters, in the order of `ChannelWise.parameters`.
Values = Sequence[tf.Tensor | tf.Variable]


class Parameter(NamedTuple):
    """A variable with a slice for each channel.

    Attributes:
      variable: trainable or not; declared with None for the size of `axis`.
      axis: the axis that runs over channels.
      initial: maps k to the slices of k new channels.
      is_offset: whether it is added to the channels, as a bias is.
    """

    variable: tf.Variable
    axis: int
    initial: Callable[[tf.Tensor], tf.Tensor]
    is_offset: bool = False


class ChannelWise(tf_keras.layers.Layer):
    """Maps channels `[batch, ..., channels]` to as many channels, each by itself.

    A subclass creates variables in `build`, lists those with a slice for each channel in
    `parameters`, and maps channels in `transform`:

    >>> class Scale(ChannelWise):
    ...     def build(self, input_shape):
    ...         ones = tf.ones(input_shape[-1:])
    ...         self.scale = tf.Variable(ones, shape=[None], name=f"{self.name}/scale")
    ...
    ...     @property
    ...     def parameters(self):
    ...         return [Parameter(self.scale, axis=0, initial=lambda count: tf.ones([count]))]
    ...
    ...     def transform(self, channels, values, old):
    ...         (scale,) = values
    ...         return scale * channels
    >>> Scale(name="scale")(tf.constant([[1.0, -2.0]])).numpy()
    array([[ 1., -2.]], dtype=float32)

    `transform` serves the forward pass of the network and growth methods, which pass new channels
    through it. It must compute with the `values` that it gets, never with the variables: growth
    tries values of its own. A subclass overrides what differs from the defaults:

    - `forward`, if a training step differs from inference, or writes to variables.
    - `tangent`, if `transform` is not linear in the channels.
    - `at_zero`, if a new channel of zeros is not mapped to zeros, or has no gradient.
    - `needs_old_channels`, if new channels depend on those that are there.
    - `tangent_factor` and `flops`, which save time and count it.

    `call` is not to be overridden: it puts values in the place of variables, and records inputs and
    outputs. What growth relies on:

    - The number of channels changes: old channels stay as they are when one is added, and a traced
      function sees their number as None.
    - A new channel with the `values` of an old one is mapped as the old one.
    - Channels arrive in the layer's compute dtype, and leave in it.

    `models.layers.check_layer` tests all of this in one call.
    """

    _starts_empty = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "call" in vars(cls):
            logging.warning(
                "%s overrides `call`; in the next version a layer between producer and consumer "
                "implements `transform`, and `forward` where a training step differs from "
                "inference: see models/layers/channel_wise.py",
                cls.__qualname__,
            )

    def build(self, input_shape: tf.TensorShape) -> None:
        """Notes whether there are channels yet."""
        self._starts_empty = input_shape[-1] == 0
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[batch, ..., channels]` by `forward`, with the values that growth tries if any."""
        values = [forward_pass.value(parameter.variable) for parameter in self.parameters]
        outputs = self.forward(inputs, values, training)
        forward_pass.record(self, inputs, outputs)
        return outputs

    def forward(self, inputs: tf.Tensor, values: Values, training: bool) -> tf.Tensor:
        """Maps the channels of the network; `transform` in training and in inference.

        Args:
          inputs: `[batch, ..., channels]`.
          values: of the `parameters`, in their own dtype.
          training: whether this is a training step. If `forward_pass.is_trial()` it is one that
            growth tries, and must not write to variables.

        Returns:
          `[batch, ..., channels]`; in a training step without noise, that of `transform`.
        """
        del training
        return self.transform(inputs, [tf.cast(value, inputs.dtype) for value in values], inputs)

    @property
    def parameters(self) -> list[Parameter]:
        """The variables that grow with the channels."""
        return []

    @property
    def needs_old_channels(self) -> bool:
        """True if `transform` reads `old`."""
        return False

    @property
    def trace_key(self) -> tuple | None:
        """All that outputs depend on beside inputs, `values` and the class; None if not known.

        See `GrowableLayer.trace_key`. A subclass says so for itself.
        """
        return None

    def transform(self, channels: tf.Tensor, values: Values, old: tf.Tensor | None) -> tf.Tensor:
        """Maps channels as a training step does.

        Args:
          channels: `[batch, ..., k]`: all channels of the network, or new ones.
          values: of the `parameters` of these k channels, in the dtype of `channels`.
          old: the layer's inputs `[batch, ..., channels]` in that step. None for new channels
            unless the layer `needs_old_channels`.

        Returns:
          `[batch, ..., k]`; axes between the batch and the channels may shrink or disappear.
        """
        raise NotImplementedError

    def tangent(self, channels: tf.Tensor, values: Values, old: tf.Tensor | None) -> tf.Tensor:
        """The derivative of `transform` at channels of zeros, times `channels`."""
        return self.transform(channels, values, old)

    @property
    def tangent_factor(self) -> float | None:
        """The factor of `tangent` for initial values, if all it does is multiply; else None."""
        return None

    def at_zero(self) -> tuple[float, float]:
        """The output for a new channel of zeros, and the factor on its gradient."""
        return 0.0, 1.0

    @property
    def flops(self) -> int:
        """Floating-point operations of one forward pass of one example; cheap ones do not count."""
        return 0


class Activation(ChannelWise):
    """An activation function.

    Args:
      function: maps each element by itself, e.g. one of models/layers/activations.py.

    Raises:
      ValueError: `function` is not a function, has weights, or maps elements together.
    """

    def __init__(self, function: activations.Activation):
        super().__init__()
        _check_elementwise(function)
        self.function = function
        self._at_zero = activations.at_zero(function)

    @property
    def trace_key(self) -> tuple:
        """See `ChannelWise.trace_key`."""
        return (id(self.function),)  # A function of a user's own need not be hashable.

    def transform(self, channels: tf.Tensor, values: Values, old: tf.Tensor | None) -> tf.Tensor:
        """See `ChannelWise.transform`."""
        del values, old
        return self.function(channels)

    def tangent(self, channels: tf.Tensor, values: Values, old: tf.Tensor | None) -> tf.Tensor:
        """See `ChannelWise.tangent`: f'(0) x."""
        del values, old
        return self._at_zero[1] * channels

    @property
    def tangent_factor(self) -> float | None:
        """See `ChannelWise.tangent_factor`: f'(0)."""
        return self.at_zero()[1]

    def at_zero(self) -> tuple[float, float]:
        """See `ChannelWise.at_zero`: f(0) and f'(0)."""
        return self._at_zero


def _check_elementwise(function) -> None:
    """Raises ValueError unless `function` maps each element by itself, whatever the others are."""
    name = foreign_layers.described(function)
    if not callable(function) or isinstance(function, type):
        raise ValueError(
            f"{name} is not an activation function; use one, such as models.activations.relu"
        )
    elements = tf.constant([[-1.5, 0.25, 2.0], [0.75, -0.5, 1.0]])
    try:
        together = tf.convert_to_tensor(function(elements))
        single = tf.reshape(function(tf.reshape(elements, [6, 1])), [2, 3])
        is_elementwise = together.shape == elements.shape and bool(
            tf.reduce_all(tf.abs(together - single) < 1e-5)
        )
    # Whatever a function may do with inputs that it was not made for.
    except Exception as error:  # noqa: BLE001
        if isinstance(function, tf_keras.layers.Layer):
            raise _cannot_grow(function) from error
        raise ValueError(
            f"{name} cannot be applied to neurons [batch, channels] one by one; "
            f"{foreign_layers.instead_of(function)}"
        ) from error
    if getattr(function, "weights", None):
        raise _cannot_grow(function)
    if not is_elementwise:
        raise ValueError(
            f"{name} does not map each element by itself, so that a new neuron would change the "
            f"others; {foreign_layers.instead_of(function)}"
        )


def _cannot_grow(layer) -> ValueError:
    return ValueError(
        f"{foreign_layers.described(layer)} cannot grow; {foreign_layers.instead_of(layer)}"
    )


class DepthwiseConv2D(ChannelWise):
    """A filter `[kh, kw]` for each channel of `[batch, height, width, channels]`, without a bias.

    A new channel starts with the identity: one in the middle of the filter (section 4.2 of the
    paper, "ImageNet").

    Args:
      kernel_size: kh and kw, in pixels.
      strides: in pixels, along both axes.
      padding: "same" or "valid".
      kernel_initializer: a tf_keras initializer with a seed of its own.
      name: the name of the layer.
      regularizer: of the kernel, or None.

    Attributes:
      window: how the filters pass over a map.
      kernel: float32 `[kh, kw, channels, 1]`.

    Raises:
      ValueError: an argument is out of range, or inputs are no maps.
    """

    def __init__(
        self,
        kernel_size: int,
        *,
        strides: int = 1,
        padding: str = "same",
        kernel_initializer: tf_keras.initializers.Initializer,
        name: str,
        regularizer: tf_keras.regularizers.Regularizer | None = None,
    ):
        super().__init__(name=name)
        self.window = window.checked(kernel_size, strides, padding)
        self._kernel_initializer = kernel_initializer
        self._regularizer = regularizer
        self._map_size = 0

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the kernel `[kh, kw, channels, 1]`."""
        window.check_map(self.window, input_shape, self.name)
        size, channels = self.window.size, int(input_shape[-1])
        # Initializers divide by the fan-in, which is kh * kw: a filter reads one channel.
        filters = self._kernel_initializer([size, size, 1, channels])
        self.kernel = tf.Variable(
            tf.reshape(filters, [size, size, channels, 1]),
            shape=[size, size, None, 1],
            name=f"{self.name}/kernel",
        )
        regularizer = self._regularizer
        if regularizer is not None:
            self.add_loss(lambda: regularizer(forward_pass.value(self.kernel)))
        super().build(input_shape)

    @property
    def parameters(self) -> list[Parameter]:
        """See `ChannelWise.parameters`."""
        return [Parameter(self.kernel, 2, self._identity)]

    @property
    def trace_key(self) -> tuple:
        """See `ChannelWise.trace_key`."""
        return self.window, self._starts_empty

    def _identity(self, count: tf.Tensor) -> tf.Tensor:
        size, middle = self.window.size, (self.window.size - 1) // 2
        one = tf.one_hot(middle * size + middle, size * size)
        return tf.tile(tf.reshape(one, [size, size, 1, 1]), [1, 1, count, 1])

    def forward(self, inputs: tf.Tensor, values: Values, training: bool) -> tf.Tensor:
        """Maps `[batch, height, width, channels]` to `[batch, height', width', channels]`."""
        outputs = super().forward(inputs, values, training)
        if outputs.shape[1:3].is_fully_defined():
            self._map_size = outputs.shape[1] * outputs.shape[2]
        return outputs

    def transform(self, channels: tf.Tensor, values: Values, old: tf.Tensor | None) -> tf.Tensor:
        """See `ChannelWise.transform`."""
        del old
        (kernel,) = values
        if not self._starts_empty:
            return self._convolve(channels, kernel)
        channels, kernel = growable.one_more(channels, -1), growable.one_more(kernel, -2)
        return self._convolve(channels, kernel)[..., :-1]

    @property
    def tangent_factor(self) -> float | None:
        """See `ChannelWise.tangent_factor`: 1 for the identity, if no position gets lost."""
        return 1.0 if self.window.strides == 1 and self.window.padding == "SAME" else None

    def _convolve(self, channels, kernel):
        strides = [1, self.window.strides, self.window.strides, 1]
        return tf.nn.depthwise_conv2d(channels, kernel, strides, self.window.padding)

    @property
    def flops(self) -> int:
        """See `ChannelWise.flops`: two for each use of a weight."""
        return 2 * self._map_size * growable.shape_now(self.kernel).num_elements()
