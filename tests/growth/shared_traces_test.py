"""Sites that are alike share a trace, and get the neurons that a trace of their own gives."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from growth import growth_step, shared_traces
from growth.linear_map import site_observer
from growth.methods import firefly, gradmax, split, tiny
from models import chain
from models.layers import activations, channel_wise, growable, normalization
from tests import architectures, networks


def _neurons(model, batch, method, share, before=lambda model: None):
    """The new neurons of each site, and the number of traces."""
    observer = site_observer.SiteObserver(
        model.sites, site_observer.loss_of(model, networks.loss), set(model.sites)
    )
    traces = []

    def start(view, count, seed):
        traces.append(view.site.name)
        return growth_step._start(method, view, count, seed)

    @functools.partial(tf.function, autograph=False)
    def grow(batch, counts, seeds):
        call = shared_traces.SharedTraces(start) if share else start
        before(model)
        views = observer.maps(batch)
        return [
            call(view, count, seed)
            for view, count, seed in zip(
                views, tf.unstack(counts, len(views)), tf.unstack(seeds, len(views)), strict=True
            )
        ]

    count = len(model.sites)
    seeds = tf.random.stateless_uniform([count, 2], [0, 1], 0, 1000, tf.int32)
    return grow(batch, tf.range(1, count + 1), seeds), len(traces)


def _mlp(**kwargs):
    # The first site reads inputs, the last writes outputs; those between are alike.
    return networks.network((4, 5, 6, 7), **kwargs), networks.batch()


def _wide_resnet():
    # The first block of the second and of the third group is unlike the others.
    model = architectures.tiny_wrn(depth=16, normalization=normalization.BatchNormalization)
    images = architectures.images(8)
    model(images)
    return model, (images, tf.random.stateless_normal([8, 10], [0, 2]))


def _assert_same(got, expected):
    for new, other in zip(got, expected, strict=True):
        for x, y in zip(tf.nest.flatten(new), tf.nest.flatten(other), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "method", "kinds"),
    [
        (_mlp, gradmax.GradMax(epsilon=1e-3), 3),
        (_mlp, firefly.Firefly(), 3),
        (_mlp, split.Split(), 3),
        (_mlp, tiny.Tiny(), 3),
        (_wide_resnet, gradmax.GradMax(), 5),
    ],
    ids=["GradMax", "Firefly", "Split", "Tiny", "WideResNet"],
)
def test_shared_traces_give_the_neurons_of_own_ones(make, method, kinds):
    model, batch = make()
    expected, own = _neurons(model, batch, method, share=False)
    got, shared = _neurons(model, batch, method, share=True)
    assert own == len(model.sites) > kinds
    assert shared == kinds
    _assert_same(got, expected)


class _Twice(growable.Dense):
    """Computes something else than its base class, and does not say so."""

    def _linear(self, inputs, kernel):
        return 2.0 * super()._linear(inputs, kernel)


class _Scaled(channel_wise.ChannelWise):
    """What is not in its `parameters` differs from layer to layer."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def transform(self, channels, values, old):
        del values, old
        return self.factor * channels


def _chain(dense=growable.Dense, between=lambda i: channel_wise.Activation(activations.relu)):
    """Four sites; the two in the middle are alike but for what is given."""
    parts = []
    for i in range(5):
        parts.append(
            (dense if i == 1 else growable.Dense)(
                *(5 + i,),
                use_bias=True,
                inputs_grow=i > 0,
                outputs_grow=i < 4,
                kernel_initializer=tf_keras.initializers.GlorotUniform(i),
                name=f"dense_{i}",
            )
        )
        parts += [between(i)] if i < 4 else []
    model = chain.Chain(parts, [None] * 4)
    inputs, targets = networks.batch(outputs=9)
    model(inputs)
    return model, (inputs, targets)


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({}, 3),
        ({"dense": _Twice}, 4),
        ({"between": lambda i: _Scaled(i + 1.0)}, 4),
        ({"between": lambda i: channel_wise.Activation(tf.tanh if i == 1 else tf.nn.relu)}, 4),
    ],
    ids=["alike", "a subclass", "an unknown layer", "another activation"],
)
def test_sites_that_may_differ_have_traces_of_their_own(options, kinds):
    model, batch = _chain(**options)
    expected, _ = _neurons(model, batch, gradmax.GradMax(), share=False)
    got, traces = _neurons(model, batch, gradmax.GradMax(), share=True)
    assert traces == kinds
    _assert_same(got, expected)


@dataclasses.dataclass
class _Slope:
    """An activation that has no hash, as a data class has none."""

    slope: float

    def __call__(self, x):
        return self.slope * activations.relu(x)


def test_an_activation_need_not_be_hashable():
    one = _Slope(0.5)
    for make, kinds in ((lambda i: one, 3), (lambda i: _Slope(1.0 + i), 4)):
        model, batch = _chain(between=lambda i, make=make: channel_wise.Activation(make(i)))
        expected, _ = _neurons(model, batch, gradmax.GradMax(), share=False)
        got, traces = _neurons(model, batch, gradmax.GradMax(), share=True)
        assert traces == kinds
        _assert_same(got, expected)


def test_a_function_that_captures_more_is_not_shared():
    model, batch = _chain()

    class PerCall(gradmax.GradMax):
        """Reads a tensor of the graph that calls it."""

        def __call__(self, linear_map, count, seed):
            new = super().__call__(linear_map, count, seed)
            return new._replace(shift=new.shift + self.outside)

    method = PerCall()

    def outside(model):
        method.outside = tf.reduce_sum(model.trainable_variables[0])

    _, traces = _neurons(model, batch, method, share=True, before=outside)
    assert traces == 3 + 4  # Of each kind one that is not used.
