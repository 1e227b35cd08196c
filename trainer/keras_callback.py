"""Growth within `compile` and `fit` of tf_keras."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from growth import grower as grower_lib
from growth.decisions import adaptive, policies, schedules
from growth.methods import method as method_lib
from growth.newborns import rates
from trainer.optimization import mixed_precision, optimizers, scaled_updates

# (inputs, targets) or (inputs, targets, weights of examples).
Batch = tuple[Any, ...]


def compiled_grower(
    model: tf_keras.Model,
    *,
    schedule: schedules.Schedule,
    policy: policies.Policy,
    method: method_lib.GrowthMethod,
    seed: int = 0,
    carry_slots: bool = True,
    skip_nonfinite: bool = False,
    newborn_rate: rates.NewbornRate | None = None,
) -> grower_lib.Grower:
    """A Grower with the loss and the optimizer that a model is compiled with.

    It creates the optimizer's slots, so that they can grow.

    Args:
      model: built and compiled, and not trained since it was compiled.
      schedule: see `Grower`.
      policy: see `Grower`.
      method: see `Grower`.
      seed: see `Grower`.
      carry_slots: see `Grower`.
      skip_nonfinite: see `Grower`.
      newborn_rate: see `Grower`.

    Raises:
      ValueError: the model is not built or not compiled, or for several outputs or devices; its
        optimizer has slots, or such as cannot grow; or see `Grower`.
    """
    _check_model(model)
    if isinstance(schedule, adaptive.AdaptiveSchedule) or isinstance(
        policy, adaptive.AdaptivePolicy
    ):
        raise ValueError(
            "fit does not tell how training goes: give a schedule of steps and a policy of "
            "growth.decisions.schedules and .policies, or train by trainer/main.py or a loop of "
            "your own, which calls Grower.observe and Grower.decide"
        )
    slots = optimizers.GrowableSlots(model.optimizer, model.trainable_variables)
    grower = grower_lib.Grower(
        model,
        _loss(model),
        slots,
        seed,
        schedule=schedule,
        policy=policy,
        method=method,
        carry_slots=carry_slots,
        skip_nonfinite=skip_nonfinite,
        newborn_rate=newborn_rate,
    )
    if grower.update_factors is not None:
        scaled_updates.scale(model.optimizer, grower.update_factors)
    return grower


class GrowthCallback(tf_keras.callbacks.Callback):
    """Grows the model that `fit` trains, between two of its steps.

        model.compile(optimizer="adam", loss="mse")
        grower = compiled_grower(model, schedule=..., policy=..., method=gradmax.GradMax())
        model.fit(inputs, targets, callbacks=[GrowthCallback(grower, (inputs, targets))])

    A growth at step s happens after s steps of the optimizer, also where `fit` is called again, and
    before the next one. The training function of `fit` is not traced anew. The logs of each epoch
    have the width of each site, `width/SITE`.

    Args:
      grower: of the model, e.g. from `compiled_grower`.
      growth_batch: what new neurons are chosen by: (inputs, targets) or (inputs, targets, weights),
        or a function that maps the step to them.
    """

    def __init__(self, grower: grower_lib.Grower, growth_batch: Batch | Callable[[int], Batch]):
        super().__init__()
        self._grower = grower
        self._batch_of = growth_batch if callable(growth_batch) else lambda step: growth_batch

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Tries the sites and traces the growth, before the first step.

        Raises:
          ValueError: `compile` asks for several steps at once, a site cannot grow as it says, or
            the widths are not those after the growths so far.
        """
        execution = self.model._steps_per_execution
        if self.model.autotune_steps_per_execution or (
            execution is not None and int(execution.numpy()) != 1
        ):
            raise ValueError(
                "steps_per_execution must be 1 where fit grows: a growth is between two steps"
            )
        self._grower.check_widths()
        step = self._step()
        if self._grower.next_growth(step) is not None:
            batch = self._batch(step)
            if not self._grower.history.events:
                self._grower.try_sites(batch)
            self._grower.prepare(batch)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Grows if a growth is due."""
        step = self._step()
        if self._grower.next_growth(step) == step:
            self._grower.grow(step, self._batch(step))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the widths to the logs."""
        if logs is not None:
            logs.update({f"width/{site}": width for site, width in self._grower.widths().items()})

    def _step(self):
        return int(self.model.optimizer.iterations.numpy())

    def _batch(self, step):
        return tf.nest.map_structure(_tensor, tuple(self._batch_of(step)))


def _tensor(array):
    """A tensor, of the type that `fit` gives to arrays."""
    array = array if tf.is_tensor(array) else np.asarray(array)
    dtype = tf.as_dtype(array.dtype)
    return tf.cast(array, tf_keras.backend.floatx() if dtype.is_floating else dtype)


def _check_model(model: tf_keras.Model) -> None:
    """Raises ValueError unless `model` is built, compiled and on one device, its optimizer new."""
    name = f"network {model.name!r}"
    if not model.built:
        raise ValueError(f"{name} is not built; call it on a batch, or its build(input_shape)")
    if model.optimizer is None:
        raise ValueError(f"{name} is not compiled; call its compile(optimizer, loss)")
    if model.distribute_strategy.num_replicas_in_sync > 1:
        raise ValueError(
            f"{name} is on {model.distribute_strategy.num_replicas_in_sync} devices, and fit grows "
            "on one; build it outside of the strategy, or train it by trainer/main.py"
        )
    _check_fresh(model.optimizer, name)


def _check_fresh(optimizer, name):
    """Raises ValueError if `optimizer` has slots already, whose shapes are fixed."""
    optimizer = mixed_precision.unwrapped(optimizer)
    is_legacy = isinstance(optimizer, tf_keras.optimizers.legacy.Optimizer)
    if optimizer.get_weights() if is_legacy else getattr(optimizer, "_built", False):
        raise ValueError(
            f"the optimizer of {name} has slots, which cannot be made to grow any more; call "
            "compile with a new one, and make one Grower"
        )


def _loss(model):
    """The mean loss over a batch that the model is compiled with, with its regularization."""
    if not (isinstance(model.loss, str) or callable(model.loss)):
        raise ValueError(
            f"compile(loss={model.loss!r}) must be one loss, of one output, where fit grows"
        )
    loss = tf_keras.losses.get(model.loss)
    if not isinstance(loss, tf_keras.losses.Loss):
        loss = _Mean(loss)

    def mean(targets, outputs, weights=None):
        # As `fit` does: labels [batch] of outputs [batch, 1].
        if targets.shape.rank == 1 and outputs.shape.rank == 2:
            targets = targets[:, None]
            weights = None if weights is None else weights[:, None]
        total = loss(targets, outputs, weights)
        return total + tf.add_n(model.losses) if model.losses else total

    return mean


class _Mean(tf_keras.losses.Loss):
    """The mean of a function that gives the loss of each example."""

    def __init__(self, function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]):
        super().__init__()
        self._function = function

    def call(self, y_true, y_pred):
        return self._function(y_true, y_pred)
