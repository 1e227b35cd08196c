"""Layers whose widths can change while a traced training loop uses them.

A growing axis of a kernel is declared unspecified (`shape=[None, 10]`), so that growth is one
`assign` of a bigger value: no new layer, no new variable, no retrace.
"""

import contextlib
import contextvars
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import tensorflow as tf
import tf_keras

from models.layers import (
    forward_pass,
    keras_saving,
    memory,
    parameter_counts,  # noqa: F401  Corrects what summary() prints.
    window,
)


class GrowableLayer(tf_keras.layers.Layer):
    """A linear map with a bias, whose input and output channels can grow.

    Args:
      width: the initial number of output channels (neurons); 0 for a layer that is yet to grow.
      use_bias: whether the layer adds a bias.
      inputs_grow: whether the fan-in can grow.
      outputs_grow: whether the width can grow.
      kernel_initializer: a tf_keras initializer with a seed of its own.
      name: the name of the layer.
      regularizer: of the kernel, e.g. `tf_keras.regularizers.L2(1e-4)`, or None.

    Attributes:
      inputs_grow: as given.
      outputs_grow: as given.
      kernel: the weights, once the layer is built.
      bias: float32 `[width]`, or None.
      input_axis: the axis of `kernel` that runs over input channels.
      output_axis: the axis of `kernel` that runs over output channels.
    """

    input_axis = -2
    output_axis = -1
    kernel: tf.Variable

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
        self.bias: tf.Variable | None = None
        self._initial_width = width
        self._use_bias = use_bias
        self.inputs_grow = inputs_grow
        self.outputs_grow = outputs_grow
        self.kernel_initializer = kernel_initializer
        self._regularizer = regularizer
        self._starts_empty = False

    @property
    def readers(self) -> list["GrowableLayer"]:
        """The layers that read this one's inputs: consumers of the site before it."""
        return [self]

    @property
    def writers(self) -> list["GrowableLayer"]:
        """The layers that add up to this one's outputs: producers of the site behind it."""
        return [self]

    def hidden_pair(self, name: str) -> tuple["GrowableLayer", "GrowableLayer"]:
        """Two layers that lead from this one's inputs to its outputs, with no neurons in between.

        Args:
          name: of the two, with a suffix.
        """
        raise NotImplementedError

    def _hidden_pair_options(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The arguments of the two, beside widths."""
        shared = {
            "kernel_initializer": self.kernel_initializer,
            "regularizer": self._regularizer,
        }
        first = {
            "name": f"{name}_incoming",
            "use_bias": self._use_bias,
            "inputs_grow": self.inputs_grow,
            "outputs_grow": True,
        }
        second = {
            "name": f"{name}_outgoing",
            "use_bias": False,
            "inputs_grow": True,
            "outputs_grow": self.outputs_grow,
        }
        return first | shared, second | shared

    @property
    def trace_key(self) -> tuple | None:
        """All that `linear` depends on beside inputs, kernel and class; None if not known.

        Layers of one class with equal keys, and variables of equal declared shapes, are traced to
        the same operations, and growth traces one for all. A subclass says so for itself.
        """
        return None

    @property
    def windows(self) -> tuple[window.Window, window.Window]:
        """The window of the layer along the height and the width of its inputs.

        A layer for vectors takes them for maps of one pixel.
        """
        raise NotImplementedError

    def kernel_shape(self, input_shape: Sequence[int | None]) -> list[int]:
        """The kernel's initial shape, for inputs `[batch, ..., fan-in]`.

        Its last two axes are those of the input channels and of the output channels.
        """
        raise NotImplementedError

    def linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The layer's map without its bias, with any kernel in place of its own.

        Growth methods use it to pass k candidate neurons through the very operation (strides,
        padding, ...) that the layer will apply to them.
        """
        if not self._starts_empty:
            return self._linear(inputs, kernel)
        inputs, kernel = one_more(inputs, -1), one_more(kernel, self.input_axis, self.output_axis)
        return self._linear(inputs, kernel)[..., :-1]

    def _linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """`linear`, for arrays that have elements."""
        raise NotImplementedError

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the variables."""
        shape = memory.checked(self.kernel_shape(input_shape), f"the kernel of {self.name}")
        declared: list[int | None] = list(shape)
        if self.inputs_grow:
            declared[self.input_axis] = None
        if self.outputs_grow:
            declared[self.output_axis] = None
        self._starts_empty = 0 in shape
        self.kernel = tf.Variable(
            # Initializers divide by the fan-in.
            tf.zeros(shape) if self._starts_empty else self.kernel_initializer(shape),
            shape=declared,
            name=f"{self.name}/kernel",
        )
        if self._use_bias:
            self.bias = tf.Variable(
                tf.zeros(shape[-1:]), shape=declared[-1:], name=f"{self.name}/bias"
            )
        regularizer = self._regularizer
        if regularizer is not None:
            self.add_loss(lambda: regularizer(forward_pass.value(self.kernel)))
        super().build(input_shape)

    def __call__(self, inputs: tf.Tensor, *args, **kwargs) -> tf.Tensor:
        """See tf_keras; tells the next layer of a functional model the current width."""
        outputs = super().__call__(inputs, *args, **kwargs)
        if isinstance(outputs, tf_keras.__internal__.KerasTensor):
            outputs.set_shape([*outputs.shape[:-1], self.width])
        return outputs

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

    def get_config(self) -> NoReturn:
        """Raises NotImplementedError; see keras_saving.py."""
        keras_saving.refuse(f"layer {self.name!r}")

    @property
    def fan_in(self) -> int:
        """The current number of input channels."""
        return self._size(self.input_axis)

    @property
    def width(self) -> int:
        """The current number of output channels (neurons)."""
        return self._size(self.output_axis)

    def _size(self, axis: int) -> int:
        return shape_now(self.kernel)[axis]

    @property
    def flops(self) -> int:
        """Floating-point operations of one forward pass of one example.

        Two for each use of a weight (multiply and add), one for each use of a bias.
        """
        weights = shape_now(self.kernel).num_elements()
        return self._positions() * (2 * weights + (self.width if self.bias is not None else 0))

    def _positions(self) -> int:
        """The number of uses of a weight for one example."""
        return 1


class Dense(GrowableLayer):
    """y = x W + b at each position of `[batch, ..., fan-in]`, or with x flattened.

    Flattened inputs `[batch, height, width, channels]` have a kernel `[height, width, channels,
    neurons]` and not `[height * width * channels, neurons]`: channels that a convolution grows are
    then new along one axis, where the rows of a matrix would be interleaved.

    Args:
      width: see `GrowableLayer`.
      flatten: whether all axes but the batch are flattened. None for vectors and for sequences
        `[batch, time, fan-in]`, which the layer maps position by position; maps need to say it.
      **kwargs: see `GrowableLayer`.

    Raises:
      ValueError: inputs have four axes or more, and `flatten` is None.
    """

    def __init__(self, width: int, *, flatten: bool | None = None, **kwargs):
        super().__init__(width, **kwargs)
        self._flatten = flatten
        self._position_count = 1

    def hidden_pair(self, name: str) -> tuple["Dense", "Dense"]:
        """See `GrowableLayer.hidden_pair`."""
        first, second = self._hidden_pair_options(name)
        return (
            Dense(0, flatten=self._flatten, **first),
            Dense(self._initial_width, flatten=self._flatten, **second),
        )

    @property
    def trace_key(self) -> tuple:
        """See `GrowableLayer.trace_key`."""
        return self._flatten, self._starts_empty

    @property
    def windows(self) -> tuple[window.Window, window.Window]:
        """See `GrowableLayer.windows`: one window, as large as what is flattened."""
        height, width = (*self.kernel.shape[:-2], 1, 1)[:2]
        return window.Window(height, 1, "VALID", 1), window.Window(width, 1, "VALID", 1)

    def kernel_shape(self, input_shape: Sequence[int | None]) -> list[int]:
        """See `GrowableLayer.kernel_shape`."""
        rank = len(input_shape)
        if self._flatten is None and rank > 3:
            raise ValueError(
                f"layer {self.name!r} is a Dense layer on inputs {_axes(input_shape)}; say whether "
                "it flattens them (flatten=True) or maps each position by itself (flatten=False)"
            )
        read = input_shape[1:] if self._flatten else input_shape[-1:]
        sizes = [int(size) for size in read if size is not None]
        if len(sizes) < len(read):
            raise ValueError(
                f"layer {self.name!r} is a Dense layer on inputs {_axes(input_shape)}; the sizes "
                "that its kernel has must be known"
            )
        return [*sizes, self._initial_width]

    def _linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """`[batch, ..., fan-in]` times `[..., fan-in, k]`; axes of the kernel are summed over."""
        if kernel.shape.rank > 2:
            inputs = tf.reshape(inputs, [tf.shape(inputs)[0], -1])
            kernel = tf.reshape(kernel, [-1, tf.shape(kernel)[-1]])
        if inputs.shape.rank == 2:
            return tf.matmul(inputs, kernel)
        return tf.tensordot(inputs, kernel, 1)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """See `GrowableLayer.call`."""
        outputs = super().call(inputs)
        self._position_count = outputs.shape[1:-1].num_elements() or 1
        return outputs

    def _positions(self) -> int:
        return self._position_count


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
      ValueError: an argument is out of range, or inputs are no maps.
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
        self._window = window.checked(kernel_size, strides, padding, dilation)
        self._map_size = 0

    def hidden_pair(self, name: str) -> tuple["Conv2D", "Conv2D"]:
        """See `GrowableLayer.hidden_pair`; the second convolution is one of 1 x 1."""
        first, second = self._hidden_pair_options(name)
        size, strides, padding, dilation = self._window
        options = {"strides": strides, "padding": padding.lower(), "dilation": dilation}
        return Conv2D(0, size, **options, **first), Conv2D(self._initial_width, 1, **second)

    @property
    def trace_key(self) -> tuple:
        """See `GrowableLayer.trace_key`."""
        return self._window, self._starts_empty

    @property
    def windows(self) -> tuple[window.Window, window.Window]:
        """See `GrowableLayer.windows`."""
        return self._window, self._window

    def kernel_shape(self, input_shape: Sequence[int | None]) -> list[int]:
        """See `GrowableLayer.kernel_shape`."""
        window.check_map(self._window, tuple(input_shape), self.name)
        size, channels = self._window.size, input_shape[-1]
        if channels is None:
            raise ValueError(
                f"layer {self.name!r} is a convolution on inputs {_axes(input_shape)}; the number "
                "of channels must be known"
            )
        return [size, size, int(channels), self._initial_width]

    def _linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """`[batch, height, width, fan-in]` to `[batch, height', width', k]`."""
        _, strides, padding, dilation = self._window
        return tf.nn.conv2d(inputs, kernel, strides, padding, dilations=dilation)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """See `GrowableLayer.call`."""
        outputs = super().call(inputs)
        if outputs.shape[1:3].is_fully_defined():
            self._map_size = outputs.shape[1] * outputs.shape[2]
        return outputs

    def _positions(self) -> int:
        return self._map_size


def _axes(shape: Sequence[int | None]) -> str:
    return "[batch, " + ", ".join(map(str, shape[1:])) + "]"


def shape_now(variable: tf.Variable) -> tf.TensorShape:
    """The shape of a variable's value; the declared one says None on growing axes.

    Within `supposing`, the supposed one.
    """
    if (supposed := (_supposed.get() or {}).get(variable.ref())) is not None:
        return supposed
    declared = variable.shape
    return declared if declared.is_fully_defined() else variable.read_value().shape


# Shapes by `variable.ref()`.
_supposed: contextvars.ContextVar[Mapping[object, tf.TensorShape] | None] = contextvars.ContextVar(
    "supposed", default=None
)


@contextlib.contextmanager
def supposing(shapes: Mapping[object, tf.TensorShape]) -> Iterator[None]:
    """`shape_now`, and what is counted by it, takes variables to have other shapes in the block.

    Args:
      shapes: by `variable.ref()`.
    """
    token = _supposed.set(shapes)
    try:
        yield
    finally:
        _supposed.reset(token)


def one_more(array: tf.Tensor, *axes: int) -> tf.Tensor:
    """`array` with one more slice of zeros at the end of `axes`.

    Many of TensorFlow's operations refuse arrays without elements, or end the process. Layers that
    may have no channels compute with one more, of zeros.
    """
    for axis in axes:
        size = tf.unstack(tf.shape(array))
        size[axis] = 1
        # Not tf.pad: oneDNN merges it into a convolution, as if it added pixels, and aborts.
        array = tf.concat([array, tf.zeros(size, array.dtype)], axis)
    return array
