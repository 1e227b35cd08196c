"""Private parts of the optimizers of tf_keras; tf_keras 2.20.1."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

_Optimizer = tf_keras.optimizers.Optimizer
# (variable, initial, create): makes a slot by `create(value)`, and returns it. It starts with the
# number `initial` everywhere, or as the variable where that is None.
MakeSlot = Callable[[tf.Variable, float | None, Callable[[tf.Tensor], tf.Variable]], tf.Variable]


def build(optimizer: _Optimizer, variables: Sequence[tf.Variable], make_slot: MakeSlot) -> None:
    """Creates the slots of an optimizer, as its first `apply_gradients` would.

    Stock optimizers create a slot as `zeros(variable.shape)`, which fails where an axis of the
    variable is unspecified.

    Args:
      optimizer: legacy or new, not around another.
      variables: the parameters it will update.
      make_slot: makes each slot, now or later.

    Raises:
      ValueError: a slot does not have the shape of its parameter, or has an initial value.
    """
    if isinstance(optimizer, tf_keras.optimizers.legacy.Optimizer):
        optimizer.add_slot = functools.partial(_add_slot, optimizer.add_slot, make_slot)
        optimizer._create_all_weights(variables)
        return
    optimizer.add_variable_from_reference = functools.partial(
        _add_from_reference, optimizer.add_variable_from_reference, make_slot
    )
    optimizer.build(variables)
    # XLA would compile anew for each width.
    optimizer.jit_compile = False


def hyperparameters(optimizer: _Optimizer) -> list[Any]:
    """The hyperparameters of an optimizer that wraps no other: variables, tensors, schedules."""
    if isinstance(optimizer, tf_keras.optimizers.legacy.Optimizer):
        return list(optimizer._hyper.values())
    return [optimizer._learning_rate]


def adam_betas(optimizer: _Optimizer) -> tuple[tf.Tensor, tf.Tensor] | None:
    """beta_1 and beta_2 of Adam and its kin, which correct their moments for bias; else None."""
    if not (hasattr(optimizer, "beta_1") and hasattr(optimizer, "beta_2")) and not (
        isinstance(optimizer, tf_keras.optimizers.legacy.Optimizer)
        and {"beta_1", "beta_2"} <= optimizer._hyper.keys()
    ):
        return None
    return tuple(tf.cast(getattr(optimizer, name), tf.float32) for name in ("beta_1", "beta_2"))


def _add_slot(add_slot, make_slot, variable, slot_name, initializer="zeros", shape=None):
    """Replaces `add_slot` of a legacy optimizer."""
    _check_shape(shape, variable)
    initial = float(tf_keras.initializers.get(initializer)([]))
    return make_slot(variable, initial, lambda value: add_slot(variable, slot_name, value))


def _add_from_reference(
    add_variable, make_slot, model_variable, variable_name, shape=None, initial_value=None
):
    """Replaces `add_variable_from_reference` of a new optimizer."""
    _check_shape(shape, model_variable)
    if initial_value is not None:
        raise ValueError(f"slot {variable_name} has an initial value; such slots cannot grow")

    def create(value):
        return add_variable(model_variable, variable_name, initial_value=value)

    return make_slot(model_variable, 0.0, create)


def _check_shape(shape, variable: tf.Variable) -> None:
    if shape is not None and tf.TensorShape(shape).as_list() != variable.shape.as_list():
        raise ValueError(f"a slot of shape {shape} for a parameter of shape {variable.shape}")
