"""Properties of the methods that copy or optimize."""

import numpy as np
import pytest
import tensorflow as tf

from growth.linear_map import linear_map
from growth.methods import (
    all_zero,
    firefly,
    firefly_opt,
    gradmax_opt,
    inner_optimization,
    manifolds,
    split,
)
from models.layers import activations
from tests import firefly_splits, networks

_SEED = tf.constant([3, 4])


def _loss(model, data):
    return float(networks.loss(data[1], model(data[0])))


def _new_neurons(method, view, count):
    """The neurons of `method` at a site; traced, as in a run: eager loops are slow."""
    return tf.function(lambda: method(view, tf.constant(count), _SEED))()


def _long(**kwargs):
    return inner_optimization.ProjectedAdam(steps=1000, learning_rate=0.05, **kwargs)


def test_projected_adam_finds_the_leading_eigenvectors():
    matrix = tf.linalg.diag([3.0, 2.0, 1.0, 0.5])
    start = tf.random.stateless_normal([4, 2], _SEED)
    manifold = manifolds.OrthonormalColumns()
    minimize = tf.function(lambda: _long().minimize(lambda x: -matrix @ x, manifold, start))
    found = minimize()
    np.testing.assert_allclose(tf.norm(found[:2]) ** 2, 2.0, rtol=1e-4)


@pytest.mark.parametrize(
    "argument", [{"steps": 0}, {"learning_rate": 0.0}, {"beta_1": 1.0}, {"beta_2": -0.1}]
)
def test_projected_adam_names_what_is_out_of_range(argument):
    with pytest.raises(ValueError, match=rf"ProjectedAdam.{next(iter(argument))} = "):
        inner_optimization.ProjectedAdam(**argument)


def test_gradmax_opt_with_orthogonal_neurons_reaches_the_optimum():
    view = networks.view(networks.network(), 0, networks.batch())
    method = gradmax_opt.GradMaxOpt(orthogonal=True, optimizer=_long())
    new = _new_neurons(method, view, 3)
    reached = tf.norm(view.gradients(new.incoming, new.outgoing)[0])
    values = np.linalg.svd(networks.explicit(view), compute_uv=False)[:3]
    scale = np.linalg.norm(view.site.outgoing(), axis=0).mean()
    np.testing.assert_allclose(reached, scale * np.linalg.norm(values), rtol=1e-3)


def test_gradmax_opt_without_orthogonality_ends_in_one_direction():
    view = networks.view(networks.network(), 0, networks.batch())
    new = _new_neurons(gradmax_opt.GradMaxOpt(optimizer=_long()), view, 3)
    outgoing = new.outgoing / tf.norm(new.outgoing, axis=0)
    cosines = tf.abs(tf.matmul(outgoing, outgoing, transpose_a=True))
    np.testing.assert_allclose(cosines, np.ones([3, 3]), atol=1e-3)


def test_the_inverse_raises_the_gradient_of_the_outgoing_weights():
    view = networks.view(networks.network(), 0, networks.batch())

    def norms(steps):
        optimizer = inner_optimization.ProjectedAdam(steps, learning_rate=0.02)
        method = gradmax_opt.GradMaxOpt(inverse=True, optimizer=optimizer)
        new = _new_neurons(method, view, 2)
        return tf.norm(view.gradients(new.incoming, new.outgoing)[1], axis=0)

    assert np.all(norms(100) > 1.2 * norms(1))


def test_more_orthogonal_neurons_than_there_is_room_for_have_norm_one():
    columns = manifolds.OrthonormalColumns().nearest(tf.random.stateless_normal([3, 5], _SEED))
    np.testing.assert_allclose(tf.norm(columns, axis=0), np.ones(5), rtol=1e-5)
    gram = tf.matmul(columns, columns, transpose_a=True)
    np.testing.assert_allclose(gram[:3, :3], np.eye(3), atol=1e-5)


