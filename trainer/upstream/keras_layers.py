"""Private parts of tf_keras: layers and their random numbers; tf_keras 2.20.1."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras.src import backend
from tf_keras.src.layers.core import tf_op_layer
from tf_keras.src.utils import generic_utils

_Layer = tf_keras.layers.Layer

# The layer that a functional model has for an operation of TensorFlow, its `symbol`.
OperationLayer = tf_op_layer.TFOpLambda
# The name of a class as .weights.h5 files spell it: `dense_1` is of the second Dense.
to_snake_case = generic_utils.to_snake_case


@contextlib.contextmanager
def calls_replaced(
    call: Callable[[Callable[..., Any], _Layer, tuple, dict[str, Any]], Any],
) -> Iterator[None]:
    """Calls of layers with symbolic tensors go to `call` within the block.

    tf_keras would make one opaque layer of a user's layer that calls others, and has no hook.

    Args:
      call: called with the original `Layer.__call__`, the layer, and its arguments.
    """
    original = _Layer.__call__

    def replaced(layer, *args, **kwargs):
        arguments = tf.nest.flatten((args, kwargs))
        if not any(isinstance(each, tf_keras.__internal__.KerasTensor) for each in arguments):
            return original(layer, *args, **kwargs)
        return call(original, layer, args, kwargs)

    _Layer.__call__ = replaced
    try:
        yield
    finally:
        _Layer.__call__ = original


def generator(value: Any) -> Any:
    """TensorFlow's generator behind one of a layer of tf_keras; any other value as it is.

    Layers make theirs in their first call, which is traced, and where no checkpoint finds it.
    """
    if not isinstance(value, backend.RandomGenerator):
        return value
    value._maybe_init()
    return value._generator
