"""Layers of tf_keras that do what an operation of TensorFlow does.

A network that is built from operations can be read by programs that know layers only.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras

_Symbolic = tf_keras.__internal__.KerasTensor
_ACTIVATIONS = {  # Of one argument; by the names of TensorFlow's operations.
    "identity": "linear",
    "math.sigmoid": "sigmoid",
    "math.softplus": "softplus",
    "math.tanh": "tanh",
    "nn.elu": "elu",
    "nn.relu": "relu",
    "nn.selu": "selu",
    "nn.softsign": "softsign",
}


class PlainLayer(NamedTuple):
    """A layer that is still to be made, and what goes in.

    Attributes:
      kind: its class.
      name: what to call it.
      inputs: symbolic tensors.
      arguments: of the class, beside the name.
    """

    kind: type[tf_keras.layers.Layer]
    name: str
    inputs: tf.Tensor | list[tf.Tensor]
    arguments: dict[str, Any]


def layer_for(symbol: str, args: Sequence, kwargs: dict[str, Any]) -> PlainLayer | None:
    """The layer that does what `symbol` does with these arguments, or None if there is none.

    Args:
      symbol: TensorFlow's name of the operation, without `tf.`.
      args: its arguments.
      kwargs: its arguments by name.
    """
    named = [value for name, value in kwargs.items() if name != "name" and value is not None]
    operands = [*args, *named]
    symbolic = [operand for operand in operands if isinstance(operand, _Symbolic)]
    if symbol in _ACTIVATIONS and len(operands) == 1:
        activation = _ACTIVATIONS[symbol]
        return PlainLayer(
            tf_keras.layers.Activation, activation, symbolic[0], {"activation": activation}
        )
    if symbol not in _ARITHMETIC or len(operands) != 2:
        return None
    kind, rescaling = _ARITHMETIC[symbol]
    if len(symbolic) == 2:
        return PlainLayer(kind, kind.__name__.lower(), symbolic, {})
    number = _number(next(o for o in operands if not isinstance(o, _Symbolic)))
    if number is None or symbolic[0].dtype != tf.float32:
        return None
    scale, offset = rescaling(number, operands[0] is symbolic[0])
    return PlainLayer(
        tf_keras.layers.Rescaling, "rescaling", symbolic[0], {"scale": scale, "offset": offset}
    )


def _sum(number, is_second):
    return 1.0, number


def _difference(number, is_second):
    return (1.0, -number) if is_second else (-1.0, number)


def _product(number, is_second):
    return number, 0.0


# The layer for two tensors; and scale and offset for a tensor and a number, which is the second
# operand or the first.
_ARITHMETIC: dict[str, tuple[type, Callable[[float, bool], tuple[float, float]]]] = {
    "__operators__.add": (tf_keras.layers.Add, _sum),
    "math.add": (tf_keras.layers.Add, _sum),
    "math.multiply": (tf_keras.layers.Multiply, _product),
    "math.subtract": (tf_keras.layers.Subtract, _difference),
}


def _number(value):
    """The number that `value` is; None if it has axes, or is none."""
    if isinstance(value, tf.Tensor | tf.Variable | np.ndarray | np.generic):
        return float(value) if value.shape == () else None
    return float(value) if isinstance(value, int | float) else None
