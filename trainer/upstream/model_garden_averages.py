"""Model Garden's moving averages of weights, made to work here; tf-models-official 2.20.0."""

import functools

import tensorflow as tf
import tf_keras
from official.modeling import optimization
from official.modeling.optimization import ema_optimizer

from trainer.upstream import keras_optimizers

Average = optimization.ExponentialMovingAverage


def inner(optimizer: tf_keras.optimizers.Optimizer) -> tf_keras.optimizers.Optimizer:
    """The optimizer behind a moving average; `optimizer` itself if it has none."""
    return optimizer._optimizer if isinstance(optimizer, Average) else optimizer


def take_aggregated(average: Average) -> None:
    """Lets `average` be told that gradients are summed over replicas already.

    The LossScaleOptimizer of tf_keras says so to what it is around, whose `apply_gradients` does
    not have the argument.
    """
    average.apply_gradients = functools.partial(_apply_and_average, average)


def _apply_and_average(
    average: Average, gradients_and_variables, name=None, experimental_aggregate_gradients=True
):
    applied = inner(average).apply_gradients(
        gradients_and_variables, name, experimental_aggregate_gradients
    )
    ema_optimizer.maybe_merge_call(average.update_average, tf.distribute.get_strategy())
    return applied


def build(average: Average, make_slot: keras_optimizers.MakeSlot) -> None:
    """Has `average` create its averages by `make_slot`, as `keras_optimizers.build` has slots."""
    add_slot = average.add_slot

    def add_average(variable, slot_name, initializer):
        del initializer  # An average starts as its parameter.
        return make_slot(variable, None, lambda value: add_slot(variable, slot_name, value))

    average.add_slot = add_average


def trace_anew(average: Average) -> None:
    """Forgets the trace of `update_average`, because variables have got other storage."""
    update = type(average).update_average.python_function
    average.update_average = tf.function(functools.partial(update, average))
