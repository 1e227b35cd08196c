"""Adds neurons to a network: the only place where parameters and optimizer slots change size."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import tensorflow as tf

from growth.surgery.neurons import NewNeurons
from models import site as site_lib


class Slot(NamedTuple):
    """A variable of the optimizer that has the shape of a parameter.

    Attributes:
      variable: e.g. a momentum.
      initial: the value of every element of a fresh slot; None for a moving average of the
        parameter, which starts as the parameter does.
    """

    variable: tf.Variable
    initial: float | None


class Grown(NamedTuple):
    """A variable and its value after a growth."""

    variable: tf.Variable
    value: tf.Tensor


def grown(
    sites: Sequence[site_lib.GrowthSite], neurons: Sequence[NewNeurons]
) -> dict[object, Grown]:
    """The variables that a growth changes, by `variable.ref()`, and their values after it.

    New neurons come after the existing ones, which keep their weights bit by bit unless the growth
    changes them (`NewNeurons.old`). Where two neighboring sites grow at once, their new neurons
    are not connected to each other: those weights start at zero. A copy (`NewNeurons.parents`) is
    connected as the neuron that it is a copy of.

    Args:
      sites: where.
      neurons: the new neurons of each site; none (k = 0) where a site does not grow.
    """
    values = {}

    def change(variable, function):
        before = values.get(variable.ref(), Grown(variable, tf.convert_to_tensor(variable)))
        values[variable.ref()] = Grown(variable, function(before.value))

    # Outgoing weights first, at all sites: a copy at the next site reads all of it.
    for site, new in zip(sites, neurons, strict=True):
        kernels = site.outgoing_kernels(new.outgoing)
        for consumer, kernel in zip(site.consumers, kernels, strict=True):
            change(
                consumer.kernel,
                lambda value, c=consumer, new=new, kernel=kernel: _append(
                    _scale(value, new, c.input_axis), kernel, c.input_axis
                ),
            )
    for site, new in zip(sites, neurons, strict=True):
        for producer, kernels in zip(site.producers, _incoming(site, new), strict=True):
            change(
                producer.kernel,
                lambda value, p=producer, new=new, kernels=kernels: _read(value, p, new, *kernels),
            )
        added = site.values_of_new(new.count, new.shift, new.parents)
        for parameter, value in zip(site.parameters, added, strict=True):
            change(
                parameter.variable,
                lambda before, p=parameter, value=value: _append(before, value, p.axis),
            )
    return values


def _incoming(site, new):
    """For each producer the kernels of new neurons, and the change of those of old ones."""
    kernels, change = site.incoming_kernels(new.incoming), new.old.incoming_change
    # None where it is known when traced, as for most methods.
    changes = [None] * len(kernels) if change.shape[1] == 0 else site.incoming_kernels(change)
    return list(zip(kernels, changes, strict=True))


def _scale(value, new, axis):
    """The kernel of a consumer, with the outgoing weights of old neurons as they will be."""
    factor = new.old.outgoing_factor
    if factor.shape[0] == 0:
        return value
    missing = tf.shape(value)[axis] - tf.size(factor)
    shape = [1] * value.shape.rank
    shape[axis] = -1
    return value * tf.reshape(tf.concat([factor, tf.ones([missing])], axis=0), shape)


def _read(value, producer, new, kernel, old_change):
    """The kernel of a producer with the incoming weights of new neurons and of changed ones.

    `value` may have a longer fan-in than the variable: new neurons of a site before.
    """
    axis = producer.output_axis
    if new.parents.shape[0] != 0:  # Known to be 0 when traced, for methods that copy nothing.
        # What a copy has in common with its parent, which both read through the whole fan-in; and
        # what it does not, through the old part of it.
        kernel -= _of_parents(producer.kernel, new.parents, axis)
        kernel = _pad(kernel, value, axis) + _of_parents(value, new.parents, axis)
    if old_change is not None:
        value += _pad_by(old_change, tf.shape(value) - tf.shape(old_change))
    return _append(value, kernel, axis)


def _of_parents(kernel, parents, axis):
    """The slice of each new neuron's parent along the last axis; zeros where there is none."""
    chosen = tf.one_hot(parents, tf.shape(kernel)[axis], axis=0)
    return tf.einsum("...c,ck->...k", kernel, chosen)


