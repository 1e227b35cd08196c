"""A residual stream that grows: consumers read the sum of the producers before them."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from growth.methods import gradmax, gradmax_opt, random, split
from growth.site_trial import site_trial
from models import site
from models.layers import activations, growable
from tests import grown_network, networks


class _Stream(tf_keras.Model):
    """first -> + block -> + block -> last, all as wide as the stream, which is one site."""

    def __init__(self, dense, between):
        super().__init__()
        self.first, self.last = dense("first", 4, True), dense("last", 3, False)
        self.wide = [dense(f"wide_{n}", 5, False) for n in range(2)]
        self.back = [dense(f"back_{n}", 4, True) for n in range(2)]
        self.sites = [
            site.GrowthSite("stream", [self.first, *self.back], between, [*self.wide, self.last])
        ]
        self.layers_between = between

    def call(self, inputs, training=False):
        del training
        (between,) = self.layers_between
        x = self.first(inputs)
        for wide, back in zip(self.wide, self.back, strict=True):
            x = x + back(activations.tanh(wide(between(x))))
        return tf.reduce_sum(self.last(between(x)), axis=list(range(1, len(x.shape) - 1)))


def _dense(name, width, produces):
    return growable.Dense(width, **_arguments(name, produces))


def _convolution(name, width, produces):
    return growable.Conv2D(width, 3, **_arguments(name, produces))


def _arguments(name, produces):
    return {
        "use_bias": True,
        "inputs_grow": not produces,
        "outputs_grow": produces,
        "kernel_initializer": tf_keras.initializers.GlorotUniform(seed=sum(name.encode())),
        "name": name,
    }


_STREAMS = {
    "dense": (_dense, activations.identity, [6]),
    "dense, activation": (_dense, activations.relu, [6]),
    "convolutions": (_convolution, activations.relu, [5, 5, 2]),
}
_streams = pytest.mark.parametrize("name", _STREAMS)


def _network(name):
    dense, activation, shape = _STREAMS[name]
    model = _Stream(dense, [activation])
    random_ = np.random.default_rng(0)
    inputs, targets = (random_.normal(size=[16, *s]) for s in (shape, [3]))
    data = (tf.constant(inputs, tf.float32), tf.constant(targets, tf.float32))
    model(data[0])
    return model, data


@_streams
def test_a_is_the_gradient_by_new_incoming_weights(name):
    model, data = _network(name)
    expected = grown_network.linear_map(model, data)
    view = networks.view(model, 0, data)
    close = {"rtol": 1e-4, "atol": 1e-5 * abs(expected).max()}
    assert view.has_matrix
    np.testing.assert_allclose(view.matrix(), expected, **close)
    np.testing.assert_allclose(view.to_outgoing(tf.eye(view.shape[1])), expected, **close)
    np.testing.assert_allclose(
        tf.transpose(view.to_incoming(tf.eye(view.shape[0]))), expected, **close
    )


@_streams
def test_gradmax_reaches_the_optimum(untraced, name):
    model, data = _network(name)
    values = np.linalg.svd(grown_network.linear_map(model, data), compute_uv=False)
    scale = np.linalg.norm(model.sites[0].outgoing(), axis=0).mean()
    grower = networks.grower(model, gradmax.GradMax(), (3,))
    event = grower.grow(0, data)["sites"]["stream"]
    optimum = scale * np.linalg.norm(values[:3])
    np.testing.assert_allclose(event["gradient_norm_new"], optimum, rtol=1e-4)


@pytest.mark.parametrize(
    "method",
    [
        random.Random(),
        random.Random(inverse=True),
        gradmax_opt.GradMaxOpt(inverse=True),
        split.Split(noise=0.0),
    ],
)
def test_other_methods_keep_the_output(untraced, method):
    model, data = _network("dense, activation")
    before = model(data[0]).numpy()
    networks.grower(model, method, (3,)).grow(0, data)
    np.testing.assert_allclose(model(data[0]), before, atol=1e-5 * abs(before).max())


def test_a_stream_passes_the_trial_of_sites():
    model, data = _network("dense, activation")
    site_trial.SiteTrial(model, model.sites, lambda variable: [], True).check(data)


def test_a_consumer_reads_the_producers_before_it():
    # Each of `wide` has 5 neurons; `first` reads 6 inputs, and each of `back` 5.
    model, data = _network("dense")
    matrix = networks.view(model, 0, data).matrix().numpy()
    assert np.all(matrix[:5, 6:] == 0) and np.any(matrix[:5, :6])
    assert np.all(matrix[5:10, 11:] == 0) and np.any(matrix[5:10, 6:11])
    assert np.any(matrix[10:, 11:])
