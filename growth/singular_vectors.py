"""The top singular vectors of a map that is known by its products alone."""

from typing import NamedTuple

import tensorflow as tf

from growth import linear_map as linear_map_lib

# Up to this many rows or columns, A is built: one pass and a small eigenvalue problem.
_EXPLICIT_SIZE = 256
# Block Krylov: vectors in a block beyond the k wanted, number of blocks, and the share of random
# directions in each (see _block_krylov).
_OVERSAMPLING = 8
_BLOCKS = 12
_TRACE = 1e-5
# Singular values below this fraction of the largest are rounding errors: the Gram matrices below
# square them, and float32 has 7 digits.
_RANK_TOLERANCE = 1e-3


class SingularVectors(NamedTuple):
    """The top k left singular vectors of A, and what belongs to them.

    Attributes:
      left: orthonormal columns `[m, k]`, largest singular value first. Columns past `rank` are
        zero.
      values: singular values `[k]`, 0 past `rank`.
      rank: how many of the k are not zero, a scalar.
    """

    left: tf.Tensor
    values: tf.Tensor
    rank: tf.Tensor


def top(linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor) -> SingularVectors:
    """The `count` largest singular values of A with their left singular vectors.

    Small maps are built and decomposed exactly. For large ones, randomised block Krylov iteration
    (Musco and Musco 2015, after Halko, Martinsson and Tropp 2011) finds them from products with a
    few columns.

    Args:
      linear_map: A, `[m, n]`.
      count: k; may exceed m, n and the rank.
      seed: int32 `[2]`, of the random start of the iteration.

    Returns:
      The singular vectors, padded with zero columns up to k.
    """
    rows, columns = linear_map.shape
    smaller = tf.minimum(rows, columns)
    krylov_size = (count + _OVERSAMPLING) * _BLOCKS
    left, values = tf.cond(
        (smaller <= _EXPLICIT_SIZE) | (krylov_size > smaller),
        lambda: tf.cond(
            rows <= columns,
            lambda: _from_rows(linear_map, count),
            lambda: _from_columns(linear_map, count),
        ),
        lambda: _block_krylov(linear_map, count, seed),
    )
    found = (values > _RANK_TOLERANCE * values[0]) & (values > 0.0)
    padding = count - tf.size(values)
    values = tf.pad(tf.where(found, values, 0.0), [[0, padding]])
    left = tf.pad(tf.where(found, left, 0.0), [[0, 0], [0, padding]])
    return SingularVectors(left, values, tf.math.count_nonzero(values, dtype=tf.int32))


def _from_rows(linear_map, count):
    """Eigenvectors of A A^T, from the rows of A; for m <= n."""
    transposed = linear_map.to_incoming(tf.eye(linear_map.shape[0]))
    return _largest(tf.matmul(transposed, transposed, transpose_a=True), count)


def _from_columns(linear_map, count):
    """A times the eigenvectors of A^T A, from the columns of A; for m > n."""
    matrix = linear_map.to_outgoing(tf.eye(linear_map.shape[1]))
    right, values = _largest(tf.matmul(matrix, matrix, transpose_a=True), count)
    return tf.math.divide_no_nan(tf.matmul(matrix, right), values), values


def _block_krylov(linear_map, count, seed):
    """The best approximations within span{G, (A A^T) G, (A A^T)^2 G, ...} for a random G."""
    rows, columns = linear_map.shape
    size = count + _OVERSAMPLING
    seeds = tf.random.split(seed, _BLOCKS)

    def extend(i, basis, image):
        """One more block: orthonormal columns of the basis, and A^T times them."""
        # Where A has less rank than the basis has columns, nothing but rounding errors would be
        # left of the block: a trace of random directions keeps it of full rank.
        previous = linear_map.to_outgoing(image[:, -size:])
        noise = tf.random.stateless_normal([rows, size], seeds[i])
        block = tf.math.l2_normalize(previous, axis=0) + _TRACE * tf.math.l2_normalize(
            noise, axis=0
        )
        # Twice, because one projection leaves rounding errors that grow from block to block.
        for _ in range(2):
            block -= tf.matmul(basis, tf.matmul(basis, block, transpose_a=True))
            block, _ = tf.linalg.qr(block)
        image = tf.concat([image, linear_map.to_incoming(block)], axis=1)
        return i + 1, tf.concat([basis, block], axis=1), image

    _, basis, image = tf.while_loop(
        lambda i, basis, image: i < _BLOCKS,
        extend,
        # Before the first block there is only a zero image, so that the first is all noise.
        (0, tf.zeros([rows, 0]), tf.zeros([columns, size])),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([None, None]),
            tf.TensorShape([None, None]),
        ),
    )
    image = image[:, size:]
    vectors, values = _largest(tf.matmul(image, image, transpose_a=True), count)
    return tf.matmul(basis, vectors), values


def _largest(gram, count):
    """The eigenvectors of the largest eigenvalues, largest first, and the eigenvalues' roots."""
    eigenvalues, eigenvectors = tf.linalg.eigh(gram)
    count = tf.minimum(count, tf.size(eigenvalues))
    values = tf.sqrt(tf.maximum(eigenvalues[::-1][:count], 0.0))
    return eigenvectors[:, ::-1][:, :count], values
