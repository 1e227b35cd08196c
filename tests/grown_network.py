"""Claims of a growth, checked by growing the network and differentiating it."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from growth.surgery import surgery
from growth.surgery.neurons import NewNeurons
from tests import networks


@contextlib.contextmanager
def kept(variables: Sequence[tf.Variable]) -> Iterator[None]:
    """Gives variables their values, and so their sizes, back after the block."""
    values = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def gradients_of_new(
    model: tf_keras.Model, data: tuple[tf.Tensor, tf.Tensor], old_width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of the training loss by the weights of the neurons after the first `old_width`.

    Args:
      model: has one site, which has grown.
      data: (inputs, targets).
      old_width: neurons before it grew.

    Returns:
      By incoming weights `[n, k]` and by outgoing weights `[m, k]`, float64.
    """
    (site,) = model.sites
    kernels = [
        *((producer.kernel, producer.output_axis) for producer in site.producers),
        *((consumer.kernel, consumer.input_axis) for consumer in site.consumers),
    ]
    with kept(model.non_trainable_variables), tf.GradientTape() as tape:
        loss = networks.loss(data[1], model(data[0], training=True))
    gradients = tape.gradient(loss, [kernel for kernel, _ in kernels])
    columns = []
    for gradient, (_, axis) in zip(gradients, kernels, strict=True):
        last = np.moveaxis(gradient.numpy().astype(float), axis, -1)
        columns.append(last.reshape(-1, last.shape[-1])[:, old_width:])
    producers = len(site.producers)
    return np.concatenate(columns[:producers]), np.concatenate(columns[producers:])


def linear_map(model: tf_keras.Model, data: tuple[tf.Tensor, tf.Tensor]) -> np.ndarray:
    """A, `[m, n]`, float64; the model has one site, and is as before afterwards.

    Row i is the gradient by the incoming weights of a new neuron with the i-th unit vector as its
    outgoing weights. Zero incoming weights keep all of them from disturbing each other.
    """
    (site,) = model.sites
    rows, columns = len(site.outgoing()), len(site.incoming())
    old_width = site.width
    with kept(model.variables):
        neurons = NewNeurons(tf.zeros([columns, rows]), tf.eye(rows))
        surgery.assign(surgery.grown([site], [neurons]).values())
        return gradients_of_new(model, data, old_width)[0].T
