"""Layers whose widths can change while a traced training loop uses them.

A growing axis of a kernel is declared unspecified (`shape=[None, 10]`), so that growth is one
`assign` of a bigger value: no new layer, no new variable, no retrace.
"""

from collections.abc import Callable

import tensorflow as tf
import tf_keras

# Called with (layer, inputs, outputs) at each forward pass; see `site.observe`.
Observer = Callable[["GrowableLayer", tf.Tensor, tf.Tensor], None]


class GrowableLayer(tf_keras.layers.Layer):
    """A linear map with a bias, whose input and output channels can grow.

    Attributes:
      kernel: the weights.
      bias: float32 `[width]`, or None.
      input_axis: the axis of `kernel` that runs over input channels.
      output_axis: the axis of `kernel` that runs over output channels.
      observer: called with (layer, inputs, outputs) at each forward pass, or None.
    """

    input_axis: int
    output_axis: int

    def __init__(self, name: str):
        super().__init__(name=name)
        self.kernel: tf.Variable | None = None
        self.bias: tf.Variable | None = None
        self.observer: Observer | None = None

    def linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The layer's map without its bias, with any kernel in place of its own.

        Growth methods use it to pass k candidate neurons through the very operation (strides,
        padding, ...) that the layer will apply to them.
        """
        raise NotImplementedError

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps `[batch, ..., fan-in]` to pre-activations `[batch, ..., width]`."""
        inputs = tf.cast(inputs, self.compute_dtype)
        outputs = self.linear(inputs, tf.cast(self.kernel, self.compute_dtype))
        if self.bias is not None:
            outputs = tf.nn.bias_add(outputs, tf.cast(self.bias, self.compute_dtype))
        if self.observer is not None:
            self.observer(self, inputs, outputs)
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
        """Floating-point operations of one forward pass of one example."""
        raise NotImplementedError


class Dense(GrowableLayer):
    """y = x W + b with a kernel W of shape `[fan-in, width]`.

    Args:
      width: the number of neurons at birth.
      use_bias: whether there is a b.
      inputs_grow: whether the fan-in can grow.
      outputs_grow: whether the width can grow.
      kernel_initializer: a tf_keras initializer with a seed of its own.
      name: the name of the layer.
    """

    input_axis = 0
    output_axis = 1

    def __init__(
        self,
        width: int,
        *,
        use_bias: bool,
        inputs_grow: bool,
        outputs_grow: bool,
        kernel_initializer: tf_keras.initializers.Initializer,
        name: str,
    ):
        super().__init__(name)
        self._initial_width = width
        self._use_bias = use_bias
        self._inputs_grow = inputs_grow
        self._outputs_grow = outputs_grow
        self._kernel_initializer = kernel_initializer

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the variables for inputs of the shape `[..., fan-in]`."""
        fan_in, width = int(input_shape[-1]), self._initial_width
        self.kernel = tf.Variable(
            self._kernel_initializer([fan_in, width]),
            shape=[None if self._inputs_grow else fan_in, None if self._outputs_grow else width],
            name=f"{self.name}/kernel",
        )
        if self._use_bias:
            self.bias = tf.Variable(
                tf.zeros([width]),
                shape=[None if self._outputs_grow else width],
                name=f"{self.name}/bias",
            )
        super().build(input_shape)

    def linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """`[batch, fan-in]` times `[fan-in, k]`."""
        return tf.matmul(inputs, kernel)

    @property
    def flops(self) -> int:
        """Two for each weight (multiply and add), one for each bias."""
        return self.width * (2 * self.fan_in + (self.bias is not None))
