"""Properties that every growth method keeps; a new method is one more line in METHODS."""

import numpy as np
import pytest
import tensorflow as tf

from growth.methods import (
    all_zero,
    best_candidates,
    choices,
    firefly_opt,
    gradmax,
    gradmax_opt,
    inner_optimization,
    pairs,
    random,
    scales,
    signs,
    tiny,
)
from tests import networks

METHODS = {
    "random": random.Random(),
    "random, inverse": random.Random(inverse=True),
    "gradmax": gradmax.GradMax(),
    "gradmax, fixed": gradmax.GradMax(scale=lambda w: scales.fixed(w, 0.7)),
    "all zero": all_zero.AllZero(),
    "gradmax_opt": gradmax_opt.GradMaxOpt(optimizer=inner_optimization.ProjectedAdam(steps=5)),
    "gradmax_opt, inverse": gradmax_opt.GradMaxOpt(
        inverse=True, optimizer=inner_optimization.ProjectedAdam(steps=5)
    ),
    "pairs": pairs.Pairs(),
    "pairs, chosen": pairs.Pairs(candidates=3),
    "best candidates": best_candidates.BestCandidates(candidates=3),
    "farthest candidates": best_candidates.BestCandidates(
        candidates=3, choice=choices.FarthestActivations()
    ),
    "tiny": tiny.Tiny(),
}
_CHANGE_OUTPUTS = (tiny.Tiny,)
_methods = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())


def _kernels(model):
    return [v.numpy() for v in model.trainable_variables]


@_methods
def test_growth_leaves_outputs_and_old_weights_as_they_are(method):
    model, data = networks.network(), networks.batch()
    before = model(data[0]).numpy()
    grower = networks.grower(model, method, neurons=(1, 3, 20))
    for step in range(3):
        old = _kernels(model)
        grower.grow(step, data)
        if not isinstance(method, _CHANGE_OUTPUTS):
            atol = 1e-6 * abs(before).max()
            np.testing.assert_allclose(model(data[0]), before, rtol=1e-6, atol=atol)
        for grown, kernel in zip(_kernels(model), old, strict=True):
            assert grown.size > kernel.size or kernel.shape == (4,)  # The bias of the output.
            np.testing.assert_array_equal(grown[tuple(slice(n) for n in kernel.shape)], kernel)


@_methods
def test_the_logged_gradient_norm_is_that_of_the_grown_network(method):
    model, data = networks.network(), networks.batch()
    widths = [site.width for site in model.sites]
    event = networks.grower(model, method).grow(0, data)
    # Where new neurons of neighboring sites meet, their weights belong to both.
    old_in = [6, *widths]
    old_out = [*widths, 4]
    with tf.GradientTape() as tape:
        value = networks.loss(data[1], model(data[0]))
    sites = model.sites
    by_kernel = tape.gradient(
        value, [(site.producers[0].kernel, site.consumers[0].kernel) for site in sites]
    )
    for i, (site, (incoming, outgoing)) in enumerate(zip(sites, by_kernel, strict=True)):
        new_in = incoming[:, old_out[i] :]
        new_out = outgoing[old_in[i + 1] :]
        logged = event.sites[site.name]
        np.testing.assert_allclose(
            logged.gradient_norm_new, tf.linalg.global_norm([new_in, new_out]), rtol=1e-4
        )
        np.testing.assert_allclose(
            logged.gradient_norm_old,
            tf.norm(incoming[: old_in[i], : old_out[i]]),
            rtol=1e-4,
        )


@pytest.mark.parametrize("activation", networks.ACTIVATIONS)
def test_gradmax_reaches_the_optimum_of_equation_14(activation):
    model = networks.network(activation=activation)
    grower = networks.grower(model, gradmax.GradMax(), neurons=[3] * 10)
    random = np.random.default_rng(0)
    for seed in range(10):
        networks.randomize(model, random.integers(3, 40, size=2), seed)
        data = networks.batch(seed=seed)
        expected = {}
        for i, site in enumerate(model.sites):
            matrix = networks.explicit(networks.view(model, i, data))
            values = np.linalg.svd(matrix, compute_uv=False)
            scale = np.linalg.norm(site.outgoing(), axis=0).mean()
            expected[site.name] = scale**2 * np.sum(values[:3] ** 2)
        event = grower.grow(seed, data)
        for name, optimum in expected.items():
            reached = event.sites[name].gradient_norm_new ** 2
            np.testing.assert_allclose(reached, optimum, rtol=1e-4)


def test_no_random_directions_have_a_larger_gradient_than_gradmax():
    def norms(method):
        model = networks.network()
        grower = networks.grower(model, method, neurons=[2] * 5)
        for seed in range(5):
            networks.randomize(model, (5, 7), seed)
            event = grower.grow(seed, networks.batch(seed=seed))
            yield from (site.gradient_norm_new for site in event.sites.values())

    assert np.all(np.greater(list(norms(gradmax.GradMax())), list(norms(random.Random()))))


