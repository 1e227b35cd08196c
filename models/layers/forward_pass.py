"""Recording a forward pass for growth, and substituting variables in it.

Growth methods need the inputs and outputs of some layers, and the outputs of the network with other
weights. Context managers around a call of the model ask for both. They hold in the calling thread
alone, because replicas are traced in threads.
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import tensorflow as tf
import tf_keras


class Seen(NamedTuple):
    """The recorded input and output of a layer.

    Attributes:
      inputs: `[batch, ..., channels]`.
      outputs: `[batch, ..., channels]`.
    """

    inputs: tf.Tensor
    outputs: tf.Tensor


class _Current(threading.local):
    def __init__(self):
        self.seen: dict[tf_keras.layers.Layer, Seen | None] = {}
        self.values: Mapping = {}
        self.is_noiseless = False


_current = _Current()


@contextlib.contextmanager
def observe(
    layers: Iterable[tf_keras.layers.Layer],
) -> Iterator[dict[tf_keras.layers.Layer, Seen | None]]:
    """Records the inputs and outputs of `layers` in the forward pass within the block.

    Raises:
      ValueError: a layer is called twice; one place in a network cannot grow without the other.
    """
    outer, _current.seen = _current.seen, dict.fromkeys(layers)
    try:
        yield _current.seen
    finally:
        _current.seen = outer


@contextlib.contextmanager
def substitute(values: Mapping) -> Iterator[None]:
    """Layers read `values` in place of their variables within the block.

    Args:
      values: tensors by `variable.ref()`; of any size along the axes that grow.
    """
    outer, _current.values = _current.values, values
    try:
        yield
    finally:
        _current.values = outer


def record(layer: tf_keras.layers.Layer, inputs: tf.Tensor, outputs: tf.Tensor) -> None:
    """Records the inputs and outputs of a layer, which calls this."""
    if layer in _current.seen:
        if _current.seen[layer] is not None:
            raise ValueError(f"layer {layer.name!r} is used twice in one pass; it cannot grow")
        _current.seen[layer] = Seen(inputs, outputs)


def value(variable: tf.Variable) -> tf.Tensor | tf.Variable:
    """The variable, or the value that is substituted for it."""
    return _current.values.get(variable.ref(), variable)


def is_trial() -> bool:
    """True if variables are substituted, so that nothing may be written to them."""
    return bool(_current.values)


@contextlib.contextmanager
def without_noise() -> Iterator[None]:
    """Layers of models/layers/noise.py draw nothing within the block, also in a training step."""
    outer, _current.is_noiseless = _current.is_noiseless, True
    try:
        yield
    finally:
        _current.is_noiseless = outer


def is_noiseless() -> bool:
    """True within `without_noise`: layers that draw random numbers are the identity."""
    return _current.is_noiseless
