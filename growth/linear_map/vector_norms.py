"""Norms that neither underflow nor overflow where the squares of float32 do.

Gradients near 1e-19 have squares below what float32 can hold, those near 1e+19 above. So numbers
are divided by a power of two first, which loses no bit. TensorFlow reads denormal numbers, below
1.2e-38, as zeros.
"""

from collections.abc import Sequence

import tensorflow as tf

# The bits of a float32 that hold its exponent.
_EXPONENT = 0x7F800000
_SMALLEST = 1e-30


def power_of_two(array: tf.Tensor, axis: int | None = None) -> tf.Tensor:
    """The power of two at or below the largest absolute value.

    1 where there is none: all numbers are zero, or one is not finite.

    Args:
      array: float32.
      axis: the axis that the maximum is taken over; kept, with size 1. None for all.

    Returns:
      A scalar, or of the rank of `array`.

    Example:
      >>> float(power_of_two(tf.constant([3.0, -5.0])))
      4.0
    """
    return _power_below(tf.reduce_max(tf.abs(array), axis, keepdims=axis is not None))


def power_of_all(arrays: Sequence[tf.Tensor]) -> tf.Tensor:
    """`power_of_two` of all numbers in `arrays` together."""
    return _power_below(_largest(arrays))


def of_columns(matrix: tf.Tensor) -> tf.Tensor:
    """The norm of each column of `[n, k]`, `[k]`."""
    power = power_of_two(matrix, axis=0)
    return power[0] * tf.norm(matrix / power, axis=0)


def of_all(arrays: Sequence[tf.Tensor]) -> tf.Tensor:
    """The norm of all numbers together, a scalar."""
    return of_each([arrays])[0]


def of_each(groups: Sequence[Sequence[tf.Tensor]]) -> tf.Tensor:
    """The norm of all numbers of each group, `[groups]`."""
    powers = _power_below(tf.stack([_largest(arrays) for arrays in groups]))
    halves = [
        tf.add_n([tf.nn.l2_loss(array / power) for array in arrays])
        for arrays, power in zip(groups, tf.unstack(powers), strict=True)
    ]
    return powers * tf.sqrt(2.0 * tf.stack(halves))


def unit_columns(matrix: tf.Tensor) -> tf.Tensor:
    """The columns of `[n, k]` divided by their norms; zeros where a column is zero."""
    matrix /= power_of_two(matrix, axis=0)
    squares = tf.reduce_sum(tf.square(matrix), axis=0)
    return matrix * tf.math.rsqrt(tf.maximum(squares, _SMALLEST))


def _largest(arrays: Sequence[tf.Tensor]) -> tf.Tensor:
    """The largest absolute value of all."""
    each = [tf.reduce_max(tf.abs(array)) for array in arrays]
    return each[0] if len(each) == 1 else tf.reduce_max(each)


def _power_below(largest: tf.Tensor) -> tf.Tensor:
    power = tf.bitcast(tf.bitcast(largest, tf.int32) & _EXPONENT, tf.float32)
    # The maximum of no numbers is -inf.
    return tf.where((power > 0.0) & tf.math.is_finite(largest), power, 1.0)
