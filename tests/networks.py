"""Small networks in the middle of training, for tests of growth."""

import numpy as np
import tensorflow as tf
import tf_keras

from growth import grower as grower_lib
from growth.decisions import policies, schedules
from growth.linear_map import site_observer
from models import cost
from models.architectures import mlp
from models.layers import activations
from trainer.optimization import optimizers


def batch(inputs=6, outputs=4, examples=64, seed=0):
    """Random (inputs, targets)."""
    random = np.random.default_rng(seed)
    return (
        tf.constant(random.normal(size=[examples, inputs]), tf.float32),
        tf.constant(random.normal(size=[examples, outputs]), tf.float32),
    )


def network(hidden_widths=(5, 7), outputs=4, inputs=6, use_bias=True, seed=0, **kwargs):
    """An MLP with variables that are not those of an initializer: biases are not zero."""
    model = mlp.MLP(hidden_widths, outputs, use_bias=use_bias, **kwargs)
    model(tf.zeros([1, inputs]))
    return randomize(model, hidden_widths, seed)


def randomize(model, hidden_widths, seed):
    """Gives a model random weights at any widths: what is traced for it stays valid."""
    random = np.random.default_rng(seed)
    dense = cost.growable_layers(model)
    fan_in = dense[0].fan_in
    for layer, width in zip(dense, [*hidden_widths, None], strict=True):
        width = width or layer.width
        layer.kernel.assign(random.normal(size=[fan_in, width]) / np.sqrt(fan_in))
        if layer.bias is not None:
            layer.bias.assign(0.1 * random.normal(size=[width]))
        fan_in = width
    return model


def loss(targets, outputs):
    """Half the squared error, averaged over examples."""
    return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(outputs - targets), axis=1))


class Counts(policies.Policy):
    """At growth i, every site grows by the i-th of `counts`."""

    def __init__(self, *counts):
        self._counts = counts

    def allot(self, growth, sites):
        return [self._counts[growth]] * len(sites)


class Each(policies.Policy):
    """At every growth, site i grows by the i-th of `counts`."""

    def __init__(self, counts):
        self.counts = counts

    def allot(self, growth, sites):
        return list(self.counts)


def grower(
    model,
    method,
    neurons=(3, 3),
    slots=lambda variable: [],
    loss_function=loss,
    policy=None,
    schedule=None,
    **kwargs,
):
    """Grows every site at every step, by `neurons` one after the other unless by `policy`."""
    return grower_lib.Grower(
        model,
        loss_function,
        slots,
        seed=0,
        schedule=schedule or schedules.PeriodicSchedule(0, 1, len(neurons)),
        policy=policy or Counts(*neurons),
        method=method,
        **kwargs,
    )


def view(model, index, data):
    """Site `index` of a model as growth methods see it."""
    observer = site_observer.SiteObserver(
        model.sites, lambda batch: loss(batch[1], model(batch[0], training=True)), model.sites
    )
    return observer.maps(data)[index]


def explicit(linear_map_):
    """A as a matrix `[m, n]`, column by column."""
    return linear_map_.to_outgoing(tf.eye(linear_map_.shape[1])).numpy()


def momentum():
    """The optimizer."""
    return tf_keras.optimizers.legacy.SGD(0.1, momentum=0.9)


def optimizer(model):
    """Momentum, and its growable slots."""
    made = momentum()
    return made, optimizers.GrowableSlots(made, model.trainable_variables)


ACTIVATIONS = [
    activations.relu,
    activations.leaky_relu,
    activations.tanh,
    activations.centered_sigmoid,
    activations.identity,
]
