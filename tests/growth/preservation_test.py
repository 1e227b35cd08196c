"""A growth preserves old weights, outputs, slots and statistics, at every kind of site."""

import numpy as np
import pytest
import tensorflow as tf

from growth.methods import (
    all_zero,
    best_candidates,
    choices,
    gradmax,
    gradmax_opt,
    inner_optimization,
    pairs,
    random,
    split,
    tiny,
)
from models.architectures import convnet
from tests import grown_network, networks, site_table, trained_site

_FEW_STEPS = inner_optimization.ProjectedAdam(steps=3)
METHODS = {
    "random": random.Random(),
    "random, inverse": random.Random(inverse=True),
    "gradmax": gradmax.GradMax(),
    "gradmax_opt": gradmax_opt.GradMaxOpt(optimizer=_FEW_STEPS),
    "gradmax_opt, inverse": gradmax_opt.GradMaxOpt(inverse=True, optimizer=_FEW_STEPS),
    "all zero": all_zero.AllZero(),
    "split": split.Split(noise=0.0),
    "pairs": pairs.Pairs(candidates=3),
    "best candidates": best_candidates.BestCandidates(candidates=3),
    "farthest candidates": best_candidates.BestCandidates(
        candidates=3, choice=choices.FarthestActivations()
    ),
    "tiny": tiny.Tiny(),
}
# So that the loss falls.
_CHANGE_OUTPUTS = ["tiny"]
# Old neurons share their outgoing weights with their copies.
_CHANGE_OUTGOING = ["split"]
_NEED_NEURONS = ["split"]
_NEURONS = 3

pytestmark = pytest.mark.usefixtures("untraced")


@pytest.fixture(scope="module", params=site_table.SITES)
def site(request):
    return trained_site.TrainedSite.of_kind(request.param)


def _assert_the_loss_falls(grown, loss, targets, outputs_before):
    """Or stays, if there is nothing that the existing neurons could not do."""
    before = float(networks.loss(targets, outputs_before))
    if any(grown.singular_values):
        assert loss < before - 1e-3
    else:
        np.testing.assert_allclose(loss, before, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_growth_leaves_all_there_was_as_it_is(site, method):
    model, data = site.model, site.batch
    width = model.sites[0].width
    if method in _NEED_NEURONS and not width:
        with pytest.raises(ValueError, match="has none yet"):
            networks.grower(model, METHODS[method])
        return
    before = site.outputs()
    changed = [c.kernel.ref() for c in model.sites[0].consumers if method in _CHANGE_OUTGOING]
    variables = site.variables()
    old = [variable.numpy() for variable in variables]
    with grown_network.kept(variables):
        event = networks.grower(model, METHODS[method], (_NEURONS,), site.slots).grow(0, data)
        if method in _CHANGE_OUTPUTS:
            _assert_the_loss_falls(event.sites["site"], event.loss, data[1], before[1])
        else:
            after = site.outputs()
            np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5 * abs(before).max())
        for variable, value in zip(variables, old, strict=True):
            if variable.ref() not in changed:
                np.testing.assert_array_equal(variable.numpy()[trained_site.old_part(value)], value)
        gradients = grown_network.gradients_of_new(model, data, width)
    norm = np.linalg.norm([np.linalg.norm(gradient) for gradient in gradients])
    np.testing.assert_allclose(event.sites["site"].gradient_norm_new, norm, rtol=1e-4)


def test_new_slots_and_parameters_between_start_as_initially(site):
    (where,) = site.model.sites
    # Of other parameters, biases among them, it is 0.
    initial = {"gain": 1.0, "moving_variance": 1.0, "kernel": np.pad([[1.0]], 1)[..., None, None]}
    made = site.all_slots()
    old, width = [slot.variable.numpy() for slot in made], where.width
    with grown_network.kept(site.variables()):
        networks.grower(site.model, METHODS["random"], (_NEURONS,), site.slots).grow(0, site.batch)
        for parameter in where.parameters:
            new = np.split(parameter.variable, [width], axis=parameter.axis)[1]
            kind = parameter.variable.name.split("/")[-1].removesuffix(":0")
            assert new.shape[parameter.axis] == _NEURONS
            np.testing.assert_array_equal(new, np.broadcast_to(initial.get(kind, 0.0), new.shape))
        for slot, value in zip(made, old, strict=True):
            grown = slot.variable.numpy()
            grown[trained_site.old_part(value)] = slot.initial
            np.testing.assert_array_equal(grown, np.full_like(grown, slot.initial))


@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_new_neurons_can_read_those_of_the_site_before(kind, untraced):
    if kind == "dense":
        model, data = networks.network((4, 5)), networks.batch()
    else:
        model = convnet.ConvNet(hidden_widths=(4, 5), output_width=3, kernel_size=3)
        images = tf.random.stateless_normal([8, 6, 6, 2], [0, 1])
        data = images, tf.random.stateless_normal([8, *model(images).shape[1:]], [0, 2])
    before = model(data[0]).numpy()
    old = model.sites[1].producers[0].kernel.numpy()
    method = random.Random(inverse=True)
    grower = networks.grower(model, method, (3,), connect_new=True)
    grower.grow(0, data)
    np.testing.assert_allclose(model(data[0]), before, rtol=1e-5, atol=1e-6)
    kernel = model.sites[1].producers[0].kernel.numpy()
    np.testing.assert_array_equal(kernel[..., :4, :5], old)
    np.testing.assert_array_equal(kernel[..., 4:, :5], 0.0)  # Outgoing weights of the site before.
    connections, others = kernel[..., 4:, 5:], kernel[..., :4, 5:]
    assert np.all(connections != 0.0)
    assert 0.4 < np.std(connections) / np.std(others) < 2.5
    # The first layer reads inputs, of which none are new.
    assert model.sites[0].producers[0].kernel.shape[-2] == data[0].shape[-1]


def test_neurons_without_incoming_weights_are_connected_by_none(untraced):
    model, data = networks.network((4, 5)), networks.batch()
    networks.grower(model, random.Random(), (3,), connect_new=True).grow(0, data)
    np.testing.assert_array_equal(model.sites[1].producers[0].kernel.numpy()[:, 5:], 0.0)