def grown_with_slots(
    sites: Sequence[site_lib.GrowthSite],
    neurons: Sequence[NewNeurons],
    slots: Callable[[tf.Variable], Sequence[Slot]],
    carry_slots: bool,
) -> list[Grown]:
    """The changes of a growth to network and optimizer; see `grown`.

    Args:
      sites: where.
      neurons: the new neurons of each site; none (k = 0) where a site does not grow.
      slots: the optimizer's slots of a parameter.
      carry_slots: whether the slots of existing neurons keep their values; if not, a parameter
        that grows starts with fresh slots. New neurons do so in any case.
    """
    changed = []
    for variable, value in grown(sites, neurons).values():
        for slot in slots(variable):
            changed.append(Grown(slot.variable, _slot(variable, value, slot, carry_slots)))
        changed.append(Grown(variable, value))
    return changed


def connected(
    sites: Sequence[site_lib.GrowthSite], changed: Sequence[Grown], site_seeds: Sequence[tf.Tensor]
) -> list[Grown]:
    """A growth in which new neurons also read the new ones of the site before.

    Their weights, zero until then, are drawn from a normal distribution with the root mean square
    of the other incoming weights of new neurons: zero where a method starts with none.

    Args:
      sites: where.
      changed: all that the growth changes.
      site_seeds: int32 `[2]` for each site.
    """
    values = {each.variable.ref(): each for each in changed}
    for site, seed in zip(sites, site_seeds, strict=True):
        for i, producer in enumerate(site.producers):
            variable, value = values[producer.kernel.ref()]
            own = tf.random.experimental.stateless_fold_in(seed, i)
            value = _connected(variable, value, producer.input_axis, producer.output_axis, own)
            values[producer.kernel.ref()] = Grown(variable, value)
    return list(values.values())


def _connected(variable, value, input_axis, output_axis, seed):
    """The kernel of a producer, whose new neurons read new ones."""
    is_new_input, is_new = (
        _is_new(variable, value, axis % value.shape.rank) for axis in (input_axis, output_axis)
    )
    others = tf.cast(is_new & ~is_new_input, value.dtype) * tf.ones_like(value)
    mean_square = tf.math.divide_no_nan(
        tf.reduce_sum(others * tf.square(value)), tf.reduce_sum(others)
    )
    drawn = tf.random.stateless_normal(tf.shape(value), seed, dtype=value.dtype)
    return tf.where(is_new & is_new_input, tf.sqrt(mean_square) * drawn, value)


def _is_new(variable, value, axis):
    """Which indices along `axis` a growth adds; bool, broadcasts to `value`."""
    is_new = tf.range(tf.shape(value)[axis]) >= tf.shape(variable)[axis]
    return tf.reshape(is_new, [-1 if i == axis else 1 for i in range(value.shape.rank)])


def assign(values: Iterable[Grown]) -> None:
    """Assigns the values of a growth.

    Args:
      values: all computed before any is assigned, since they depend on each other.
    """
    for variable, value in values:
        variable.assign(value)


def _slot(variable: tf.Variable, value: tf.Tensor, slot: Slot, carry_slots: bool) -> tf.Tensor:
    """The slot of `variable` once that has grown to `value`."""
    added = tf.shape(value) - tf.shape(slot.variable)
    old = _pad_by(tf.convert_to_tensor(slot.variable), added)
    if slot.initial is None:
        # The average of old weights changes by as much as the weights.
        return old + (value - _pad_by(tf.convert_to_tensor(variable), added))
    if carry_slots and slot.initial == 0.0:
        return old
    fresh = tf.fill(tf.shape(value), slot.initial)
    if not carry_slots:
        return tf.where(tf.reduce_any(added > 0), fresh, old)
    is_old = _pad_by(tf.ones_like(slot.variable, tf.bool), added)
    return tf.where(is_old, old, fresh)


def _append(value: tf.Tensor, added: tf.Tensor, axis: int) -> tf.Tensor:
    """Appends `added` to `value`, zero-padded where `value` is longer on another axis."""
    return tf.concat([value, _pad(tf.cast(added, value.dtype), value, axis)], axis)


def _pad(array: tf.Tensor, like: tf.Tensor, axis: int) -> tf.Tensor:
    """Zeros behind `array`, up to the size of `like` on all axes but `axis`."""
    axis %= like.shape.rank
    others = [int(i != axis) for i in range(like.shape.rank)]
    return _pad_by(array, others * (tf.shape(like) - tf.shape(array)))


def _pad_by(array: tf.Tensor, added: tf.Tensor) -> tf.Tensor:
    """`array` and `added` zeros behind it on each axis."""
    return tf.pad(array, added[:, tf.newaxis] * [[0, 1]])
