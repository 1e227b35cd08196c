"""The map A of two convolutions as a matrix, by one auxiliary convolution.

Appendix B of the paper reads A from the gradient of an auxiliary convolution that leads from h to
z. This is that idea made exact for all strides, paddings, dilations and kernels. Along one axis, a
tap q of the consumer at the output position v reads the hidden position u, of which a tap p of the
producer reads the input position x:

    u = s2 v + d2 q - pad2
    x = s1 u + d1 p - pad1 = s1 s2 v + (s1 d2 q + d1 p) - (s1 pad2 + pad1)

with strides s, dilations d and paddings pad. So x is where a convolution of stride s1 s2 reads with
its tap t = s1 d2 q + d1 p, and

    A[q, p] = K[s1 d2 q + d1 p],    K[t] = sum over the batch and v of dL/dz[v] h[x(v, t)].

K is the gradient by that convolution's kernel, which has s1 d2 (k2 - 1) + d1 (k1 - 1) + 1 taps. It
counts hidden positions u beyond the border of the hidden map, which are zeros and not neurons. The
contribution of the few v at the border that read them is subtracted.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from models.layers import window


class _Axis(NamedTuple):
    """Geometry of two consecutive convolutions along one axis.

    Attributes:
      taps: t for each q (rows) and p (columns).
      stride: s1 s2.
      before: zeros (or, if negative, positions to leave out) in front of the inputs.
      after: the same behind them.
      beyond: for each q, the output positions v at which it reads beyond the hidden map.
    """

    taps: np.ndarray
    stride: int
    before: int
    after: int
    beyond: list[np.ndarray]


def matrix(
    first: Sequence[window.Window],
    second: Sequence[window.Window],
    inputs: tf.Tensor,
    output_gradients: tf.Tensor,
) -> tf.Tensor:
    """A, `[m, n]`, with rows and columns in the order of `GrowthSite.outgoing` and `incoming`.

    Args:
      first: how the producer reads h, along height and width.
      second: how the consumer reads the hidden map.
      inputs: h, `[batch, height, width, channels]`; the sizes of the map are known when traced.
      output_gradients: dL/dz, `[batch, height', width', channels']`.
    """
    if all(window.size == window.strides == 1 for window in (*first, *second)):
        inputs = tf.reshape(inputs, [-1, tf.shape(inputs)[3]])
        output_gradients = tf.reshape(output_gradients, [-1, tf.shape(output_gradients)[3]])
        return tf.matmul(output_gradients, inputs, transpose_a=True)
    rows, columns = (
        _axis(first[i], second[i], inputs.shape[1 + i], output_gradients.shape[1 + i])
        for i in (0, 1)
    )
    padded = _resize(_resize(inputs, rows, 1), columns, 2)
    # [q, p] of the rows, [q, p] of the columns, input channels, output channels.
    result = _kernel_gradient(padded, output_gradients, rows, columns)
    result -= _beyond_rows(padded, output_gradients, rows, columns)
    turned, turned_gradients = (tf.transpose(x, [0, 2, 1, 3]) for x in (padded, output_gradients))
    beyond = _beyond_rows(turned, turned_gradients, columns, rows)
    result -= tf.transpose(beyond, [2, 3, 0, 1, 4, 5])
    result += _beyond_both(padded, output_gradients, rows, columns)
    channels, outputs = tf.shape(inputs)[3], tf.shape(output_gradients)[3]
    (q_rows, p_rows), (q_columns, p_columns) = rows.taps.shape, columns.taps.shape
    return tf.reshape(
        tf.transpose(result, [0, 2, 5, 1, 3, 4]),
        [q_rows * q_columns * outputs, p_rows * p_columns * channels],
    )


def _axis(first: window.Window, second: window.Window, size: int, output_size: int) -> _Axis:
    """The axis on which the inputs have `size` positions and the outputs `output_size`."""
    hidden_size, pad1 = first.output_size(size)
    _, pad2 = second.output_size(hidden_size)
    q, p = np.arange(second.size), np.arange(first.size)
    taps = first.strides * second.dilation * q[:, np.newaxis] + first.dilation * p
    stride = first.strides * second.strides
    before = first.strides * pad2 + pad1
    hidden = second.strides * np.arange(output_size) + second.dilation * q[:, np.newaxis] - pad2
    return _Axis(
        taps,
        stride,
        before,
        (output_size - 1) * stride + taps.max() + 1 - before - size,
        [np.flatnonzero((u < 0) | (u >= hidden_size)) for u in hidden],
    )


def _resize(inputs: tf.Tensor, axis: _Axis, dimension: int) -> tf.Tensor:
    """`inputs` with exactly the positions that the auxiliary convolution reads."""
    start, end = max(-axis.before, 0), inputs.shape[dimension] - max(-axis.after, 0)
    inputs = tf.gather(inputs, tf.range(start, end), axis=dimension)
    padding = np.zeros([4, 2], int)
    padding[dimension] = max(axis.before, 0), max(axis.after, 0)
    return tf.pad(inputs, padding)


def _kernel_gradient(padded, output_gradients, rows, columns):
    """K at all taps, `[q, p, q, p, input channels, output channels]`: rows, then columns."""
    size = [rows.taps.max() + 1, columns.taps.max() + 1]
    kernel = _filter_gradient(padded, size, output_gradients, rows.stride, columns.stride)
    return tf.gather(tf.gather(kernel, columns.taps, axis=1), rows.taps, axis=0)


def _beyond_rows(padded, output_gradients, rows, columns):
    """The part of `_kernel_gradient` that comes from hidden rows beyond the border."""
    parts = []
    for taps, positions in zip(rows.taps, rows.beyond, strict=True):
        # Each of these output positions becomes an example of its own, with the rows it reads.
        read = rows.stride * positions[:, np.newaxis] + taps
        inputs = tf.gather(padded, read, axis=1)
        inputs = tf.reshape(inputs, [-1, len(taps), *inputs.shape[3:4], tf.shape(padded)[3]])
        gradients = tf.gather(output_gradients, positions, axis=1)
        gradients = tf.reshape(gradients, tf.concat([[-1, 1], tf.shape(gradients)[2:]], axis=0))
        size = [len(taps), columns.taps.max() + 1]
        if len(positions):
            kernel = _filter_gradient(inputs, size, gradients, 1, columns.stride)
        else:
            kernel = tf.zeros([*size, tf.shape(padded)[3], tf.shape(output_gradients)[3]])
        parts.append(tf.gather(kernel, columns.taps, axis=1))
    return tf.stack(parts)


def _beyond_both(padded, output_gradients, rows, columns):
    """The part of `_beyond_rows` that comes from hidden columns beyond the border as well."""
    parts = []
    for row_taps, row_positions in zip(rows.taps, rows.beyond, strict=True):
        for column_taps, column_positions in zip(columns.taps, columns.beyond, strict=True):
            inputs = tf.gather(
                tf.gather(padded, rows.stride * row_positions[:, np.newaxis] + row_taps, axis=1),
                columns.stride * column_positions[:, np.newaxis] + column_taps,
                axis=3,
            )
            gradients = tf.gather(
                tf.gather(output_gradients, row_positions, axis=1), column_positions, axis=2
            )
            parts.append(tf.einsum("bvpwqi,bvwo->pqio", inputs, gradients))
    shape = [len(rows.taps), len(columns.taps), *rows.taps.shape[1:], *columns.taps.shape[1:]]
    both = tf.reshape(tf.stack(parts), [*shape, *tf.unstack(tf.shape(parts[0])[2:])])
    return tf.transpose(both, [0, 2, 1, 3, 4, 5])


def _filter_gradient(inputs, size, output_gradients, row_stride, column_stride):
    """The gradient by the kernel of a convolution without padding."""
    channels = [tf.shape(inputs)[3], tf.shape(output_gradients)[3]]
    return tf.raw_ops.Conv2DBackpropFilter(
        input=inputs,
        filter_sizes=[*size, *channels],
        out_backprop=output_gradients,
        strides=[1, row_stride, column_stride, 1],
        padding="VALID",
    )
