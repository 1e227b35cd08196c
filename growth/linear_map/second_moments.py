"""Second moments of what layers read: the matrices S of least squares, and powers of them."""

import tensorflow as tf

from models.layers import growable

# Eigenvalues below this fraction of the largest count as zero: float32 has 7 digits.
TOLERANCE = 1e-5


def power(matrix: tf.Tensor, exponent: float, tolerance: float = TOLERANCE) -> tf.Tensor:
    """`matrix` to the power of `exponent`; directions in which it vanishes are left out.

    Args:
      matrix: S, symmetric and without negative eigenvalues, float32 `[n, n]`.
      exponent: -1 for the pseudo-inverse, -0.5 for its root.
      tolerance: eigenvalues below this fraction of the largest count as zero.

    Returns:
      float32 `[n, n]`; NaN where `matrix` is not finite.
    """
    is_finite = tf.reduce_all(tf.math.is_finite(matrix))
    # Of a matrix that is not finite eigh makes an error, which would end the whole growth.
    finite = tf.cast(tf.where(is_finite, matrix, 0.0), tf.float64)
    eigenvalues, vectors = tf.linalg.eigh(finite)
    kept = (eigenvalues > tolerance * tf.reduce_max(eigenvalues)) & (eigenvalues > 0.0)
    powers = tf.where(kept, tf.where(kept, eigenvalues, 1.0) ** exponent, 0.0)
    result = tf.cast(tf.matmul(vectors * powers, vectors, transpose_b=True), tf.float32)
    return tf.where(is_finite, result, float("nan"))


def products(array: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """The sum over all axes but the last of products, `[..., n]` and `[..., m]` to `[n, m]`."""
    array, other = (tf.reshape(x, [-1, tf.shape(x)[-1]]) for x in (array, other))
    return tf.matmul(array, other, transpose_a=True)


def patches(layer: growable.GrowableLayer, inputs: tf.Tensor) -> tf.Tensor:
    """The numbers that each output of `layer` is a weighted sum of, by its own operation.

    Strides, padding and dilation are those of the layer, as it is applied with the identity as its
    kernel.

    Args:
      layer: of the network.
      inputs: `[batch, ..., channels]`.

    Returns:
      `[batch, ..., p]`, p weights of a neuron in the order of the kernel, and then 1 if the layer
      has a bias.
    """
    shape = tf.shape(layer.kernel)[:-1]
    size = tf.reduce_prod(shape)
    identity = tf.reshape(tf.eye(size), tf.concat([shape, [size]], axis=0))
    read = layer.linear(inputs, identity)
    if layer.bias is None:
        return read
    ones = tf.ones(tf.concat([tf.shape(read)[:-1], [1]], axis=0))
    return tf.concat([read, ones], axis=-1)


def fitted(layer: growable.GrowableLayer, inputs: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """The outputs of `layer` with other weights.

    Args:
      layer: of the network.
      inputs: `[batch, ..., channels]`.
      weights: `[p, outputs]`, in the order of `patches`.

    Returns:
      `[batch, ..., outputs]`.
    """
    shape = tf.concat([tf.shape(layer.kernel)[:-1], tf.shape(weights)[1:]], axis=0)
    size = tf.reduce_prod(shape[:-1])
    outputs = layer.linear(inputs, tf.reshape(weights[:size], shape))
    return outputs if layer.bias is None else outputs + weights[size]
