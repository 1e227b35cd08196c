"""Every site of the architectures grows, and what they compute stays."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from growth import grower as grower_lib
from growth.decisions import policies, schedules
from growth.methods import gradmax, random
from models import cost
from models.architectures import mobilenet, wide_resnet
from models.layers import normalization
from models.layers import pooling as pooling_lib
from tests import architectures, networks

_NORMALIZATIONS = (None, normalization.BatchNormalization, normalization.LayerNormalization)
_flat_vgg = functools.partial(
    architectures.tiny_vgg, pooling=pooling_lib.MaxPooling2D, flatten=True, use_bias=True
)


@pytest.fixture
def eagerly():
    """Growth without a trace, which takes long for many sites and is made only once."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def _batch(size):
    return architectures.images(size), tf.random.stateless_normal([8, 10], [0, 2])


def _grower(model, method):
    return grower_lib.Grower(
        *(model, networks.loss, lambda variable: [], 0),
        schedule=schedules.PeriodicSchedule(0, 1, 3),
        policy=policies.AllAtOnce(target_fraction=0.25),
        method=method,
    )


def _assert_close(new, old):
    largest = float(tf.reduce_max(abs(old)))
    assert largest > 1e-6
    np.testing.assert_allclose(new, old, rtol=1e-5, atol=1e-5 * largest)


@pytest.mark.parametrize(
    ("make", "size", "between"),
    [
        *((architectures.tiny_wrn, 8, n) for n in _NORMALIZATIONS),
        *((architectures.tiny_vgg, 16, n) for n in _NORMALIZATIONS),
        *((architectures.tiny_mobilenet, 16, n) for n in _NORMALIZATIONS),
        (_flat_vgg, 32, None),
    ],
)
def test_every_site_grows_and_the_output_stays(make, size, between, eagerly):
    model, batch = make(normalization=between), _batch(size)
    for method in (random.Random(inverse=True), gradmax.GradMax()):
        # In training first: it moves the averages that evaluation uses.
        in_training, in_evaluation = model(batch[0], training=True), model(batch[0])
        widths = architectures.widths(model)
        event = networks.grower(model, method, neurons=(2,)).grow(0, batch)
        assert architectures.widths(model) == [width + 2 for width in widths]
        _assert_close(model(batch[0]), in_evaluation)
        _assert_close(model(batch[0], training=True), in_training)
        for site in event["sites"].values():
            assert site["gradient_norm_new"] > 0 and site["gradient_norm_old"] > 0


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (architectures.wrn_10_1, 8),
        (functools.partial(wide_resnet.WideResNet, 10, 10, width=2), 8),
        (architectures.vgg_11, 16),
        (functools.partial(mobilenet.MobileNet, 10), 16),
    ],
)
def test_three_growths_lead_from_a_quarter_to_the_network_of_full_width(make, size, eagerly):
    make = functools.partial(make, normalization=normalization.BatchNormalization)
    full, model = (architectures.built(make(width_multiplier=m), size) for m in (1, 0.25))
    grower = _grower(model, random.Random(inverse=True))
    for step in range(3):
        grower.grow(step, _batch(size))
    assert (
        architectures.widths(model)
        == architectures.widths(full)
        == [site.target_width for site in full.sites]
    )
    assert cost.parameters(model) == cost.parameters(full)
    assert cost.forward_flops(model) == cost.forward_flops(full)
    for grown, built in zip(model.variables, full.variables, strict=True):
        assert grown.read_value().shape == built.read_value().shape


def test_growth_of_blocks_is_traced_once():
    model, batch = architectures.tiny_wrn(), _batch(8)
    before = model(batch[0])
    grower = _grower(model, random.Random(inverse=True))
    for step in range(3):
        grower.grow(step, batch)
    assert grower._grow.experimental_get_tracing_count() == 1
    _assert_close(model(batch[0]), before)
