"""Optimizers whose updates are scaled, element by element."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras
from official.modeling.optimization import ema_optimizer

from trainer.optimization import mixed_precision
from trainer.upstream import model_garden_averages


def scale(
    optimizer: tf_keras.optimizers.Optimizer,
    excess: Callable[[tf.Tensor], Mapping[object, tf.Tensor]],
) -> None:
    """Has `optimizer` multiply each update, the new value minus the old one, by a factor.

    Whatever the optimizer makes of gradients (momentum, moments, clipping, trust ratios, weight
    decay) stays as it is, and so do its slots; a moving average of weights is one of the weights
    after scaling. Elements with a factor of 1 are updated as they would be without, to the bit.

    Args:
      optimizer: legacy or new; a loss scale and a moving average may be around it.
      excess: maps the training steps done to factors less 1 by `variable.ref()`, which broadcast to
        the variable; of other variables the factor is 1. Called in replica context, whenever
        gradients are applied.
    """
    inner = model_garden_averages.inner(mixed_precision.unwrapped(optimizer))
    inner.apply_gradients = functools.partial(_apply, inner, inner.apply_gradients, excess)


def _apply(
    optimizer: tf_keras.optimizers.Optimizer,
    apply_gradients: Callable[..., Any],
    excess: Callable[[tf.Tensor], Mapping[object, tf.Tensor]],
    gradients_and_variables: Iterable[tuple[tf.Tensor | None, tf.Variable]],
    *args,
    **kwargs,
) -> Any:
    """Replaces `apply_gradients` of `optimizer`."""
    pairs = list(gradients_and_variables)
    by_variable = excess(optimizer.iterations)
    scaled = [v for gradient, v in pairs if gradient is not None and v.ref() in by_variable]
    by_scaled = [by_variable[variable.ref()] for variable in scaled]
    if is_momentum := _is_plain_momentum(optimizer):
        values = [optimizer.get_slot(variable, "momentum") for variable in scaled]
    else:
        values = [variable.read_value() for variable in scaled]
    applied = apply_gradients(pairs, *args, **kwargs)
    add = functools.partial(_add, _excess_of_momentum if is_momentum else _excess_of_change)
    strategy = tf.distribute.get_strategy()
    ema_optimizer.maybe_merge_call(add, strategy, scaled, by_scaled, values)
    return applied


def _is_plain_momentum(optimizer: tf_keras.optimizers.Optimizer) -> bool:
    """True if a slot holds the update, which then need not be found by a difference."""
    is_sgd = type(optimizer) is tf_keras.optimizers.legacy.SGD
    return is_sgd and "momentum" in optimizer.get_slot_names() and not optimizer.nesterov


def _add(
    excess_of: Callable[..., tf.Tensor],
    strategy: tf.distribute.Strategy,
    variables: Sequence[tf.Variable],
    excess: Sequence[tf.Tensor],
    values: Sequence[tf.Tensor],
) -> None:
    """Adds to each variable what `excess_of` (variable, excess, value) gives, on its devices."""

    def on_device(variable, *arguments):
        return variable.assign_add(excess_of(variable, *arguments))

    for variable, *arguments in zip(variables, excess, values, strict=True):
        strategy.extended.update(variable, on_device, args=tuple(arguments), group=False)


def _excess_of_change(variable, excess, before):
    return excess * (variable - before)


def _excess_of_momentum(variable, excess, momentum):
    del variable
    return excess * momentum
