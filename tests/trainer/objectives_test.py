"""Losses and accuracies against their definitions."""

import numpy as np
import pytest
import tensorflow as tf

from trainer import objectives

LOGITS = np.array([[3.0, 1.0, 0.0, -1.0], [0.0, 2.0, 1.0, 5.0], [1.0, 4.0, 2.0, 3.0]], np.float32)
LABELS = np.array([0, 1, 2], np.int32)
SHARES = np.array([[0.7, 0.3, 0, 0], [0, 0.4, 0, 0.6], [0, 0, 1, 0]], np.float32)


def cross_entropy(shares):
    log_probabilities = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
    return -(shares * log_probabilities).sum(axis=1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("targets, shares", [(LABELS, np.eye(4)[LABELS]), (SHARES, SHARES)])
def test_the_loss_is_the_cross_entropy_of_the_smoothed_shares(smoothing, targets, shares):
    objective = objectives.Classification(label_smoothing=smoothing)
    losses = objective.losses(tf.constant(targets), tf.constant(LOGITS))
    expected = cross_entropy((1 - smoothing) * shares + smoothing / 4)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "targets, expected",
    [
        (LABELS, {"accuracy": 1 / 3, "top_2_accuracy": 2 / 3}),
        (SHARES, {"accuracy": 2 / 3, "top_2_accuracy": 2 / 3}),
    ],
)
def test_accuracies_count_the_class_among_the_largest_logits(targets, expected):
    for metric in objectives.Classification(top_k=2).metrics():
        metric.update_state(tf.constant(targets), tf.constant(LOGITS))
        assert float(metric.result()) == pytest.approx(expected.pop(metric.name))
    assert not expected


@pytest.mark.parametrize(
    "arguments, targets, message",
    [
        (dict(label_smoothing=1.0), LABELS, r"label_smoothing = 1.0 must be in \[0, 1\)"),
        (dict(top_k=1), LABELS, r"top_k = 1 must be at least 2"),
        (dict(top_k=4), LABELS, r"top_k = 4 must be less than the 4 classes"),
        (
            dict(),
            SHARES[:, :1],
            r"targets are float32 \[batch, 1\] and the outputs float32 \[batch, 4\]",
        ),
    ],
)
def test_a_mistake_is_one_error_that_names_it(arguments, targets, message):
    with pytest.raises(ValueError, match=message):
        objectives.Classification(**arguments).losses(tf.constant(targets), tf.constant(LOGITS))