def test_all_zero_needs_a_bias():
    with pytest.raises(ValueError, match="site 'hidden_1' has no bias"):
        networks.grower(networks.network(use_bias=False), all_zero.AllZero())


@pytest.mark.parametrize("neurons", [1, 5, 12])
def test_a_split_shares_outgoing_weights_and_keeps_the_output(neurons):
    model, data = networks.network((5, 7)), networks.batch()
    before = model(data[0])
    where = model.sites[0]
    old_in, old_out = where.incoming().numpy(), where.outgoing().numpy()
    networks.grower(model, split.Split(noise=0.0), neurons=(neurons,)).grow(0, data)
    np.testing.assert_allclose(model(data[0]), before, rtol=1e-5, atol=1e-6)
    incoming = where.incoming().numpy()
    np.testing.assert_array_equal(incoming[:, :5], old_in)
    # Which old neuron each one is a copy of.
    parents = [int(np.argmin(np.abs(old_in.T - w).sum(axis=1))) for w in incoming.T]
    copies = np.bincount(parents, minlength=5)
    assert copies.max() - copies.min() <= 1 and copies.sum() == 5 + neurons
    # The next site splits too, so that the first rows of its neurons tell the shares.
    outgoing = where.outgoing().numpy()[:7]
    np.testing.assert_allclose(outgoing, (old_out / copies)[:7, parents], rtol=1e-5)


def test_a_split_with_noise_moves_copies_a_little():
    model, data = networks.network((5,)), networks.batch()
    old = model.sites[0].incoming().numpy()
    networks.grower(model, split.Split(noise=0.1), neurons=(5,)).grow(0, data)
    copies = model.sites[0].incoming().numpy()[:, 5:]
    moved = np.abs(copies[:, None, :] - old[:, :, None])
    distances = np.sqrt((moved**2).sum(axis=0)).min(axis=0)
    # Every old neuron has one copy.
    np.testing.assert_allclose(
        np.sort(distances), np.sort(0.1 * np.linalg.norm(old, axis=0)), rtol=1e-4
    )


@pytest.mark.parametrize("inverse", [False, True])
def test_firefly_opt_descends_at_its_norms(inverse):
    def grow(steps):
        model, data = networks.network((5, 7)), networks.batch()
        before = _loss(model, data)
        optimizer = inner_optimization.ProjectedAdam(steps, learning_rate=0.03)
        method = firefly_opt.FireflyOpt(epsilon=0.01, inverse=inverse, optimizer=optimizer)
        sides = [model.sites[0].incoming(), model.sites[0].outgoing()]
        norms = [float(tf.reduce_mean(tf.norm(side, axis=0))) for side in sides]
        norms[1 if inverse else 0] = 0.01
        networks.grower(model, method, neurons=(2,)).grow(0, data)
        new_in = model.sites[0].incoming()[:, 5:]
        new_out = model.sites[0].outgoing()[:7, 5:]
        np.testing.assert_allclose(tf.norm(new_in, axis=0), [norms[0]] * 2, rtol=1e-4)
        np.testing.assert_allclose(tf.norm(new_out, axis=0), [norms[1]] * 2, rtol=1e-4)
        return _loss(model, data) - before

    one, many = grow(1), grow(200)
    assert many < 0 and many < 2 * abs(one) * -1


def test_firefly_opt_needs_an_epsilon():
    with pytest.raises(ValueError, match=r"FireflyOpt.epsilon = 0.0 must be above 0"):
        firefly_opt.FireflyOpt(epsilon=0.0)


def test_firefly_takes_the_candidates_that_lower_the_loss_most():
    def grow(candidates):
        model, data = networks.network((5, 7)), networks.batch()
        before = _loss(model, data)
        method = firefly.Firefly(candidates=candidates)
        networks.grower(model, method, neurons=(2,)).grow(0, data)
        assert [site.width for site in model.sites] == [7, 9]
        return _loss(model, data) - before

    few, many = grow(1), grow(8)
    assert many < few < 0


