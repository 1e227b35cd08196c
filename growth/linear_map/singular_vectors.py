"""The top singular vectors of a site's map A."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.linear_map import vector_norms, whitened_map

# Up to this many rows or columns the eigenvalue problem is solved exactly, and products with as
# many neurons are worth it.
_SMALL = 256
# Block Krylov: vectors in a block beyond the k wanted, number of blocks, and the share of random
# directions in each (see _block_krylov).
_OVERSAMPLING = 8
_BLOCKS = 12
_TRACE = 1e-5
# Singular values below this fraction of the largest count as zero: the Gram matrices below square
# them, and float32 has 7 digits, so that their vectors would be rounding errors.
RANK_TOLERANCE = 1e-3


class SingularVectors(NamedTuple):
    """The top k left singular vectors of A, with right ones and singular values.

    Attributes:
      left: u, columns of norm 1, `[m, k]`, largest singular value first. The first m are orthogonal
        to each other. Beyond the rank of A, which counts singular values of at least 1e-3 of the
        largest, they are random.
      right: A^T u, `[n, k]`, not normalized.
      values: singular values `[k]`, 0 beyond the rank; NaN if A is not finite.
    """

    left: tf.Tensor
    right: tf.Tensor
    values: tf.Tensor


def top(
    linear_map: linear_map_lib.LinearMap | whitened_map.WhitenedMap,
    count: tf.Tensor,
    seed: tf.Tensor,
) -> SingularVectors:
    """The `count` largest singular values of A with their singular vectors.

    A map that can be built in one pass is built and decomposed. Of others, small ones are built by
    products with the identity; for large ones, randomized block Krylov iteration (Musco
    and Musco 2015, after Halko, Martinsson and Tropp 2011) finds them from products with a few
    columns.

    Args:
      linear_map: A, `[m, n]`.
      count: k; may exceed m, n and the rank.
      seed: int32 `[2]`, of the random start of the iteration and of directions beyond the rank.

    Returns:
      The singular vectors; k of them, whatever the rank.
    """
    if linear_map.has_matrix:
        return of_matrix(linear_map.matrix(), count, seed)
    fan_out, fan_in = linear_map.shape
    smaller = tf.minimum(fan_out, fan_in)

    def build():
        return tf.cond(
            fan_out <= fan_in,
            lambda: tf.transpose(linear_map.to_incoming(tf.eye(fan_out))),
            lambda: linear_map.to_outgoing(tf.eye(fan_in)),
        )

    return tf.cond(
        (smaller <= _SMALL) | (_krylov_size(count) > smaller),
        lambda: SingularVectors(*_of_matrix(build(), count, seed)),
        lambda: _by_products(
            linear_map.to_outgoing, linear_map.to_incoming, (fan_out, fan_in), count, seed
        ),
    )


def of_matrix(matrix: tf.Tensor, count: tf.Tensor, seed: tf.Tensor) -> SingularVectors:
    """`top` of a map that has been built, `[m, n]`."""
    return SingularVectors(*_of_matrix(matrix, count, seed))


@tf.function(
    input_signature=[
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([2], tf.int32),
    ],
    autograph=False,
)
def _of_matrix(matrix, count, seed):
    """The singular vectors of a matrix; traced once for all sites."""
    fan_out, fan_in = tf.unstack(tf.shape(matrix))
    smaller = tf.minimum(fan_out, fan_in)

    def exactly():
        left, values = tf.cond(
            fan_out <= fan_in,
            lambda: _from_rows(matrix, count),
            lambda: _from_columns(matrix, count),
        )
        return _complete(
            left, values, lambda x: tf.matmul(matrix, x, transpose_a=True), count, seed
        )

    return tf.cond(
        (smaller <= _SMALL) | (_krylov_size(count) > smaller),
        exactly,
        lambda: _by_products(
            lambda x: tf.matmul(matrix, x),
            lambda x: tf.matmul(matrix, x, transpose_a=True),
            (fan_out, fan_in),
            count,
            seed,
        ),
    )


def _by_products(multiply, multiply_transposed, shape, count, seed):
    """The singular vectors of a map that is known by its products, or large."""
    seeds = tf.random.split(seed)
    left, values = _block_krylov(multiply, multiply_transposed, shape, count, seeds[0])
    return _complete(left, values, multiply_transposed, count, seeds[1])


def _complete(
    left: tf.Tensor,
    values: tf.Tensor,
    multiply_transposed: Callable[[tf.Tensor], tf.Tensor],
    count: tf.Tensor,
    seed: tf.Tensor,
) -> SingularVectors:
    """Fills up to k columns, and takes random directions where singular values vanish.

    Random ones are orthogonal to those that are kept and to each other, as far as there is room.
    """
    found = (values > RANK_TOLERANCE * values[0]) & (values > 0.0)
    padding = count - tf.size(values)
    found |= tf.math.is_nan(values)  # Not to be taken for a lack of rank.
    values = tf.pad(tf.where(found, values, 0.0), [[0, padding]])
    left = tf.pad(left, [[0, 0], [0, padding]])
    found = tf.pad(found, [[0, padding]])
    random = vector_norms.unit_columns(tf.random.stateless_normal(tf.shape(left), seed))
    left = tf.cond(
        tf.reduce_all(found), lambda: left, lambda: _orthogonal(tf.where(found, left, random))
    )
    return SingularVectors(left, multiply_transposed(left), values)


def _orthogonal(columns):
    """The first columns made orthogonal, each to those before it, as many as there is room for."""
    room = tf.minimum(tf.shape(columns)[0], tf.shape(columns)[1])
    basis, triangle = tf.linalg.qr(columns[:, :room])
    # QR leaves signs open; with those of the columns, what was orthogonal stays as it is.
    basis *= tf.where(tf.linalg.diag_part(triangle) < 0, -1.0, 1.0)
    return tf.concat([basis, columns[:, room:]], axis=1)


def _krylov_size(count):
    """The number of products that the iteration takes."""
    return (count + _OVERSAMPLING) * _BLOCKS


def _from_rows(matrix, count):
    """Eigenvectors of A A^T; for m <= n."""
    return _largest(tf.transpose(matrix), count)


def _from_columns(matrix, count):
    """A times the eigenvectors of A^T A; for m > n."""
    right, values = _largest(matrix, count)
    return tf.math.divide_no_nan(tf.matmul(matrix, right), values), values


def _block_krylov(multiply, multiply_transposed, shape, count, seed):
    """The best approximations within span{G, (A A^T) G, (A A^T)^2 G, ...} for a random G."""
    fan_out, fan_in = shape
    size = count + _OVERSAMPLING
    seeds = tf.random.split(seed, _BLOCKS)

    def extend(i, basis, image):
        """One more block: orthonormal columns of the basis, and A^T times them."""
        # Where A has less rank than the basis has columns, nothing but rounding errors would be
        # left of the block: a trace of random directions keeps it of full rank.
        last = image[:, -size:]
        previous = multiply(last / vector_norms.power_of_two(last))
        noise = tf.random.stateless_normal([fan_out, size], seeds[i])
        block = vector_norms.unit_columns(previous) + _TRACE * vector_norms.unit_columns(noise)
        # Twice, because one projection leaves rounding errors that grow from block to block.
        for _ in range(2):
            block -= tf.matmul(basis, tf.matmul(basis, block, transpose_a=True))
            block, _ = tf.linalg.qr(block)
        image = tf.concat([image, multiply_transposed(block)], axis=1)
        return i + 1, tf.concat([basis, block], axis=1), image

    _, basis, image = tf.while_loop(
        lambda i, basis, image: i < _BLOCKS,
        extend,
        # Before the first block there is only a zero image, so that the first is all noise.
        (0, tf.zeros([fan_out, 0]), tf.zeros([fan_in, size])),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([None, None]),
            tf.TensorShape([None, None]),
        ),
    )
    vectors, values = _largest(image[:, size:], count)
    return tf.matmul(basis, vectors), values


def _largest(matrix, count):
    """The right singular vectors of the largest singular values of a matrix, largest first."""
    power = vector_norms.power_of_two(matrix)
    gram = tf.matmul(matrix / power, matrix / power, transpose_a=True)
    is_finite = tf.reduce_all(tf.math.is_finite(gram))
    # Of a matrix that is not finite eigh makes an error, which would end the whole growth.
    eigenvalues, eigenvectors = tf.linalg.eigh(tf.where(is_finite, gram, 0.0))
    count = tf.minimum(count, tf.size(eigenvalues))
    values = power * tf.sqrt(tf.maximum(eigenvalues[::-1][:count], 0.0))
    return eigenvectors[:, ::-1][:, :count], tf.where(is_finite, values, np.nan)
