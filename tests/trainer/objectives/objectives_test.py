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


@pytest.mark.parametrize("targets, shares", [(LABELS, np.eye(4)[LABELS]), (SHARES, SHARES)])
def test_class_weights_are_factors_of_the_losses(targets, shares):
    weights = (0.5, 2.0, 0.0, 3.0)
    objective = objectives.Classification(class_weights=weights)
    losses = objective.losses(tf.constant(targets), tf.constant(LOGITS))
    np.testing.assert_allclose(losses, cross_entropy(shares) * (shares @ weights), rtol=1e-5)


@pytest.mark.parametrize("weights", [None, (2.0, 0.5)])
@pytest.mark.parametrize("kind", ["int64", "uint8", "bool", "float32", "column"])
def test_one_logit_is_the_logit_of_1_against_a_logit_of_0(weights, kind):
    logits = LOGITS[:, 1:2] - 1.5
    labels = np.array([0, 1, 1])
    targets = labels[:, None] if kind == "column" else labels.astype(kind)
    objective = objectives.BinaryClassification(weights, auc=True)
    two = objectives.Classification(class_weights=weights)
    expected = two.losses(tf.constant(labels), tf.constant(np.c_[0 * logits, logits]))
    losses = objective.losses(tf.constant(targets), tf.constant(logits))
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    accuracy, area = objective.metrics()
    for metric in (accuracy, area):
        metric.update_state(tf.constant(targets), tf.constant(logits))
    assert float(accuracy.result()) == 1.0 and float(area.result()) == pytest.approx(1.0)
    np.testing.assert_allclose(
        objective.predictions(logits)["probabilities"], 1 / (1 + np.exp(-logits)), rtol=1e-5
    )


@pytest.mark.parametrize("target", [-1.0, 1.5, 2.0])
def test_a_binary_target_out_of_range_is_no_number(target):
    losses = objectives.BinaryClassification().losses(tf.constant([0.5, target]), tf.zeros([2, 1]))
    assert np.isfinite(losses[0]) and np.isnan(losses[1])


@pytest.mark.parametrize(
    "objective, weights",
    [
        (objectives.Classification, (1.0, -1.0)),
        (objectives.Classification, (1.0, np.nan)),
        (objectives.Classification, ()),
        (objectives.Classification, 2.0),
        (objectives.BinaryClassification, (1.0,)),
        (objectives.BinaryClassification, (1.0, np.inf)),
    ],
)
def test_class_weights_that_are_none_are_named(objective, weights):
    with pytest.raises(ValueError, match=rf"{objective.__name__}.class_weights = .* must be"):
        objective(class_weights=weights)


def test_there_is_a_class_weight_for_each_class():
    with pytest.raises(ValueError, match="must have a weight for each of the 4 classes"):
        objectives.Classification(class_weights=(1.0, 2.0)).losses(
            tf.constant(LABELS), tf.constant(LOGITS)
        )


def test_the_squared_error_is_averaged_over_all_outputs_of_an_example():
    targets, outputs = np.random.default_rng(0).normal(size=[2, 3, 4, 5]).astype(np.float32)
    losses = objectives.SquaredError().losses(tf.constant(targets), tf.constant(outputs))
    np.testing.assert_allclose(losses, np.mean((targets - outputs) ** 2, axis=(1, 2)), rtol=1e-5)
