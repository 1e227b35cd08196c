"""Adds neurons to a network: the only place where parameters and optimizer slots change size."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from growth.initializers import initializer
from models import site as site_lib


class Slot(NamedTuple):
    """A variable of the optimizer that has the shape of a parameter.

    Attributes:
      variable: e.g. a momentum.
      initial: the value of every element of a fresh slot.
    """

    variable: tf.Variable
    initial: float


def append_neurons(
    sites: Sequence[site_lib.GrowthSite],
    neurons: Sequence[initializer.NewNeurons],
    slots: Callable[[tf.Variable], Sequence[Slot]],
    carry_slots: bool,
) -> None:
    """Appends new neurons after the existing ones, which keep their weights bit by bit.

    Where two neighbouring sites grow at once, their new neurons are not connected to each other:
    those weights start at zero.

    Args:
      sites: where.
      neurons: the new neurons of each site; none (k = 0) where a site does not grow.
      slots: the optimizer's slots of a parameter.
      carry_slots: whether the slots of existing neurons keep their values; if not, a parameter
        that grows starts with fresh slots. New neurons do so in any case.
    """
    # All weights become kernels before any variable grows: a kernel's shape is read from them.
    growing = []
    for site, new in zip(sites, neurons, strict=True):
        producer = site.producer
        growing.append((producer.kernel, site.incoming_kernel(new.incoming), producer.output_axis))
        if producer.bias is not None:
            growing.append((producer.bias, new.bias, 0))
        for consumer, kernel in zip(
            site.consumers, site.outgoing_kernels(new.outgoing), strict=True
        ):
            growing.append((consumer.kernel, kernel, consumer.input_axis))
    for variable, values, axis in growing:
        added = _append(variable, values, axis)
        for slot in slots(variable):
            _append(slot.variable, tf.fill(added, slot.initial), axis)
            if not carry_slots:
                fresh = tf.fill(tf.shape(variable), slot.initial)
                slot.variable.assign(tf.where(added[axis] > 0, fresh, slot.variable))


def _append(variable: tf.Variable, values: tf.Tensor, axis: int) -> tf.Tensor:
    """Appends `values`, zero-padded on the other axes; returns the shape of what was added."""
    size = tf.shape(variable)
    added = tf.tensor_scatter_nd_update(size, [[axis]], [tf.shape(values)[axis]])
    padding = tf.stack([tf.zeros_like(added), added - tf.shape(values)], axis=1)
    padded = tf.pad(tf.cast(values, variable.dtype), padding)
    variable.assign(tf.concat([variable, padded], axis))
    return added
