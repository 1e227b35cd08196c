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

import itertools
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
    channels, outputs = tf.shape(padded)[3], tf.shape(output_gradients)[3]
    parts = _Parts(channels, outputs)
    turned, turned_gradients = (tf.transpose(x, [0, 2, 1, 3]) for x in (padded, output_gradients))
    everywhere = parts.kernel_gradient(padded, output_gradients, rows, columns)
    beyond_rows = parts.beyond_rows(padded, output_gradients, rows, columns)
    beyond_columns = parts.beyond_rows(turned, turned_gradients, columns, rows)
    blocks = []
    for q, s in itertools.product(range(len(rows.taps)), range(len(columns.taps))):
        block = everywhere[q][s]
        if q in beyond_rows:
            block -= beyond_rows[q][s]
        if s in beyond_columns:
            block -= tf.transpose(beyond_columns[s][q], [1, 0, 2, 3])
        if q in beyond_rows and s in beyond_columns:
            block += _beyond_both(padded, output_gradients, rows, columns, q, s)
        blocks.append(block)
    # [taps of the consumer, two axes of taps of the producer, input channels, output channels].
    result = tf.transpose(tf.stack(blocks), [0, 4, 1, 2, 3])
    p_rows, p_columns = rows.taps.shape[1], columns.taps.shape[1]
    return tf.reshape(result, [len(blocks) * outputs, p_rows * p_columns * channels])


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
    if axis.before < 0 or axis.after < 0:
        start, end = max(-axis.before, 0), inputs.shape[dimension] - max(-axis.after, 0)
        inputs = tf.gather(inputs, np.arange(start, end), axis=dimension)
    padding = np.zeros([4, 2], int)
    padding[dimension] = max(axis.before, 0), max(axis.after, 0)
    return tf.pad(inputs, padding) if padding.any() else inputs


class _Parts(NamedTuple):
    """The parts of A that are gradients by kernels.

    Attributes:
      channels: of the inputs.
      outputs: channels of the outputs.
    """

    channels: tf.Tensor
    outputs: tf.Tensor

    def kernel_gradient(self, padded, output_gradients, rows, columns):
        """K at all taps: by q of the rows, then by q of the columns.

        Each is `[p, p, channels, outputs]`, with p of the rows first.
        """
        size = [rows.taps.max() + 1, columns.taps.max() + 1]
        kernel = self._filter_gradient(padded, size, output_gradients, rows.stride, columns.stride)
        at_taps = tf.gather(tf.gather(kernel, columns.taps, axis=1), rows.taps, axis=0)
        return [
            tf.unstack(of_row, len(columns.taps), axis=1)
            for of_row in tf.unstack(at_taps, len(rows.taps))
        ]

    def beyond_rows(self, padded, output_gradients, rows, columns):
        """The part of `kernel_gradient` that comes from hidden rows beyond the border.

        By q, for those q of the rows that read beyond it.
        """
        parts = {}
        for q, (taps, positions) in enumerate(zip(rows.taps, rows.beyond, strict=True)):
            if not len(positions):
                continue
            # Each of these output positions becomes an example of its own, with the rows it reads.
            read = rows.stride * positions[:, np.newaxis] + taps
            inputs = tf.gather(padded, read, axis=1)
            inputs = tf.reshape(inputs, [-1, len(taps), padded.shape[2], self.channels])
            gradients = tf.gather(output_gradients, positions, axis=1)
            gradients = tf.reshape(gradients, [-1, 1, output_gradients.shape[2], self.outputs])
            size = [len(taps), columns.taps.max() + 1]
            kernel = self._filter_gradient(inputs, size, gradients, 1, columns.stride)
            at_taps = tf.gather(kernel, columns.taps, axis=1)
            parts[q] = tf.unstack(at_taps, len(columns.taps), axis=1)
        return parts

    def _filter_gradient(self, inputs, size, output_gradients, row_stride, column_stride):
        """The gradient by the kernel of a convolution without padding."""
        return tf.raw_ops.Conv2DBackpropFilter(
            input=inputs,
            filter_sizes=[*size, self.channels, self.outputs],
            out_backprop=output_gradients,
            strides=[1, row_stride, column_stride, 1],
            padding="VALID",
        )


def _beyond_both(padded, output_gradients, rows, columns, q, s):
    """The part of a block that comes from beyond the border along both axes at once."""
    row_positions, column_positions = rows.beyond[q], columns.beyond[s]
    inputs = tf.gather(padded, rows.stride * row_positions[:, np.newaxis] + rows.taps[q], axis=1)
    read = columns.stride * column_positions[:, np.newaxis] + columns.taps[s]
    inputs = tf.gather(inputs, read, axis=3)
    gradients = tf.gather(output_gradients, row_positions, axis=1)
    gradients = tf.gather(gradients, column_positions, axis=2)
    return tf.einsum("bvpwqi,bvwo->pqio", inputs, gradients)
