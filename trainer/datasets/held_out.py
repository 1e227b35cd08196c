"""Which examples are held out of training, for testing."""

import numpy as np
import tensorflow as tf

from models.layers import seeds
from trainer.datasets import permutation


def check(owner: str, test_path: str | None, test_fraction: float | None) -> None:
    """Raises ValueError unless exactly one of both says where test examples come from.

    Args:
      owner: the configurable that they are bound for; messages begin with it.
      test_path: of examples for testing alone.
      test_fraction: of the examples that there are.
    """
    if (test_path is None) == (test_fraction is None):
        found = "neither is" if test_path is None else "both are"
        raise ValueError(
            f"{owner}.test_path or {owner}.test_fraction must say what is tested on, and {found} "
            f"bound; {owner}.test_fraction = 0.1 holds a tenth of the examples out of training"
        )
    if test_fraction is not None and not 0 < test_fraction < 1:
        raise ValueError(
            f"{owner}.test_fraction = {test_fraction} must be between 0 and 1, e.g. 0.1"
        )


def split(examples: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the examples for training, and of those for testing, both ascending.

    A function of the arguments alone. `fraction` is rounded to whole examples, of which at least
    one is for testing.

    Args:
      examples: how many there are.
      fraction: of those for testing, between 0 and 1.
      seed: of the choice.
    """
    order = permutation.permute(
        tf.range(examples, dtype=tf.int64),
        seeds.stream(seed, "held out"),
        tf.zeros([examples], tf.int64),
        tf.constant(examples, tf.int64),
    ).numpy()
    tested = max(1, round(fraction * examples))
    return np.sort(order[tested:]), np.sort(order[:tested])
