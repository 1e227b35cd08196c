"""A growth site of the table in the middle of training, and what a growth may not touch there."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from growth.surgery import surgery
from tests import grown_network, networks, site_table


@dataclasses.dataclass(frozen=True)
class TrainedSite:
    """A network with one site, slots that are not the initial ones, and a batch.

    Attributes:
      model: the network.
      slots: gives the optimizer's slots of a parameter.
      batch: (inputs, targets).
    """

    model: site_table.OneSite
    slots: Callable[[tf.Variable], Sequence[surgery.Slot]]
    batch: site_table.Batch

    @classmethod
    def of_kind(cls, kind: str) -> "TrainedSite":
        """The network of `site_table.SITES` with this name."""
        model, batch = site_table.SITES[kind]()
        _, slots = networks.optimizer(model)
        made = cls(model, slots, batch)
        for i, slot in enumerate(made.all_slots()):
            shape = tf.shape(slot.variable)
            slot.variable.assign(tf.random.stateless_normal(shape, [0, i]))
        return made

    def all_slots(self) -> list[surgery.Slot]:
        """Of all parameters."""
        return [slot for p in self.model.trainable_variables for slot in self.slots(p)]

    def variables(self) -> list[tf.Variable]:
        """Of the model, and the slots."""
        return [*self.model.variables, *(slot.variable for slot in self.all_slots())]

    def outputs(self) -> np.ndarray:
        """In evaluation and in a training step, where batch normalization sees the batch."""
        inputs = self.batch[0]
        with grown_network.kept(self.model.non_trainable_variables):
            return np.stack([self.model(inputs, training=training) for training in (False, True)])


def old_part(value: np.ndarray) -> tuple[slice, ...]:
    """The index of old elements in what has grown out of `value`."""
    return tuple(slice(size) for size in value.shape)
