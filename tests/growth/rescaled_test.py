"""Outgoing weights are rescaled, whatever method makes the new neurons."""

import numpy as np
import pytest

from growth.methods import gradmax, random, rescaled, split
from tests import networks

_METHODS = [random.Random(inverse=True), gradmax.GradMax(), split.Split(noise=0.0)]


def _weights(model):
    return [site.outgoing().numpy() for site in model.sites]


@pytest.mark.parametrize("method", _METHODS, ids=lambda method: type(method).__name__)
def test_outgoing_weights_are_those_of_the_method_times_the_root_of_the_ratio(method):
    found = []
    for each in (method, rescaled.Rescaled(method)):
        model = networks.network((5, 7))
        networks.grower(model, each, (3,)).grow(0, networks.batch())
        found.append(_weights(model))
        found[-1].append(model.sites[0].incoming().numpy())
    plain, scaled = found
    factors = [np.sqrt(5 / 8), np.sqrt(7 / 10), 1.0]
    for before, after, factor in zip(plain, scaled, factors, strict=True):
        if before.shape[1] == 8 and factor != 1.0:
            # The first site's consumer is the second one's producer, whose new columns are as new.
            before, after = before[:7], after[:7]
        np.testing.assert_allclose(after, factor * before, rtol=1e-5, atol=1e-6)


def test_a_growth_by_nothing_changes_nothing():
    model, data = networks.network((5, 7)), networks.batch()
    before = model(data[0]).numpy()
    networks.grower(model, rescaled.Rescaled(random.Random()), (0,)).grow(0, data)
    np.testing.assert_array_equal(model(data[0]), before)


def test_the_method_is_asked_whether_it_uses_gradients_and_fits():
    assert not rescaled.Rescaled(random.Random()).uses_gradients
    assert rescaled.Rescaled(gradmax.GradMax()).uses_gradients
    with pytest.raises(ValueError, match="Rescaled.method = 3 must be a growth method"):
        rescaled.Rescaled(3)
