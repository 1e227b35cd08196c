"""Adds neurons to a network: the only place where parameters and optimizer slots change size."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from growth.neurons import NewNeurons
from models import site as site_lib


class Slot(NamedTuple):
    """A variable of the optimizer that has the shape of a parameter.

    Attributes:
      variable: e.g. a momentum.
      initial: the value of every element of a fresh slot.
    """

    variable: tf.Variable
    initial: float


class Grown(NamedTuple):
    """A variable and its value after a growth."""

    variable: tf.Variable
    value: tf.Tensor


def grown(
    sites: Sequence[site_lib.GrowthSite], neurons: Sequence[NewNeurons]
) -> dict[object, Grown]:
    """The variables that a growth changes, by `variable.ref()`, and their values after it.

    New neurons come after the existing ones, which keep their weights bit by bit unless the growth
    changes them (`NewNeurons.old`). Where two neighbouring sites grow at once, their new neurons
    are not connected to each other: those weights start at zero.

    Args:
      sites: where.
      neurons: the new neurons of each site; none (k = 0) where a site does not grow.
    """
    values = {}

    def change(variable, function):
        before = values.get(variable.ref(), Grown(variable, tf.convert_to_tensor(variable)))
        values[variable.ref()] = Grown(variable, function(before.value))

    # The old neurons of all sites first, while all arrays have the old size.
    for site, new in zip(sites, neurons, strict=True):
        if new.old is None:
            continue
        kernels = site.incoming_kernels(new.old.incoming_change)
        for producer, kernel in zip(site.producers, kernels, strict=True):
            change(producer.kernel, lambda value, kernel=kernel: value + kernel)
        for consumer in site.consumers:
            shape = [1] * consumer.kernel.shape.rank
            shape[consumer.input_axis] = -1
            factor = tf.reshape(new.old.outgoing_factor, shape)
            change(consumer.kernel, lambda value, factor=factor: value * factor)
    for site, new in zip(sites, neurons, strict=True):
        variables = [
            *((producer.kernel, producer.output_axis) for producer in site.producers),
            *((consumer.kernel, consumer.input_axis) for consumer in site.consumers),
            *((parameter.variable, parameter.axis) for parameter in site.parameters),
        ]
        slices = [
            *site.incoming_kernels(new.incoming),
            *site.outgoing_kernels(new.outgoing),
            *site.values_of_new(new.count, new.shift, new.parents),
        ]
        for (variable, axis), added in zip(variables, slices, strict=True):
            change(variable, lambda value, added=added, axis=axis: _append(value, added, axis))
    return values


def append_neurons(
    sites: Sequence[site_lib.GrowthSite],
    neurons: Sequence[NewNeurons],
    slots: Callable[[tf.Variable], Sequence[Slot]],
    carry_slots: bool,
) -> None:
    """Carries a growth out; see `grown`.

    Args:
      sites: where.
      neurons: the new neurons of each site; none (k = 0) where a site does not grow.
      slots: the optimizer's slots of a parameter.
      carry_slots: whether the slots of existing neurons keep their values; if not, a parameter
        that grows starts with fresh slots. New neurons do so in any case.
    """
    # All values are computed before any variable changes: they are made from each other.
    for variable, value in grown(sites, neurons).values():
        for slot in slots(variable):
            added = tf.shape(value) - tf.shape(slot.variable)
            padding = tf.stack([tf.zeros_like(added), added], axis=1)
            carried = tf.pad(slot.variable, padding, constant_values=slot.initial)
            if not carry_slots:
                fresh = tf.fill(tf.shape(value), slot.initial)
                carried = tf.where(tf.reduce_any(added > 0), fresh, carried)
            slot.variable.assign(carried)
        variable.assign(value)


def _append(value: tf.Tensor, added: tf.Tensor, axis: int) -> tf.Tensor:
    """Appends `added` to `value`, zero-padded where `value` is longer on another axis."""
    axis %= value.shape.rank
    size = tf.tensor_scatter_nd_update(tf.shape(value), [[axis]], [tf.shape(added)[axis]])
    missing = size - tf.shape(added)
    padding = tf.stack([tf.zeros_like(missing), missing], axis=1)
    return tf.concat([value, tf.pad(tf.cast(added, value.dtype), padding)], axis)
