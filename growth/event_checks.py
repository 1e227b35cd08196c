"""What the numbers of a growth say: whether they are finite, and how far they reach."""

import math
from collections.abc import Mapping
from typing import Any

from absl import logging


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
        "the growth batch, are not finite or too large to be squared"
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
        count, values = site["to"] - site["from"], site["singular_values"]
        rank = sum(value > 0 for value in values)
        if values and rank < count:
            logging.warning(
                "step %d, site %s: the gradient has rank %d, %d of %d new neurons start in random "
                "directions",
                *(event["step"], name, rank, count - rank, count),
            )
