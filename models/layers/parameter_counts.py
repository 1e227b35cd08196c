"""Counts of parameters that `summary()` and `count_params()` of tf_keras print.

tf_keras multiplies the declared sizes of a variable and takes an unknown one for 0, so that the
kernel of a growing layer would count nothing. It counts values here. Written for tf_keras 2.20,
whose functions are replaced in `tf_keras.src.utils.layer_utils`.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

from tf_keras.src.utils import layer_utils


def _of_values(count: Callable[[list[Any]], int]) -> Callable[[Iterable[Any]], int]:
    """`count`, of weights whose unspecified sizes are those of their values."""

    @functools.wraps(count)
    def counted(weights):
        unique = {id(weight): weight for weight in weights}.values()
        return count([_sized(weight) for weight in unique])

    return counted


def _sized(weight):
    shape = getattr(weight, "shape", None)
    return weight if shape is None or shape.is_fully_defined() else weight.read_value()


for _name in ("count_params", "weight_memory_size"):
    setattr(layer_utils, _name, _of_values(getattr(layer_utils, _name)))
