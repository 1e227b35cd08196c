"""Firefly's scores against the changes of the loss that they foretell."""

import numpy as np
import pytest
import tensorflow as tf

from growth.linear_map import linear_map
from growth.methods import firefly, inner_optimization
from growth.surgery import surgery
from growth.surgery import trial as trial_lib
from models.architectures import convnet
from models.layers import activations, normalization
from tests import grown_network, networks

_COUNT, _CANDIDATES = 3, 2


class _RecordingTrial(trial_lib.Trial):
    """Keeps the last question and its answer: the magnitudes of all candidates, and their scores.

    Attributes:
      neurons: maps the magnitudes `[candidates]` of each site to its new neurons.
      scores: `[candidates]` of each site.
    """

    def gradients(self, neurons, weights):
        """See `Trial.gradients`."""
        self.neurons = neurons
        self.scores = super().gradients(neurons, weights)
        return self.scores


def _mlp(**kwargs):
    return networks.network((5, 7), **kwargs), networks.batch()


def _convnet(**kwargs):
    model = convnet.ConvNet((4, 5), 3, **kwargs)
    images = tf.random.stateless_normal([16, 6, 6, 2], [0, 1])
    model(images)
    return model, (images, tf.random.stateless_normal([16, 3], [2, 3]))


def _tried(model, data, fraction):
    """The trial of all candidates of all sites."""

    def loss(batch):
        return networks.loss(batch[1], model(batch[0], training=True))

    trial = _RecordingTrial(model.sites, loss, data, tf.distribute.get_strategy())
    optimizer = inner_optimization.ProjectedAdam(steps=2)
    method = firefly.Firefly(fraction=fraction, candidates=_CANDIDATES, optimizer=optimizer)
    counts = [tf.constant(_COUNT)] * len(model.sites)
    start = [
        method(linear_map.LinearMap(site), count, tf.constant([3, i]))
        for i, (site, count) in enumerate(zip(model.sites, counts, strict=True))
    ]
    method.refine(trial, start, counts)
    return trial


def _loss_change(model, data, neurons):
    """Of the network that is grown by `neurons`, in float64 from the change of its outputs."""
    targets = data[1].numpy().astype(float)

    def outputs():
        return model(data[0], training=True).numpy().astype(float)

    with grown_network.kept(model.variables):
        before = outputs()
        surgery.assign(surgery.grown(model.sites, neurons).values())
        after = outputs()
    return 0.5 * np.mean(np.sum((after - before) * (after + before - 2 * targets), axis=1))


def _scores_and_changes(model, data, fraction):
    """Of each candidate of all sites, in order; and whether it is a split."""
    trial = _tried(model, data, fraction)
    none = [np.zeros(score.shape, np.float32) for score in trial.scores]
    changes, is_split = [], []
    for i, score in enumerate(trial.scores):
        for j in range(len(score)):
            # The others are there with a magnitude of zero, which changes nothing.
            alone = [magnitudes.copy() for magnitudes in none]
            alone[i][j] = 1.0
            changes.append(_loss_change(model, data, trial.neurons([*map(tf.constant, alone)])))
            is_split.append(j >= _COUNT * _CANDIDATES)
    return np.concatenate(trial.scores), np.array(changes), np.array(is_split)


def _ranks(values):
    return np.argsort(np.argsort(values))


# New neurons and splits are of first and second order in eps; what a score leaves out is of one
# order more. ReLU has a kink, where splits have no second derivative.
@pytest.mark.parametrize("fraction", [0.1, 0.01])
@pytest.mark.parametrize(
    ("make", "activation", "between", "kinds"),
    [
        (_mlp, activations.tanh, None, (True, False)),
        (_mlp, activations.tanh, normalization.BatchNormalization, (True, False)),
        (_mlp, activations.relu, None, (False,)),
        (_convnet, activations.tanh, None, (True, False)),
        (_convnet, activations.tanh, normalization.BatchNormalization, (True, False)),
    ],
)
def test_scores_are_the_changes_of_the_loss(make, activation, between, kinds, fraction):
    model, data = make(activation=activation, normalization=between)
    scores, changes, is_split = _scores_and_changes(model, data, fraction)
    for kind in kinds:
        score, change = scores[is_split == kind], changes[is_split == kind]
        # Splits change the loss by little more than float32 tells.
        tolerance = (2.0 * fraction + 0.01) * np.abs(change).max()
        np.testing.assert_allclose(score, change, rtol=0.0, atol=tolerance)
    considered = np.isin(is_split, kinds)
    ranks = [_ranks(values[considered]) for values in (scores, changes)]
    assert np.corrcoef(*ranks)[0, 1] > 1.0 - 0.5 * fraction


def test_candidates_of_no_magnitude_change_nothing():
    model, data = _mlp(activation=activations.tanh)
    trial = _tried(model, data, 0.1)
    none = [tf.zeros_like(score) for score in trial.scores]
    assert abs(_loss_change(model, data, trial.neurons(none))) < 1e-7