def test_a_firefly_split_moves_both_halves_and_keeps_the_rest():
    model, data = networks.network((5,)), networks.batch()
    before = model(data[0]).numpy()
    old_in, old_out = model.sites[0].incoming().numpy(), model.sites[0].outgoing().numpy()
    networks.grower(model, firefly_splits.Splits(fraction=0.01), neurons=(2,)).grow(0, data)
    incoming, outgoing = model.sites[0].incoming().numpy(), model.sites[0].outgoing().numpy()
    changed = np.flatnonzero(np.any(incoming[:, :5] != old_in, axis=0))
    assert len(changed) == 2
    # w + eps d and w - eps d, with half of the outgoing weights each.
    halves = np.sort(incoming[:, 5:] + incoming[:, changed][:, ::-1], axis=1)
    others = np.sort(incoming[:, 5:] + incoming[:, changed], axis=1)
    twice = np.sort(2 * old_in[:, changed], axis=1)
    assert np.allclose(halves, twice, atol=1e-5) or np.allclose(others, twice, atol=1e-5)
    np.testing.assert_allclose(outgoing[:, changed], old_out[:, changed] / 2, rtol=1e-6)
    kept = [i for i in range(5) if i not in changed]
    np.testing.assert_array_equal(outgoing[:, kept], old_out[:, kept])
    assert np.abs(model(data[0]) - before).max() < 0.01 * np.abs(before).max()


def test_firefly_splits_of_neighboring_sites_change_the_output_in_second_order():
    def change(fraction):
        model = networks.network((5, 7), activation=activations.tanh)
        data = networks.batch()
        before = model(data[0])
        method = firefly_splits.Splits(
            fraction=fraction, optimizer=inner_optimization.ProjectedAdam(steps=1)
        )
        # All neurons of both sites, so that the choice does not depend on the fraction.
        grower = networks.grower(model, method, policy=networks.Each((5, 7)))
        grower.grow(0, data)
        return float(tf.norm(model(data[0]) - before))

    assert change(0.2) / change(0.1) > 3.5


def test_firefly_grows_one_site_and_leaves_the_other():
    model, data = networks.network((5, 7)), networks.batch()
    grower = networks.grower(model, firefly.Firefly(), policy=networks.Each([3, 0]))
    outgoing = model.sites[1].outgoing().numpy()
    grower.grow(0, data)
    assert grower.widths() == {"hidden_1": 8, "hidden_2": 7}
    np.testing.assert_array_equal(model.sites[1].outgoing(), outgoing)


@pytest.mark.parametrize(("splits", "expected"), [(None, 5), (0, 0), (1, 2), (2, 4), (9, 5)])
def test_firefly_tries_the_splits_that_it_is_told_to(splits, expected):
    view = linear_map.LinearMap(networks.network((5,)).sites[0])
    method = firefly.Firefly(candidates=3, splits=splits)
    parents = {}
    for seed in (0, 1):
        new = method(view, tf.constant(2), tf.constant([seed, 3]))
        found = new.parents.numpy().tolist()
        assert found[:6] == [-1] * 6
        parents[seed] = found[6:]
        assert len(parents[seed]) == expected == len(set(parents[seed]))
        assert new.incoming.shape[1] == new.outgoing.shape[1] == 6 + expected
        assert set(parents[seed]) <= set(range(5))
    assert (parents[0] != parents[1]) == (splits in (1, 2))


def test_firefly_grows_without_any_splits():
    model, data = networks.network((5,)), networks.batch()
    before = _loss(model, data)
    networks.grower(model, firefly.Firefly(splits=0), neurons=(2,)).grow(0, data)
    assert model.sites[0].width == 7
    assert _loss(model, data) < before


@pytest.mark.parametrize("argument", [{"fraction": 0.0}, {"candidates": 0}, {"splits": -1}])
def test_firefly_names_what_is_out_of_range(argument):
    with pytest.raises(ValueError, match=rf"Firefly.{next(iter(argument))} = "):
        firefly.Firefly(**argument)
