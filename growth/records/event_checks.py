"""Checks a growth event: finite numbers, and the rank of A."""

import math
from collections.abc import Mapping

from absl import logging

from growth.linear_map import singular_vectors
from growth.records import events


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


def check_finite(growth: events.Growth) -> None:
    """Raises FloatingPointError if a growth has a number that is not finite."""
    numbers = {"the loss": growth.loss}
    for name, site in growth.sites.items():
        numbers[f"gradient_norm_new of site {name}"] = site.gradient_norm_new
        numbers[f"gradient_norm_old of site {name}"] = site.gradient_norm_old
    for what, number in numbers.items():
        if number is not None and not math.isfinite(number):
            raise FloatingPointError(
                f"{what} is {number} in training step {growth.step + 1}, right after a growth"
            )


def say_rank(growth: events.Growth) -> None:
    """Warns of new neurons for which the gradient has no direction, or none left."""
    for name, site in growth.sites.items():
        if site.gradient_norm_new == 0:
            logging.warning(
                "step %d, site %s: the gradient of the new neurons is zero in the step after the "
                "growth",
                *(growth.step, name),
            )
        if drawn := site.random_directions:
            logging.warning(
                "step %d, site %s: the gradient has rank %d, %d of %d new neurons start in random "
                "directions; singular values below %g of the largest count as zero",
                *(growth.step, name, site.count - drawn, drawn, site.count),
                singular_vectors.RANK_TOLERANCE,
            )
