"""Model Garden's optimizers behind Gin, with slots that can grow.

The configurables are Model Garden's own configuration classes, so that an optimizer, its learning
rate and its warm-up are chosen by reference:

    optimizer.config = @SGDConfig()
    SGDConfig.momentum = 0.9
    optimizer.learning_rate = @CosineLrConfig()
    CosineLrConfig.initial_learning_rate = 0.1
    CosineLrConfig.decay_steps = 10000
"""

import collections
import dataclasses
from collections.abc import Callable, Sequence

import gin
import numpy as np
import tensorflow as tf
import tf_keras
from official.modeling import optimization
from official.modeling.hyperparams import base_config, oneof
from official.modeling.optimization.configs import (
    optimization_config,
    optimizer_config,
)

from growth.surgery import surgery
from trainer.optimization import mixed_precision, name_patterns
from trainer.upstream import keras_optimizers, model_garden_averages


def _choices(one_of: type[oneof.OneOfConfig]) -> dict[type[base_config.Config], str]:
    """The configurations that one of Model Garden's classes for one of several takes, by field."""
    # Model Garden ships the configurations of two optimizers without the optimizers.
    left_out = ("type", "slide", "adafactor")
    return {f.type: f.name for f in dataclasses.fields(one_of) if f.name not in left_out}


for _class in (
    *_choices(optimization_config.OptimizerConfig),
    *_choices(optimization_config.LrConfig),
    *_choices(optimization_config.WarmupConfig),
    optimizer_config.EMAConfig,
):
    gin.external_configurable(_class, module=_class.__module__)


@gin.configurable
def optimizer(
    config: base_config.Config = gin.REQUIRED,
    learning_rate: base_config.Config = gin.REQUIRED,
    warmup: base_config.Config | None = None,
    ema: optimizer_config.EMAConfig | None = None,
    stretch: float = 1.0,
) -> tf_keras.optimizers.Optimizer:
    """Builds an optimizer with Model Garden's OptimizerFactory.

    Args:
      config: one of `official.modeling.optimization.configs.optimizer_config`: SGDConfig,
        AdamConfig, AdamWeightDecayConfig, LAMBConfig, LARSConfig, RMSPropConfig, ...
      learning_rate: one of `...configs.learning_rate_config`: ConstantLrConfig, CosineLrConfig,
        StepwiseLrConfig, ...
      warmup: LinearWarmupConfig or PolynomialWarmupConfig, or None.
      ema: EMAConfig, for a moving average of the weights that evaluation and export use; or None.
      stretch: what the steps in `learning_rate` and `warmup` are multiplied by.

    Returns:
      A tf_keras optimizer.

    Raises:
      ValueError: an argument is not such a configuration.
    """
    if stretch <= 0:
        raise ValueError(f"optimizer.stretch = {stretch} must be above 0")
    factory = optimization.OptimizerFactory(
        optimization_config.OptimizationConfig(
            optimizer=_one_of(optimization_config.OptimizerConfig, config, "config"),
            learning_rate=_one_of(optimization_config.LrConfig, learning_rate, "learning_rate"),
            warmup=_one_of(optimization_config.WarmupConfig, warmup, "warmup"),
            ema=_checked_average(ema),
        )
    )
    rate = factory.build_learning_rate()
    if callable(rate) and stretch != 1.0:
        rate = _Stretched(rate, stretch)
    built = factory.build_optimizer(rate)
    legacy = tf_keras.optimizers.legacy.Optimizer
    if ema is not None and not isinstance(model_garden_averages.inner(built), legacy):
        raise ValueError(
            f"optimizer.ema needs a legacy optimizer, such as @SGDConfig() or @AdamConfig(), not "
            f"{config!r}"
        )
    return built


def constants(
    optimizer: tf_keras.optimizers.Optimizer,
) -> list[tuple[tf.Variable, np.ndarray]]:
    """Hyperparameters that the optimizer keeps in variables, with their values.

    Checkpoints hold them, but what is bound is what counts: assign the values after a restore.
    """
    inner = model_garden_averages.inner(mixed_precision.unwrapped(optimizer))
    found = keras_optimizers.hyperparameters(inner)
    return [(value, value.numpy()) for value in found if isinstance(value, tf.Variable)]


