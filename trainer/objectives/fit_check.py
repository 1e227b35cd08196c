"""Tries out whether the parts of an experiment fit: inputs, network, objective."""

from typing import Any

import tensorflow as tf
import tf_keras

from trainer import objectives

_EXAMPLES = 2  # One would let through what broadcasts over examples.
_SIZE = 32  # Of an axis that differs between examples.


def outputs(model: tf_keras.Model, objective: objectives.Objective, spec: Any) -> tf.TensorShape:
    """Calls the network, which creates its variables, and the objective.

    Args:
      model: the network.
      objective: what it is trained for.
      spec: of a batch.

    Returns:
      The shape of the outputs.

    Raises:
      ValueError: they do not fit.
    """
    inputs, *_ = _zeros(spec)
    values = model(inputs)
    owner, network = type(objective).__name__, type(model).__name__
    if not tf.is_tensor(values):
        raise ValueError(
            f"{network} puts out a {type(values).__name__}; {owner} takes one tensor, [batch, "
            "Dataset.output_width]: let `call` join several by tf.concat, or choose one"
        )
    if values.shape.rank == 0:
        raise ValueError(f"{network} puts out one number for a batch; {owner} takes [batch, ...]")
    check_targets(objective, spec, values.shape)
    return values.shape


def check_targets(objective: objectives.Objective, spec: Any, outputs: tf.TensorShape) -> None:
    """Raises ValueError if targets do not fit outputs, or losses are not those of examples.

    Args:
      objective: gives the losses.
      spec: of a batch.
      outputs: their shape, `[batch, ...]`.
    """
    targets = _zeros(spec)[1]
    losses = objective.losses(targets, tf.zeros([_EXAMPLES, *outputs[1:]]))
    if not tf.is_tensor(losses) or losses.shape != [_EXAMPLES]:
        found = losses.shape.as_list() if tf.is_tensor(losses) else type(losses).__name__
        raise ValueError(
            f"{type(objective).__name__}.losses must give a loss for each example, [batch]; for "
            f"{_EXAMPLES} examples it gives {found}. Average over all axes but the first"
        )


def _zeros(spec):
    return tf.nest.map_structure(
        lambda s: tf.zeros([_EXAMPLES, *(size or _SIZE for size in s.shape[1:])], s.dtype), spec
    )
