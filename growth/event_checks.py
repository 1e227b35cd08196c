"""Checks a growth event: finite numbers, and the rank of A."""

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from absl import logging

from growth.linear_map import singular_vectors


def refusal(is_finite: Mapping[str, bool]) -> str | None:
    """Why a network did not grow, or None if it did.

    Args:
      is_finite: by site, whether the new neurons have finite weights and singular values.
    """
    sites = ", ".join(name for name, finite in is_finite.items() if not finite)
    if not sites:
        return None
    return (
        f"new weights are not finite at site {sites}: the network's weights, or its gradients on "
        "the growth batch, are not finite or too large"
    )


def check_finite(event: Mapping[str, Any]) -> None:
    """Raises FloatingPointError if an event, see history.py, has a number that is not finite."""
    numbers = {"the loss": event["loss"]}
    for name, site in event["sites"].items():
        for key in ("gradient_norm_new", "gradient_norm_old"):
            numbers[f"{key} of site {name}"] = site[key]
    for what, number in numbers.items():
        if not math.isfinite(number):
            raise FloatingPointError(
                f"{what} is {number} in training step {event['step'] + 1}, right after a growth"
            )


def say_rank(event: Mapping[str, Any]) -> None:
    """Warns of new neurons for which the gradient has no direction, or none left."""
    for name, site in event["sites"].items():
        if site["gradient_norm_new"] == 0:
            logging.warning(
                "step %d, site %s: the gradient of the new neurons is zero in the step after the "
                "growth",
                *(event["step"], name),
            )
        count = site["to"] - site["from"]
        if drawn := site.get("random_directions", 0):
            logging.warning(
                "step %d, site %s: the gradient has rank %d, %d of %d new neurons start in random "
                "directions; singular values below %g of the largest count as zero",
                *(event["step"], name, count - drawn, drawn, count),
                singular_vectors.RANK_TOLERANCE,
            )


def numbers(measures: Mapping[str, tf.Tensor]) -> dict[str, Any]:
    """An event's numbers of a site, from those that the growth step measured."""
    event = {key: value.numpy().tolist() for key, value in measures.items()}
    if event["singular_values"]:
        # A has no singular vectors for these neurons.
        event["random_directions"] = sum(value == 0 for value in event["singular_values"])
    return event
