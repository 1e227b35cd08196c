"""The gradient that growth reaches, over the largest there is, at every kind of site.

The norm of the gradient by the incoming weights of k new neurons, over the optimum: c times the
root of the sum of the k largest squared singular values of A (equation 14 of the paper). A is found
by growing the network and differentiating it, its singular values by NumPy's SVD in float64. For
- GradMax, measured on the grown network;
- the auxiliary layer of the paper's appendix B, see `_auxiliary_directions`, where there is one for
  two convolutions (that of two dense layers is A itself);
- Random, the mean of 20 draws.

./bazelw run //benchmarks:optimality
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import itertools

import numpy as np
import tensorflow as tf
from absl import app, flags, logging

from growth.methods import gradmax
from models.layers import channel_wise, forward_pass, growable
from tests import grown_network, networks, site_table

_NEURONS = flags.DEFINE_integer("neurons", 4, "k, the new neurons.")

# Besides the table of the tests, which has maps of 8 and 7: how much the borders matter.
_MAPS = {
    f"strides {strides}, map of {size}, {'smooth' if smooth else 'white'}": site_table.Convolutions(
        strides=strides, map_size=(size, size), smooth=smooth
    )
    for strides, smooth, size in itertools.product(
        itertools.product([1, 2], repeat=2), [False, True], [32, 16, 4]
    )
}


def _auxiliary_directions(site, inputs, output_gradient, count):
    """Outgoing weights by appendix B of the paper, `[m, count]`, or None if they do not exist.

    A convolution of size k1 + k2 - 1 beside the two of sizes k1 and k2, with the product of their
    strides, has a gradient G. Where both have stride 1, two taps p and q of theirs meet the pixels
    that tap p + q of the auxiliary one meets, up to the borders, so that A[(q, out), (p, in)] is
    taken to be G[p + q, in, out].
    """
    (producer, *more_producers), (consumer, *more_consumers) = site.producers, site.consumers
    convolutions = isinstance(producer, growable.Conv2D) and isinstance(consumer, growable.Conv2D)
    plain = all(isinstance(layer, channel_wise.Activation) for layer in site.between)
    if more_producers or more_consumers or not convolutions or not plain:
        return None
    first, second = producer.windows[0], consumer.windows[0]
    if first.padding != second.padding or (first.dilation, second.dilation) != (1, 1):
        return None
    size = first.size + second.size - 1
    kernel = tf.zeros([size, size, producer.fan_in, consumer.width])
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        z = tf.nn.conv2d(inputs, kernel, first.strides * second.strides, first.padding)
    if z.shape != output_gradient.shape:
        return None
    gradient = tape.gradient(z, kernel, output_gradient).numpy().astype(float)
    # Axes: q, q', in, out, p, p'.
    patches = np.lib.stride_tricks.sliding_window_view(gradient, [first.size] * 2, axis=(0, 1))
    matrix = patches.transpose(0, 1, 3, 4, 5, 2).reshape(second.size**2 * consumer.width, -1)
    return np.linalg.svd(matrix)[0][:, :count]


def _ratios(model, data, count):
    """Gradient norms of GradMax, of the auxiliary layer, and of Random, over the optimum."""
    (site,) = model.sites
    width = site.width
    with forward_pass.observe(site.consumers) as seen, tf.GradientTape() as tape:
        loss = networks.loss(data[1], model(data[0], training=True))
    output_gradient = tape.gradient(loss, seen[site.consumers[0]].outputs)
    matrix = grown_network.linear_map(model, data)
    optimum = np.linalg.norm(np.linalg.svd(matrix, compute_uv=False)[:count])

    def of(directions):
        return np.linalg.norm(matrix.T @ directions) / optimum

    auxiliary = _auxiliary_directions(site, data[0], output_gradient, count)
    draws = np.random.default_rng(0).normal(size=[20, len(matrix), count])
    random = np.mean([of(draw / np.linalg.norm(draw, axis=0)) for draw in draws])
    networks.grower(model, gradmax.GradMax(), [count]).grow(0, data)
    incoming, _ = grown_network.gradients_of_new(model, data, width)
    scale = np.linalg.norm(site.outgoing().numpy()[:, width:], axis=0).mean()
    grown = np.linalg.norm(incoming) / (scale * optimum)
    return grown, None if auxiliary is None else of(auxiliary), random


def main(argv):
    """Prints a line for each site."""
    del argv
    logging.set_verbosity(logging.ERROR)
    # Each site grows once: tracing would take most of the time.
    tf.config.run_functions_eagerly(True)
    print(f"{'site':44} GradMax  auxiliary layer  Random")
    for name, build in {**_MAPS, **site_table.SITES}.items():
        grown, auxiliary, random = _ratios(*build(), _NEURONS.value)
        auxiliary = "-" if auxiliary is None else f"{auxiliary:.3f}"
        print(f"{name:44} {grown:7.4f}  {auxiliary:>15}  {random:6.3f}", flush=True)


if __name__ == "__main__":
    app.run(main)
