"""Choice of columns that are long and differ from each other, by pivoting."""

import tensorflow as tf

# Below this share of its squared norm nothing but rounding errors is left of a column.
_NOTHING = 1e-5


def chosen(gram: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """The columns that a Cholesky decomposition with pivoting takes first.

    Each is the one with the largest part that those before it do not span. Once they span all of
    them, as `count` is above their rank, the choice begins anew among the others.

    Args:
      gram: products of the columns with each other, `[n, n]`.
      count: at most n; int32 scalar.

    Returns:
      Different indices, int32 `[count]`.
    """
    norms = tf.linalg.diag_part(gram)

    def step(i, found, left, taken):
        free = tf.where(taken, -1.0, tf.linalg.diag_part(left))
        is_spent = tf.reduce_max(free) <= _NOTHING * tf.reduce_max(norms)
        left = tf.where(is_spent, gram, left)
        free = tf.where(is_spent, tf.where(taken, -1.0, norms), free)
        index = tf.argmax(free, output_type=tf.int32)
        column = left[:, index]
        square = column[index]
        # Of columns of zeros any will do.
        left -= tf.where(square > 0.0, tf.math.divide_no_nan(1.0, square), 0.0) * tf.tensordot(
            column, column, axes=0
        )
        taken |= tf.range(tf.size(taken)) == index
        return i + 1, found.write(i, index), left, taken

    found = tf.TensorArray(tf.int32, size=count, element_shape=[])
    loop = (tf.constant(0), found, gram, tf.zeros_like(norms, tf.bool))
    _, found, _, _ = tf.while_loop(lambda i, *_: i < count, step, loop)
    return found.stack()
