"""New neurons of a site, as growth methods make them and surgery appends them."""

from typing import NamedTuple

import tensorflow as tf


class OldNeurons(NamedTuple):
    """The changes of a growth to existing neurons.

    Either of all of them, or of none: `[n, 0]` and `[0]` leave them as they are.

    Attributes:
      incoming_change: `[n, width]`, added to their incoming weights.
      outgoing_factor: `[width]`, multiplied with their outgoing weights.
    """

    incoming_change: tf.Tensor
    outgoing_factor: tf.Tensor


class _Fields(NamedTuple):
    incoming: tf.Tensor
    outgoing: tf.Tensor
    shift: tf.Tensor
    singular_values: tf.Tensor
    parents: tf.Tensor
    old: OldNeurons


class NewNeurons(_Fields):
    """k new neurons, a column each.

    All fields are tensors, also those that are not given: `NewNeurons(incoming, outgoing)` copies
    nothing and leaves the old neurons as they are.

    >>> new = NewNeurons(incoming=tf.zeros([5, 2]), outgoing=tf.ones([3, 2]))
    >>> new.shift.numpy().tolist(), new.parents.numpy().tolist()
    ([0.0, 0.0], [])

    Attributes:
      incoming: incoming weights, float32 `[n, k]`, where n is the fan-in.
      outgoing: outgoing weights, float32 `[m, k]`, where m is the fan-out.
      shift: float32 `[k]`, added to the bias, or to the offset of a normalization that would undo a
        bias; ignored where a neuron has neither. By default 0.
      singular_values: of A, largest first, for the logs; float32 `[k]`, or `[0]` (the default) of
        methods that know none.
      parents: the old neuron of which a new one copies bias and parameters between, int32 `[k]`; -1
        for none. `[0]` (the default) if no neuron is a copy.
      old: what happens to the old neurons; by default nothing.
    """

    __slots__ = ()

    def __new__(
        cls,
        incoming: tf.Tensor,
        outgoing: tf.Tensor,
        shift: tf.Tensor | None = None,
        singular_values: tf.Tensor | None = None,
        parents: tf.Tensor | None = None,
        old: OldNeurons | None = None,
    ):
        """Fills in the defaults."""
        if shift is None:
            shift = tf.zeros(tf.shape(incoming)[1:])
        if singular_values is None:
            singular_values = tf.zeros([0])
        if parents is None:
            parents = tf.zeros([0], tf.int32)
        if old is None:
            old = OldNeurons(incoming[:, :0], tf.ones([0]))
        return super().__new__(cls, incoming, outgoing, shift, singular_values, parents, old)

    @classmethod
    def none(cls, fan_in: tf.Tensor, fan_out: tf.Tensor) -> "NewNeurons":
        """No neurons, at a site with these lengths of weights."""
        return cls(tf.zeros([fan_in, 0]), tf.zeros([fan_out, 0]))

    @property
    def count(self) -> tf.Tensor:
        """The number of neurons, k."""
        return tf.shape(self.incoming)[1]
