"""The best of many candidates, by gradient or by activation, and none of them twice."""

import numpy as np
import pytest
import tensorflow as tf

from growth.linear_map import column_pivoting
from growth.methods import best_candidates, choices, split
from models.architectures import convnet
from tests import networks

_SEED = tf.constant([3, 4])


def _view():
    return networks.view(networks.network(), 0, networks.batch())


def _convolution():
    model = convnet.ConvNet(hidden_widths=(4,), output_width=3, kernel_size=3)
    images = tf.random.stateless_normal([8, 6, 6, 2], _SEED)
    model(images)
    targets = tf.random.stateless_normal([8, *model(images).shape[1:]], _SEED + 1)
    return networks.view(model, 0, (images, targets))


def _greedy(columns, count):
    """By Gram-Schmidt, on the columns themselves."""
    left, found = np.array(columns, np.float64), []
    for _ in range(count):
        norms = np.linalg.norm(left, axis=0)
        norms[found] = -1
        found.append(int(np.argmax(norms)))
        direction = left[:, found[-1]] / np.linalg.norm(left[:, found[-1]])
        left -= np.outer(direction, direction @ left)
    return found


@pytest.mark.parametrize("count", [1, 3, 6])
def test_pivoting_takes_what_gram_schmidt_takes(count):
    columns = np.random.default_rng(0).normal(size=[8, 20]).astype(np.float32)
    found = column_pivoting.chosen(tf.constant(columns.T @ columns), tf.constant(count))
    assert found.numpy().tolist() == _greedy(columns, count)


def test_once_all_directions_are_used_the_choice_begins_anew():
    columns = np.zeros([2, 6], np.float32)
    columns[0, :3], columns[1, 3:] = [5, 4, 1], [3, 2, 1]
    found = column_pivoting.chosen(tf.constant(columns.T @ columns), tf.constant(6)).numpy()
    assert found[:4].tolist() == [0, 3, 1, 4] and sorted(found) == list(range(6))


def test_of_columns_without_length_any_are_taken_but_none_twice():
    found = column_pivoting.chosen(tf.zeros([4, 4]), tf.constant(4)).numpy()
    assert sorted(found) == [0, 1, 2, 3]


def test_gradients_are_the_largest_without_what_others_have():
    view, count = _view(), 3
    incoming = tf.random.stateless_normal([view.shape[1], 24], _SEED)
    found = choices.LargestGradient()(view, incoming, tf.constant(count)).numpy()
    gradients = view.gradients(incoming, tf.zeros([view.shape[0], 24]))[1].numpy()
    assert found.tolist() == _greedy(gradients, count)


@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_activations_are_farthest_from_those_there_are(kind):
    view, count = _view() if kind == "dense" else _convolution(), 3
    incoming = tf.random.stateless_normal([view.shape[1], 24], _SEED)
    found = choices.FarthestActivations()(view, incoming, tf.constant(count)).numpy()
    observed = view._observed
    values = view.site.values_of_new(24)
    new = view.site.neurons(list(observed.inputs), incoming, values, list(observed.old), False)
    new = np.reshape(new, [-1, 24]).astype(np.float64)
    old = np.reshape(observed.read[0], [-1, view.site.width]).astype(np.float64)
    left = new - old @ np.linalg.lstsq(old, new, rcond=1e-6)[0]
    assert found.tolist() == _greedy(left, count)


@pytest.mark.parametrize("choice", [choices.LargestGradient(), choices.FarthestActivations()])
def test_new_neurons_have_no_outgoing_weights_and_incoming_ones_of_the_mean_norm(choice):
    view = _view()
    method = best_candidates.BestCandidates(candidates=8, choice=choice)
    new = method(view, tf.constant(5), _SEED)
    np.testing.assert_array_equal(new.outgoing, np.zeros([view.shape[0], 5]))
    scale = np.linalg.norm(view.site.incoming(), axis=0).mean()
    norms = np.linalg.norm(new.incoming, axis=0)
    np.testing.assert_allclose(norms, np.full([5], scale), rtol=1e-5)


def test_more_candidates_have_larger_gradients():
    view, count = _view(), tf.constant(4)

    def norm(candidates):
        new = best_candidates.BestCandidates(candidates=candidates)(view, count, _SEED)
        return np.linalg.norm(view.gradients(new.incoming, new.outgoing)[1])

    assert norm(32) > 1.3 * norm(1)


def test_candidates_out_of_range_are_told():
    with pytest.raises(ValueError, match="BestCandidates.candidates = 0 must be at least 1"):
        best_candidates.BestCandidates(candidates=0)


def test_an_uneven_split_keeps_the_output_and_gives_copies_smaller_gradients():
    model, data = networks.network((5,)), networks.batch()
    before = model(data[0]).numpy()
    networks.grower(model, split.Split(noise=0.0, share=0.5), (5,)).grow(0, data)
    np.testing.assert_allclose(model(data[0]), before, rtol=1e-5, atol=1e-5)
    outgoing = model.sites[0].outgoing().numpy()
    np.testing.assert_allclose(
        np.sort(np.linalg.norm(outgoing[:, :5], axis=0)),
        3 * np.sort(np.linalg.norm(outgoing[:, 5:], axis=0)),
        rtol=1e-5,
    )


@pytest.mark.parametrize("share", [0.0, 1.5, float("nan")])
def test_a_share_out_of_range_is_told(share):
    with pytest.raises(ValueError, match=r"Split.share = .* must be above 0"):
        split.Split(share=share)
