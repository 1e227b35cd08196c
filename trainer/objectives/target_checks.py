"""Checks that targets fit the outputs of a network; a ValueError says what does not."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def indices(owner: str, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Class indices `[batch]`, of a type that TensorFlow's cross-entropy takes.

    Args:
      owner: the objective, for messages.
      targets: as the dataset has them.
      outputs: of the network.

    Raises:
      ValueError: targets are no integers.
    """
    if not (targets.dtype.is_integer or targets.dtype.is_bool):
        raise ValueError(
            f"{owner} takes class indices [batch] of an integer type, or shares "
            f"{described(outputs, with_type=False)}; the targets are {described(targets)}. "
            "Indices become integers by tf.cast(labels, tf.int32)"
        )
    if targets.dtype in (tf.int32, tf.int64):
        return targets
    return tf.cast(targets, tf.int64 if targets.dtype.size > 2 else tf.int32)


def check_numbers(owner: str, targets: tf.Tensor) -> None:
    """Raises ValueError if targets are strings or the like."""
    if not (targets.dtype.is_floating or targets.dtype.is_integer or targets.dtype.is_bool):
        raise ValueError(f"{owner} takes numbers; the targets are {described(targets)}")


def of_shape(owner: str, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Targets of the shape of the outputs; a size that is not known is checked in the step.

    Args:
      owner: the objective, for messages.
      targets: as the dataset has them.
      outputs: of the network.

    Raises:
      ValueError: the shapes are known to differ, or nothing is known.
    """
    known = targets.shape.rank is not None
    if known and targets.shape.is_compatible_with(outputs.shape):
        same = targets.shape[1:].is_fully_defined()
        return targets if same else tf.ensure_shape(targets, outputs.shape)
    raise ValueError(
        f"{owner}: the targets are {described(targets)} and the outputs {described(outputs)}; the "
        f"shapes must be the same: {_remedy(targets.shape, outputs.shape)}"
    )


def _remedy(targets: tf.TensorShape, outputs: tf.TensorShape) -> str:
    if targets.rank is None:
        return "say which it is by tf.ensure_shape"
    if targets.rank == 2 and targets[1] == 1 and outputs[-1] != 1:
        return "remove the axis of a column of labels, e.g. tf.squeeze(labels, axis=1)"
    if targets.rank + 1 == outputs.rank and outputs[-1] == 1:
        return "add an axis, e.g. targets[:, tf.newaxis]"
    return "Dataset.output_width is the last axis of the outputs"


def described(tensor: tf.Tensor, with_type: bool = True) -> str:
    """The type and shape of a tensor, such as `float32 [batch, 3]`."""
    shape = "of unknown shape"
    if tensor.shape.rank is not None:
        sizes = ["batch", *("?" if size is None else str(size) for size in tensor.shape[1:])]
        shape = f"[{', '.join(sizes[: tensor.shape.rank])}]"
    return f"{tensor.dtype.name} {shape}" if with_type else shape


def check_class_weights(owner: str, weights: Sequence[float] | None) -> None:
    """Raises ValueError unless `weights` are finite numbers, 0 or more."""
    if weights is None:
        return
    if isinstance(weights, str) or not isinstance(weights, Sequence) or not weights:
        raise ValueError(
            f"{owner}.class_weights = {weights!r} must be a weight for each class, e.g. (1.0, 3.0)"
        )
    if not all(0 <= weight < float("inf") for weight in weights):
        raise ValueError(f"{owner}.class_weights = {weights} must be finite numbers, 0 or more")


def outside(values: np.ndarray, is_right: np.ndarray, rule: str) -> str | None:
    """The values `[batch]` that are not right, and the `rule`; None if all are right."""
    wrong = np.unique(values[~is_right])
    if not len(wrong):
        return None
    shown = ", ".join(f"{value:g}" for value in wrong[:5]) + ", ..." * (len(wrong) > 5)
    return f"{shown} in {np.sum(~is_right)} of {len(values)} examples; {rule}"
