"""Layers whose widths can change while a traced training loop uses them.

A growing axis of a kernel is declared unspecified (`shape=[None, 10]`), so that growth is one
`assign` of a bigger value: no new layer, no new variable, no retrace.
"""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras

from models import forward_pass


class GrowableLayer(tf_keras.layers.Layer):
    """A linear map with a bias, whose input and output channels can grow.

    Args:
      width: the number of output channels (neurons) at birth; 0 for a layer that is still to grow.
      use_bias: whether the layer adds a bias.
      inputs_grow: whether the fan-in can grow.
      outputs_grow: whether the width can grow.
      kernel_initializer: a tf_keras initializer with a seed of its own.
      name: the name of the layer.
      regularizer: of the kernel, e.g. `tf_keras.regularizers.L2(1e-4)`, or None.

    Attributes:
      kernel: the weights.
      bias: float32 `[width]`, or None.
      input_axis: the axis of `kernel` that runs over input channels.
      output_axis: the axis of `kernel` that runs over output channels.
    """

    input_axis = -2
    output_axis = -1

    def __init__(
        self,
        width: int,
        *,
        use_bias: bool,
        inputs_grow: bool,
        outputs_grow: bool,
        kernel_initializer: tf_keras.initializers.Initializer,
        name: str,
        regularizer: tf_keras.regularizers.Regularizer | None = None,
    ):
        super().__init__(name=name)
        self.kernel: tf.Variable | None = None
        self.bias: tf.Variable | None = None
        self._initial_width = width
        self._use_bias = use_bias
        self._inputs_grow = inputs_grow
        self._outputs_grow = outputs_grow
        self._kernel_initializer = kernel_initializer
        self._regularizer = regularizer

    def kernel_shape(self, input_shape: Sequence[int | None]) -> list[int]:
        """The kernel's shape at birth, for inputs `[batch, ..., fan-in]`.

        Its last two axes are those of the input channels and of the output channels.
        """
        raise NotImplementedError

    def linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The layer's map without its bias, with any kernel in place of its own.

        Growth methods use it to pass k candidate neurons through the very operation (strides,
        padding, ...) that the layer will apply to them.
        """
        raise NotImplementedError

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the variables."""
        shape = self.kernel_shape(input_shape)
        declared = list(shape)
        if self._inputs_grow:
            declared[self.input_axis] = None
        if self._outputs_grow:
            declared[self.output_axis] = None
        # Initializers divide by the fan-in.
        empty = 0 in shape
        self.kernel = tf.Variable(
            tf.zeros(shape) if empty else self._kernel_initializer(shape),
            shape=declared,
            name=f"{self.name}/kernel",
        )
        if self._use_bias:
            self.bias = tf.Variable(
                tf.zeros(shape[-1:]), shape=declared[-1:], name=f"{self.name}/bias"
            )
        if self._regularizer is not None:
            self.add_loss(lambda: self._regularizer(forward_pass.value(self.kernel)))
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps `[batch, ..., fan-in]` to pre-activations `[batch, ..., width]`."""
        inputs = tf.cast(inputs, self.compute_dtype)
        kernel = tf.cast(forward_pass.value(self.kernel), self.compute_dtype)
        outputs = self.linear(inputs, kernel)
        if self.bias is not None:
            bias = tf.cast(forward_pass.value(self.bias), self.compute_dtype)
            outputs = tf.nn.bias_add(outputs, bias)
        forward_pass.record(self, inputs, outputs)
        return outputs

    @property
    def fan_in(self) -> int:
        """The number of input channels now."""
        return self._size(self.input_axis)

    @property
    def width(self) -> int:
        """The number of output channels (neurons) now."""
        return self._size(self.output_axis)

    def _size(self, axis: int) -> int:
        # The declared shape says None on a growing axis; the value knows.
        return int(self.kernel.read_value().shape[axis])

    @property
    def flops(self) -> int:
        """Floating-point operations of one forward pass of one example.

        Two for each use of a weight (multiply and add), one for each use of a bias.
        """
        weights = int(tf.size(self.kernel))
        return self._positions() * (2 * weights + (self.width if self.bias is not None else 0))

    def _positions(self) -> int:
        """How often a weight is used for an example."""
        return 1


class Dense(GrowableLayer):
    """y = x W + b, with x flattened.

    For inputs `[batch, height, width, channels]` the kernel is `[height, width, channels, neurons]`
    and not `[height * width * channels, neurons]`: channels that a convolution grows are then new
    along one axis, where the rows of a matrix would be interleaved.
    """

    def kernel_shape(self, input_shape: Sequence[int | None]) -> list[int]:
        """See `GrowableLayer.kernel_shape`."""
        return [*(int(size) for size in input_shape[1:]), self._initial_width]

    def linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """`[batch, ..., fan-in]` times `[..., fan-in, k]`, summed over all axes but the batch."""
        if kernel.shape.rank > 2:
            inputs = tf.reshape(inputs, [tf.shape(inputs)[0], -1])
            kernel = tf.reshape(kernel, [-1, tf.shape(kernel)[-1]])
        return tf.matmul(inputs, kernel)


class Conv2D(GrowableLayer):
    """A convolution of `[batch, height, width, channels]` with a kernel `[kh, kw, fan-in, width]`.

    Args:
      width: see `GrowableLayer`.
      kernel_size: kh and kw, in pixels.
      strides: in pixels, along both axes.
      padding: "same" or "valid".
      dilation: pixels from one tap of the kernel to the next.
      **kwargs: see `GrowableLayer`.

    Raises:
      ValueError: `padding` is neither.
    """

    def __init__(
        self,
        width: int,
        kernel_size: int,
        *,
        strides: int = 1,
        padding: str = "same",
        dilation: int = 1,
        **kwargs,
    ):
        super().__init__(width, **kwargs)
        self._kernel_size = kernel_size
        self._window = {
            "strides": strides,
            "padding": checked_padding(padding),
            "dilations": dilation,
        }
        # TensorFlow's convolutions refuse kernels without elements.
        self._starts_empty = width == 0
        self._map_size = 0

    def kernel_shape(self, input_shape: Sequence[int | None]) -> list[int]:
        """See `GrowableLayer.kernel_shape`."""
        channels = int(input_shape[-1])
        self._starts_empty |= channels == 0
        return [self._kernel_size, self._kernel_size, channels, self._initial_width]

    def linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """`[batch, height, width, fan-in]` to `[batch, height', width', k]`."""
        if not self._starts_empty:
            return tf.nn.conv2d(inputs, kernel, **self._window)
        return tf.cond(
            tf.size(kernel) > 0,
            lambda: tf.nn.conv2d(inputs, kernel, **self._window),
            lambda: self._zeros(inputs, kernel),
        )

    def _zeros(self, inputs, kernel):
        """What a kernel without elements puts out; the shape of a convolution with one channel."""
        size = [self._kernel_size, self._kernel_size, 1, 1]
        one = tf.nn.conv2d(
            tf.zeros([*tf.unstack(tf.shape(inputs)[:3]), 1]), tf.zeros(size), **self._window
        )
        return tf.zeros([*tf.unstack(tf.shape(one)[:3]), tf.shape(kernel)[3]], kernel.dtype)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """See `GrowableLayer.call`."""
        outputs = super().call(inputs)
        if outputs.shape[1:3].is_fully_defined():
            self._map_size = outputs.shape[1] * outputs.shape[2]
        return outputs

    def _positions(self) -> int:
        return self._map_size


def checked_padding(padding: str) -> str:
    """`padding` as TensorFlow spells it; raises ValueError unless it is "same" or "valid"."""
    if padding not in ("same", "valid"):
        raise ValueError(f'padding = {padding!r} must be "same" or "valid"')
    return padding.upper()