def test_scales():
    weights = tf.constant([[3.0, 0.0], [4.0, 1.0]])
    assert scales.mean_norm(weights) == 3.0
    assert scales.mean_norm(weights, factor=0.5) == 1.5
    assert float(scales.fixed(weights, norm=0.7)) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("method", "zero_side"),
    [
        (random.Random(epsilon=0.01), "incoming"),
        (random.Random(epsilon=0.01, inverse=True), "outgoing"),
        (gradmax.GradMax(epsilon=0.01), "incoming"),
    ],
)
def test_epsilon_is_the_norm_of_the_side_that_is_otherwise_zero(method, zero_side):
    model, data = networks.network(), networks.batch()
    view = networks.view(model, 0, data)
    other = "outgoing" if zero_side == "incoming" else "incoming"
    new = method(view, tf.constant(2), tf.constant([3, 4]))
    mean_norm = np.linalg.norm(getattr(view.site, other)(), axis=0).mean()
    np.testing.assert_allclose(np.linalg.norm(getattr(new, zero_side), axis=0), 0.01, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(getattr(new, other), axis=0), mean_norm, rtol=1e-5)


@pytest.mark.parametrize("method", [random.Random, gradmax.GradMax, gradmax_opt.GradMaxOpt])
def test_epsilon_must_not_be_negative(method):
    with pytest.raises(ValueError, match=rf"{method.__name__}.epsilon = -0.1 must be at least 0"):
        method(epsilon=-0.1)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("make", [random.Random, gradmax_opt.GradMaxOpt])
def test_a_fraction_is_of_the_norm_of_existing_weights(untraced, make, inverse):
    view = networks.view(networks.network(), 0, networks.batch())
    method = make(fraction=0.3, inverse=inverse, scale=lambda w: scales.mean_norm(w, 0.5))
    new = method(view, tf.constant(2), tf.constant([3, 4]))
    sides = [(new.incoming, view.site.incoming()), (new.outgoing, view.site.outgoing())]
    norms = [np.linalg.norm(a, axis=0) / np.linalg.norm(b, axis=0).mean() for a, b in sides]
    expected = [0.5, 0.15] if inverse else [0.15, 0.5]
    np.testing.assert_allclose(norms, [[n] * 2 for n in expected], rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fraction": -0.1}, r"Random.fraction = -0.1 must be at least 0"),
        ({"fraction": 0.3, "epsilon": 0.1}, r"epsilon = 0.1 and .fraction = 0.3 are both"),
    ],
)
def test_a_fraction_that_cannot_be_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        random.Random(**arguments)


def test_neurons_beyond_the_rank_take_random_directions_and_this_is_said(caplog):
    model, data = networks.network((5,), outputs=2), networks.batch(outputs=2)
    event = networks.grower(model, gradmax.GradMax(), neurons=(5,)).grow(0, data)
    values = event.sites["hidden_1"].singular_values
    assert np.count_nonzero(values) == 2 and len(values) == 5
    assert "rank 2, 3 of 5 new neurons start in random directions" in caplog.text
    outgoing = model.sites[0].outgoing().numpy()
    norms = np.linalg.norm(outgoing, axis=0)
    np.testing.assert_allclose(norms[5:], norms[:5].mean(), rtol=1e-5)


def test_the_descending_sign_lowers_the_loss_more_after_a_gradient_step():
    def losses_after_a_step(sign):
        model = networks.network((5,))
        grower = networks.grower(model, gradmax.GradMax(sign=sign), neurons=[1] * 5)
        for seed in range(5):
            networks.randomize(model, (5,), seed)
            data = networks.batch(seed=seed)
            grower.grow(seed, data)
            kernel = model.sites[0].producers[0].kernel
            with tf.GradientTape() as tape:
                value = networks.loss(data[1], model(data[0]))
            new = tf.constant([[0.0] * 5 + [1.0]])
            kernel.assign_sub(1e-3 * new * tape.gradient(value, kernel))
            yield float(networks.loss(data[1], model(data[0])))

    lower, higher = (list(losses_after_a_step(s)) for s in (signs.descending, signs.ascending))
    assert np.all(np.less(lower, higher))


def test_growth_depends_on_the_seed_alone():
    outgoing = []
    for _ in range(2):
        model = networks.network()
        tf.random.normal([7])  # Global random numbers in between change nothing.
        networks.grower(model, random.Random()).grow(0, networks.batch())
        outgoing.append(model.sites[0].outgoing())
    np.testing.assert_array_equal(*outgoing)


def test_new_neurons_point_in_all_directions():
    view = networks.view(networks.network((5,), outputs=30), 0, networks.batch(outputs=30))
    new = random.Random()(view, tf.constant(400), tf.constant([3, 4]))
    directions = new.outgoing / tf.norm(new.outgoing, axis=0)
    cosines = tf.matmul(directions, directions, transpose_a=True)
    assert abs(float(tf.reduce_mean(cosines)) - 1 / 400) < 0.005


@pytest.mark.parametrize(
    "method",
    [
        gradmax.GradMax(),
        random.Random(),
        gradmax_opt.GradMaxOpt(),
        firefly_opt.FireflyOpt(),
        tiny.Tiny(),
    ],
)
@pytest.mark.parametrize("activation", [tf.nn.relu, tf.nn.sigmoid, tf.nn.softplus])
def test_activations_that_would_lose_the_output_or_the_gradient_are_refused(method, activation):
    with pytest.raises(ValueError, match=r"site 'hidden_1'.*f\(0\) = 0 and f'\(0\) != 0"):
        networks.grower(networks.network(activation=activation), method)


def test_zero_outgoing_weights_allow_any_activation():
    model, data = networks.network(activation=tf.nn.softplus), networks.batch()
    before = model(data[0])
    networks.grower(model, random.Random(inverse=True)).grow(0, data)
    np.testing.assert_allclose(model(data[0]), before, rtol=1e-5)
