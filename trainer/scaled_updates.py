"""Optimizers whose updates are scaled, element by element."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras
from official.modeling import optimization
from official.modeling.optimization import ema_optimizer

from trainer import mixed_precision


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
    inner = mixed_precision.unwrapped(optimizer)
    if isinstance(inner, optimization.ExponentialMovingAverage):
        inner = inner._optimizer
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
    before = [variable.read_value() for variable in scaled]
    by_scaled = [by_variable[variable.ref()] for variable in scaled]
    applied = apply_gradients(pairs, *args, **kwargs)
    strategy = tf.distribute.get_strategy()
    ema_optimizer.maybe_merge_call(_add, strategy, scaled, before, by_scaled)
    return applied


def _add(
    strategy: tf.distribute.Strategy,
    variables: Sequence[tf.Variable],
    before: Sequence[tf.Tensor],
    excess: Sequence[tf.Tensor],
) -> None:
    """Adds `excess` times the update to each variable."""

    def on_device(variable, before, excess):
        return variable.assign_add(excess * (variable - before))

    for variable, *values in zip(variables, before, excess, strict=True):
        strategy.extended.update(variable, on_device, args=tuple(values), group=False)