class _Stretched(tf_keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that takes `stretch` times as many steps."""

    def __init__(self, schedule: Callable[[tf.Tensor], tf.Tensor], stretch: float):
        super().__init__()
        self._schedule, self._stretch = schedule, stretch

    def __call__(self, step):
        return self._schedule(tf.cast(step, tf.float32) / self._stretch)

    def get_config(self):
        return {"schedule": self._schedule, "stretch": self._stretch}


def _checked_average(ema: optimizer_config.EMAConfig | None) -> optimizer_config.EMAConfig | None:
    if ema is not None and not 0.0 < ema.average_decay < 1.0:
        raise ValueError(
            f"EMAConfig.average_decay = {ema.average_decay} must be between 0 and 1, e.g. 0.999"
        )
    return ema


def _one_of(
    choices: type[oneof.OneOfConfig], chosen: base_config.Config | None, argument: str
) -> oneof.OneOfConfig:
    """Wraps `chosen` in Model Garden's class for one of several configurations."""
    if chosen is None:
        return choices()
    fields = _choices(choices)
    if type(chosen) not in fields:
        names = ", ".join(sorted(f"@{field.__name__}()" for field in fields))
        raise ValueError(f"optimizer.{argument} = {chosen!r} must be one of {names}")
    name = fields[type(chosen)]
    return choices(**{"type": name, name: chosen})


class GrowableSlots:
    """Creates an optimizer's slots so that they can grow, and finds them again.

    Stock optimizers create slots as `zeros(variable.shape)`, which fails where an axis of the
    variable is unspecified. Here a slot starts from the variable's value and takes over its
    declared shape.

    Args:
      optimizer: a tf_keras optimizer, legacy or new, that has not created its slots yet.
      variables: the parameters it will update.

    Raises:
      ValueError: the optimizer keeps variables that do not have the shape of a parameter, or was
        given a pattern of names that fits no variable.
    """

    def __init__(self, optimizer: tf_keras.optimizers.Optimizer, variables: Sequence[tf.Variable]):
        self._optimizer = mixed_precision.unwrapped(optimizer)
        inner = model_garden_averages.inner(self._optimizer)
        name_patterns.check(inner, variables)
        self._slots = collections.defaultdict(list)
        try:
            if self._keeps_averages:
                model_garden_averages.build(self._optimizer, self._make_slot)
            keras_optimizers.build(inner, variables, self._make_slot)
        except (ValueError, TypeError, NotImplementedError) as error:
            name = type(self._optimizer).__name__
            raise ValueError(
                f"the slots of {name} cannot grow: they do not have the shape "
                "of their parameter, or need to know it when they are made; use another optimizer, "
                "e.g. @SGDConfig() or @AdamConfig()"
            ) from error

    @property
    def _keeps_averages(self) -> bool:
        return isinstance(self._optimizer, model_garden_averages.Average)

    def __call__(self, variable: tf.Variable) -> Sequence[surgery.Slot]:
        """The slots of `variable`."""
        return self._slots[variable.ref()]

    def bias_correction(self, steps: tf.Tensor) -> tf.Tensor:
        """The factor of Adam's updates that corrects for moments that started at zero.

        sqrt(1 - beta_2^k) / (1 - beta_1^k) at step k (Kingma and Ba, 2015, end of section 2), also
        of optimizers that are made from Adam; 1 for those without such a correction.

        Args:
          steps: k, float32 `[n]`, from 1 on.

        Returns:
          float32 `[n]`.
        """
        inner = model_garden_averages.inner(self._optimizer)
        betas = keras_optimizers.adam_betas(inner)
        if betas is None:
            return tf.ones_like(steps)
        return tf.sqrt(1.0 - betas[1] ** steps) / (1.0 - betas[0] ** steps)

    def averages(self, model: tf_keras.Model) -> list[tuple[tf.Variable, tf.Variable]]:
        """Creates the moving averages of weights that the optimizer keeps, if it does.

        Returns:
          Each variable that has one, and its average.
        """
        if not self._keeps_averages:
            return []
        self._optimizer.shadow_copy(model)
        return [
            (variable, slot.variable)
            for variable in model.variables
            for slot in self(variable)
            if slot.initial is None
        ]

    def trace_anew(self) -> None:
        """Forgets what the optimizer has traced, because variables have got other storage."""
        if self._keeps_averages:
            model_garden_averages.trace_anew(self._optimizer)

    def _make_slot(self, variable, initial, create):
        """Makes a slot with the declared shape of its variable; see keras_optimizers.MakeSlot."""

        def declare_shape(next_creator, **kwargs):
            return next_creator(**{**kwargs, "shape": variable.shape})

        known = [slot.variable.ref() for slot in self(variable)]
        with tf.variable_creator_scope(declare_shape):
            slot = create(
                tf.convert_to_tensor(variable)
                if initial is None
                else tf.fill(tf.shape(variable), initial)
            )
        # Legacy optimizers ask for a slot again when they find it missing in their own tables.
        if slot.ref() not in known:
            self._slots[variable.ref()].append(surgery.Slot(slot, initial))
        return slot
