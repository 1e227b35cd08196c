"""Pairs of new neurons cancel, and odd numbers of them as well."""

import numpy as np
import pytest
import tensorflow as tf

from growth.methods import pairs
from tests import networks

_SEED = tf.constant([3, 4])


def _view():
    return networks.view(networks.network(), 0, networks.batch())


def _norms(columns):
    return np.linalg.norm(columns, axis=0)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_pairs_read_alike_and_are_read_with_opposite_signs(count):
    view = _view()
    new = pairs.Pairs(fraction=0.3)(view, tf.constant(count), _SEED)
    incoming, outgoing = new.incoming.numpy(), new.outgoing.numpy()
    assert incoming.shape[1] == outgoing.shape[1] == count
    even = count - count % 2
    np.testing.assert_array_equal(incoming[:, :even:2], incoming[:, 1:even:2])
    np.testing.assert_array_equal(outgoing[:, :even:2], -outgoing[:, 1:even:2])
    # The odd one out has no outgoing weights.
    np.testing.assert_array_equal(outgoing[:, even:], np.zeros_like(outgoing[:, even:]))
    scale_in = _norms(view.site.incoming()).mean()
    scale_out = 0.3 * _norms(view.site.outgoing()).mean()
    np.testing.assert_allclose(_norms(incoming), np.full([count], scale_in), rtol=1e-5)
    np.testing.assert_allclose(_norms(outgoing[:, :even]), np.full([even], scale_out), rtol=1e-5)
    different = incoming[:, ::2] / scale_in
    assert np.all(different.T @ different - np.eye(len(different.T)) < 0.999)


def test_the_first_step_tells_the_neurons_of_a_pair_apart():
    model, data = networks.network((5,)), networks.batch()
    networks.grower(model, pairs.Pairs(), (4,)).grow(0, data)
    kernel = model.sites[0].producers[0].kernel
    with tf.GradientTape() as tape:
        value = networks.loss(data[1], model(data[0]))
    gradient = tape.gradient(value, kernel)[:, 5:]
    np.testing.assert_allclose(gradient[:, ::2], -gradient[:, 1::2], rtol=1e-4, atol=1e-6)
    assert np.all(_norms(gradient) > 1e-3)


def test_of_many_candidates_the_ones_with_large_gradients_are_chosen():
    view, count = _view(), tf.constant(6)

    def norms(candidates):
        new = pairs.Pairs(candidates=candidates)(view, count, _SEED)
        return _norms(view.gradients(new.incoming, tf.zeros_like(new.outgoing))[1])

    one, many = norms(1), norms(16)
    assert many.min() > np.median(one) and many.mean() > 1.2 * one.mean()


def test_each_neuron_gets_the_best_of_its_own_candidates():
    view = _view()
    method = pairs.Pairs(candidates=4)
    incoming = tf.random.stateless_normal([view.shape[1], 12], _SEED)
    best = method._best(view, incoming, tf.constant(3)).numpy()
    norms = _norms(view.gradients(incoming, tf.zeros([view.shape[0], 12]))[1])
    np.testing.assert_array_equal(best, [4 * i + np.argmax(norms[4 * i :][:4]) for i in range(3)])


def test_only_candidates_need_a_pass_over_the_growth_batch():
    assert not pairs.Pairs().uses_gradients and pairs.Pairs(candidates=2).uses_gradients


@pytest.mark.parametrize(
    "argument", [{"fraction": 0.0}, {"fraction": float("nan")}, {"candidates": 0}], ids=str
)
def test_what_is_out_of_range_is_named(argument):
    with pytest.raises(ValueError, match=rf"Pairs.{next(iter(argument))} = "):
        pairs.Pairs(**argument)
