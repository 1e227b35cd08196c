"""Layers that compute in 16 bits, and the scaled losses that float16 needs for it.

Gradients below 6e-8 vanish in float16. So the loss is multiplied by a scale before it is
differentiated, and the gradients are divided by it. A scale that is too large shows in gradients
that are not finite: that step is skipped and the scale halved; after many good steps it is doubled
(Micikevicius et al. 2018). A step that is skipped counts as a step all the same.
"""

from collections.abc import Sequence

import gin
import tensorflow as tf
import tf_keras
from official.modeling import performance

from trainer.upstream import model_garden_averages

_TYPES = {None: tf.float32, "bfloat16": tf.bfloat16, "float16": tf.float16}
_LossScaleOptimizer = tf_keras.mixed_precision.LossScaleOptimizer


def set_policy(mixed_precision: str | None) -> None:
    """Sets the type that layers compute in, for layers that are created from now on.

    Raises:
      ValueError: it is none of those known.
    """
    if mixed_precision not in _TYPES:
        known = ", ".join(repr(name) for name in _TYPES)
        raise ValueError(f"Devices.mixed_precision = {mixed_precision!r} must be one of {known}")
    performance.set_mixed_precision_policy(_TYPES[mixed_precision])


def for_policy(optimizer: tf_keras.optimizers.Optimizer) -> tf_keras.optimizers.Optimizer:
    """`optimizer`, with scaled losses if layers compute in float16."""
    needed = tf_keras.mixed_precision.global_policy().compute_dtype == "float16"
    if not needed or isinstance(optimizer, _LossScaleOptimizer):
        return optimizer
    return loss_scale(optimizer)


@gin.configurable
def loss_scale(
    optimizer: tf_keras.optimizers.Optimizer, initial: float = 2.0**15, growth_steps: int = 2000
) -> tf_keras.optimizers.Optimizer:
    """`optimizer`, behind tf_keras' LossScaleOptimizer.

    Args:
      optimizer: whatever applies gradients.
      initial: the scale at the start of the run; a power of two makes no rounding errors.
      growth_steps: good steps, one after the other, before the scale is doubled.

    Raises:
      ValueError: an argument is out of range.
    """
    for name, value in [("initial", initial), ("growth_steps", growth_steps)]:
        if value < 1:
            raise ValueError(f"loss_scale.{name} = {value} must be at least 1")
    if isinstance(optimizer, model_garden_averages.Average):
        model_garden_averages.take_aggregated(optimizer)
    return _LossScaleOptimizer(
        optimizer, initial_scale=float(initial), dynamic_growth_steps=growth_steps
    )


def unwrapped(optimizer: tf_keras.optimizers.Optimizer) -> tf_keras.optimizers.Optimizer:
    """The optimizer behind a loss scale; `optimizer` itself if it has none."""
    return optimizer.inner_optimizer if isinstance(optimizer, _LossScaleOptimizer) else optimizer


def scaled(optimizer: tf_keras.optimizers.Optimizer, loss: tf.Tensor) -> tf.Tensor:
    """The scaled loss, to be differentiated in place of `loss`."""
    has_scale = isinstance(optimizer, _LossScaleOptimizer)
    return optimizer.get_scaled_loss(loss) if has_scale else loss


def unscaled(
    optimizer: tf_keras.optimizers.Optimizer, gradients: Sequence[tf.Tensor | None]
) -> list[tf.Tensor | None]:
    """The gradients of the loss, from those of the `scaled` one."""
    has_scale = isinstance(optimizer, _LossScaleOptimizer)
    return optimizer.get_unscaled_gradients(gradients) if has_scale else list(gradients)


def apply(
    optimizer: tf_keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor | None],
    variables: Sequence[tf.Variable],
) -> list[tf.Tensor | None]:
    """Applies gradients, in replica context.

    Returns:
      The gradients as they were applied: zeros if the step was skipped.
    """
    may_skip = isinstance(optimizer, _LossScaleOptimizer) and optimizer.dynamic
    before = optimizer.loss_scale if may_skip else None
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    if not may_skip:
        return list(gradients)
    # Good steps are counted from the last one that was not, or that raised the scale.
    is_applied = (optimizer.dynamic_counter > 0) | (optimizer.loss_scale > before)
    return [g if g is None else tf.where(is_applied, g, tf.zeros_like(g)) for g in gradients]
