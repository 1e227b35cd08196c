"""The map A of two convolutions by one auxiliary convolution, and by its definition.

The definition is shorter, but slower at every shape of our architectures.
"""

import numpy as np
import pytest
import tensorflow as tf

from growth.linear_map import convolution_pair
from models.layers import window


def _by_definition(first, second, inputs, output_gradients):
    """dL/dz moved back to the hidden positions that each tap reads: a gradient by a kernel."""
    hidden = [w.output_size(inputs.shape[1 + i])[0] for i, w in enumerate(first)]
    moved = [
        _moved(_moved(output_gradients, 1, second[0], q_row, hidden[0]), 2, second[1], q, hidden[1])
        for q_row in range(second[0].size)
        for q in range(second[1].size)
    ]
    by_hidden = tf.concat(moved, axis=3)
    paddings = np.zeros([4, 2], int)
    for i, w in enumerate(first):
        size, before = inputs.shape[1 + i], w.output_size(inputs.shape[1 + i])[1]
        read = (hidden[i] - 1) * w.strides + w.dilation * (w.size - 1) + 1
        paddings[1 + i] = before, max(0, read - before - size)
    taps = [w.dilation * (w.size - 1) + 1 for w in first]
    kernel = tf.raw_ops.Conv2DBackpropFilter(
        input=tf.pad(inputs, paddings),
        filter_sizes=[*taps, inputs.shape[3], by_hidden.shape[3]],
        out_backprop=by_hidden,
        strides=[1, *(w.strides for w in first), 1],
        padding="VALID",
    )[:: first[0].dilation, :: first[1].dilation]
    return tf.reshape(tf.transpose(kernel, [3, 0, 1, 2]), [by_hidden.shape[3], -1])


def _moved(gradients, axis, reads, tap, size):
    """dL/dz at the hidden positions that `tap` reads, zero elsewhere."""
    outputs = gradients.shape[axis]
    at = reads.strides * np.arange(outputs) + reads.dilation * tap - reads.output_size(size)[1]
    source = np.full([size], outputs)
    inside = (at >= 0) & (at < size)
    source[at[inside]] = np.flatnonzero(inside)
    paddings = np.zeros([4, 2], int)
    paddings[axis, 1] = 1
    return tf.gather(tf.pad(gradients, paddings), source, axis=axis)


def _square(size, strides=1, padding="SAME", dilation=1):
    return [window.Window(size, strides, padding, dilation)] * 2


_PAIRS = {
    "VGG and WideResNet": (_square(3), _square(3)),
    "stride of the producer": (_square(3, 2), _square(3)),
    "stride of the consumer": (_square(3), _square(3, 2)),
    "both strides": (_square(3, 2), _square(3, 2)),
    "no padding": (_square(3, 1, "VALID"), _square(2, 1, "VALID")),
    "even kernels": (_square(4, 2), _square(2, 3)),
    "dilations": (_square(3, 1, "SAME", 2), _square(2, 1, "SAME", 3)),
    "pixels left out": (_square(1, 2), _square(1, 2)),
    "unlike axes": (
        [window.Window(3, 2, "SAME", 1), window.Window(1, 1, "SAME", 1)],
        [window.Window(2, 1, "VALID", 1), window.Window(5, 2, "SAME", 1)],
    ),
}


@pytest.mark.parametrize(("first", "second"), _PAIRS.values(), ids=_PAIRS.keys())
def test_a_is_the_gradient_that_its_definition_gives(first, second):
    sizes = [9, 8]
    outputs = [
        by.output_size(of.output_size(size)[0])[0]
        for of, by, size in zip(first, second, sizes, strict=True)
    ]
    random = np.random.default_rng(0)
    inputs = tf.constant(random.normal(size=[4, *sizes, 3]), tf.float32)
    gradients = tf.constant(random.normal(size=[4, *outputs, 2]), tf.float32)
    expected = _by_definition(first, second, inputs, gradients)
    found = convolution_pair.matrix(first, second, inputs, gradients)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(expected).max())
