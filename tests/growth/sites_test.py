"""GradMax's mathematics at every kind of site: the map A, and the optimum of equation 14."""

import numpy as np
import pytest
import tensorflow as tf

from growth.methods import gradmax
from tests import grown_network, networks, site_table

_sites = pytest.mark.parametrize("name", site_table.SITES)
# Tracing a growth takes a second or two: these have every kind of layer and of branch.
_TRACED = [
    "dense, batch norm",
    "average pooling, flatten",
    "global average pooling",
    "dilations and strides",
    "depthwise, stride 2",
    "layer norm",
    "batch norm, max pooling",
    "residual",
    "two consumers",
    "two producers",
    "new convolution, everything between",
    "new dense",
]


@pytest.fixture(autouse=True)
def traced():
    """Functions are traced again after each test."""
    yield
    tf.config.run_functions_eagerly(False)


def test_the_table_knows_the_sites_without_a_matrix():
    assert site_table.WITHOUT_MATRIX < site_table.SITES.keys()


@_sites
def test_a_is_the_gradient_by_new_incoming_weights(name):
    model, data = site_table.SITES[name]()
    expected = grown_network.linear_map(model, data)
    view = networks.view(model, 0, data)
    rows, columns = view.shape
    close = {"rtol": 1e-4, "atol": 1e-5 * abs(expected).max()}
    np.testing.assert_allclose(view.to_outgoing(tf.eye(columns)), expected, **close)
    np.testing.assert_allclose(tf.transpose(view.to_incoming(tf.eye(rows))), expected, **close)
    assert view.has_matrix == (name not in site_table.WITHOUT_MATRIX)
    if name not in site_table.WITHOUT_MATRIX:
        np.testing.assert_allclose(view.matrix(), expected, **close)


@_sites
def test_gradmax_reaches_the_optimum_of_equation_14(name):
    model, data = site_table.SITES[name]()
    (site,) = model.sites
    width = site.width
    # The norm of the new outgoing weights; at a site without neurons it is 1.
    scale = np.linalg.norm(site.outgoing(), axis=0).mean() if width else 1.0
    values = np.linalg.svd(grown_network.linear_map(model, data), compute_uv=False)
    counts = (1, 3, len(values) + 2)
    tf.config.run_functions_eagerly(name not in _TRACED)
    grower = networks.grower(model, gradmax.GradMax(), counts)
    for step, count in enumerate(counts):
        with grown_network.kept(model.variables):
            event = grower.grow(step, data)["sites"]["site"]
            incoming, outgoing = grown_network.gradients_of_new(model, data, width)
        optimum = scale * np.linalg.norm(values[:count])
        assert np.linalg.norm(incoming) >= 0.999 * optimum
        # Orthogonal directions cannot exceed it; those beyond the fan-out are not orthogonal.
        assert np.linalg.norm(incoming) <= 1.001 * optimum or count > len(outgoing)
        np.testing.assert_allclose(outgoing, 0.0, atol=1e-5 * optimum)
        np.testing.assert_allclose(event["gradient_norm_new"], np.linalg.norm(incoming), rtol=1e-4)
        expected = values[:count]
        np.testing.assert_allclose(
            event["singular_values"][: len(expected)], expected, rtol=1e-3, atol=2e-3 * values[0]
        )
