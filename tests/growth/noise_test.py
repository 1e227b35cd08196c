"""Growth at sites with layers that draw: as if they did not, to the bit."""

import numpy as np
import pytest
import tensorflow as tf

from growth.methods import firefly_opt, gradmax, inner_optimization, random
from models.layers import activations, noise
from tests import networks, site_table

_FEW_STEPS = inner_optimization.ProjectedAdam(steps=3)
_METHODS = {
    "gradmax": gradmax.GradMax(),
    "firefly_opt": firefly_opt.FireflyOpt(optimizer=_FEW_STEPS),
    "random": random.Random(inverse=True),
}

pytestmark = pytest.mark.usefixtures("untraced")


def _network(kind, drops):
    """A site with or without what draws; its inputs."""
    is_map = kind == "convolutions"
    shape = [8, 8, 3] if is_map else [6]
    make = site_table._conv if is_map else site_table._dense
    between = [activations.tanh]
    if drops:
        axes = (1, 2) if is_map else ()
        between += [
            noise.Dropout(0.5, name="drop", shared_axes=axes),
            noise.GaussianNoise(0.3, name="noise"),
        ]
    model = site_table.OneSite([make("in", 4)], between, [make("out", 5)])
    inputs = site_table.inputs(shape)
    model(inputs)
    targets = np.random.default_rng(1).normal(size=[len(inputs), 3])
    return model, (inputs, tf.constant(targets, tf.float32))


@pytest.mark.parametrize("kind", ["dense", "convolutions"])
@pytest.mark.parametrize("method", _METHODS)
def test_a_growth_sees_the_network_that_is_evaluated(kind, method):
    grown = []
    for drops in (False, True):
        model, batch = _network(kind, drops)
        before = model(batch[0]).numpy()
        event = networks.grower(model, _METHODS[method], (3,)).grow(0, batch)
        del event["milliseconds"]
        if method != "firefly_opt":
            np.testing.assert_allclose(model(batch[0]), before, rtol=1e-5, atol=1e-6)
        grown.append((event, [weights.numpy() for weights in model.trainable_variables]))
    (event, weights), (event_with_noise, weights_with_noise) = grown
    assert event == event_with_noise
    for value, expected in zip(weights_with_noise, weights, strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("kind", ["dense", "convolutions"])
def test_new_neurons_are_drawn_for_in_training(kind):
    model, batch = _network(kind, drops=True)
    networks.grower(model, _METHODS["random"], (3,)).grow(0, batch)
    (site,) = model.sites
    drop = next(layer for layer in site.between if isinstance(layer, noise.Dropout))
    shape = [*batch[0].shape[:-1], site.width]
    outputs = drop(tf.ones(shape), training=True).numpy()[..., -3:]
    assert set(np.unique(outputs)) == {0.0, 2.0}
