"""Exactness of a growth by GradMax, on random networks, data and widths.

Two figures, the worst of all networks: the relative change of the outputs, and the relative
difference between the squared gradient norm of the new incoming weights, by differentiating the
grown network, and c^2 times the sum of the k largest squared singular values of A, by NumPy's SVD
in float64 (equation 14 of the paper).

./bazelw run //benchmarks:exactness
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from absl import app, flags, logging

from growth import grower
from growth.decisions import policies, schedules
from growth.methods import gradmax
from models.architectures import mlp
from models.layers import activations

_NETWORKS = flags.DEFINE_integer("networks", 20, "Random networks of each size.")
_NEURONS = flags.DEFINE_integer("neurons", 4, "k, the new neurons.")

# Smallest and largest hidden width: built maps, then maps that are known by their products alone.
_WIDTHS = [(5, 100), (600, 1200)]
_INPUTS, _OUTPUTS, _EXAMPLES = 30, 10, 512


def _loss(targets, outputs):
    return tf.reduce_mean(tf.square(outputs - targets))


def _network(random, low, high):
    """An MLP of three random hidden widths, with random inputs and targets."""
    widths = tuple(int(width) for width in random.integers(low, high, size=3))
    model = mlp.MLP(widths, _OUTPUTS, seed=int(random.integers(1000)))
    inputs = tf.constant(random.normal(size=[_EXAMPLES, _INPUTS]), tf.float32)
    targets = tf.constant(random.normal(size=[_EXAMPLES, _OUTPUTS]), tf.float32)
    model(inputs)
    return model, inputs, targets


def _optima(model, inputs, targets):
    """c^2 times the sum of the k largest squared singular values of A, for each site."""
    layers = [site.producers[0] for site in model.sites] + [model.sites[-1].consumers[0]]
    hidden, outputs = [inputs], []
    with tf.GradientTape() as tape:
        for layer in layers:
            outputs.append(layer(hidden[-1]))
            # The model's own ReLU: a narrow layer can put out nothing but zeros for an example.
            hidden.append(activations.relu(outputs[-1]))
        loss = _loss(targets, outputs[-1])
    gradients = tape.gradient(loss, outputs)
    for i, site in enumerate(model.sites):
        matrix = gradients[i + 1].numpy().astype(float).T @ hidden[i].numpy().astype(float)
        values = np.linalg.svd(matrix, compute_uv=False)[: _NEURONS.value]
        scale = np.linalg.norm(site.outgoing().numpy(), axis=0).mean()
        yield scale**2 * np.sum(values**2)


def _errors(random, low, high):
    """Relative errors of one network: of the outputs, and of the gradient norms of its sites."""
    model, inputs, targets = _network(random, low, high)
    before, optima = model(inputs).numpy(), list(_optima(model, inputs, targets))
    old = [(site.producers[0].fan_in, site.width) for site in model.sites]
    grower.Grower(
        model,
        _loss,
        lambda variable: [],
        seed=0,
        schedule=schedules.PeriodicSchedule(0, 1, 1),
        policy=policies.AllAtOnce(neurons=_NEURONS.value),
        method=gradmax.GradMax(),
    ).grow(0, (inputs, targets))
    with tf.GradientTape() as tape:
        outputs = model(inputs)
        loss = _loss(targets, outputs)
    gradients = tape.gradient(loss, [site.producers[0].kernel for site in model.sites])
    reached = [
        tf.reduce_sum(gradient[:fan_in, width:] ** 2).numpy()
        for gradient, (fan_in, width) in zip(gradients, old, strict=True)
    ]
    change = np.abs(outputs - before).max() / np.abs(before).max()
    return change, np.max(np.abs(np.array(reached) / np.array(optima) - 1))


def main(argv):
    """Prints one line for each size."""
    del argv
    logging.set_verbosity(logging.ERROR)
    random = np.random.default_rng(0)
    for low, high in _WIDTHS:
        errors = np.array([_errors(random, low, high) for _ in range(_NETWORKS.value)])
        change, difference = errors.max(axis=0)
        print(
            f"{_NETWORKS.value} networks of widths {low} to {high}: outputs change by {change:.1e},"
            f" squared gradient norms differ from the optimum by {difference:.1e}",
            flush=True,
        )


if __name__ == "__main__":
    app.run(main)
