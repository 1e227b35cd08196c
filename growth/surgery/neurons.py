"""New neurons of a site, as growth methods make them and surgery appends them."""

from typing import NamedTuple

import tensorflow as tf

from models import site as site_lib


class OldNeurons(NamedTuple):
    """What a growth changes about the neurons that are there already.

    Attributes:
      incoming_change: `[n, width]`, added to their incoming weights.
      outgoing_factor: `[width]`, multiplied with their outgoing weights.
    """

    incoming_change: tf.Tensor
    outgoing_factor: tf.Tensor


class NewNeurons(NamedTuple):
    """k new neurons, a column each, and what comes with them.

    A method sets the same attributes at every call, and leaves the others None.

    Attributes:
      incoming: incoming weights, `[n, k]`.
      outgoing: outgoing weights, `[m, k]`.
      shift: `[k]`, a bias, or the shift of a normalization that would undo a bias; 0 if None.
        Ignored where a neuron has neither.
      singular_values: of A, largest first, `[k]`, for the logs.
      parents: `[k]`, the old neuron of which a new one copies bias and parameters between, -1 for
        none; None for none at all.
      old: what happens to the old neurons; None for nothing.
    """

    incoming: tf.Tensor
    outgoing: tf.Tensor
    shift: tf.Tensor | None = None
    singular_values: tf.Tensor | None = None
    parents: tf.Tensor | None = None
    old: OldNeurons | None = None

    @property
    def count(self) -> tf.Tensor:
        """The number of neurons, k."""
        return tf.shape(self.incoming)[1]

    def none(self, site: site_lib.GrowthSite) -> "NewNeurons":
        """No neurons of `site`, with the same attributes set."""
        columns, rows = tf.shape(site.incoming())[0], tf.shape(site.outgoing())[0]
        width = tf.shape(site.incoming())[1]
        others = {
            name: None if value is None else tf.zeros([0] * value.shape.rank, value.dtype)
            for name, value in self._asdict().items()
            if name in ("shift", "singular_values", "parents")
        }
        old = self.old and OldNeurons(tf.zeros([columns, width]), tf.ones([width]))
        return NewNeurons(tf.zeros([columns, 0]), tf.zeros([rows, 0]), old=old, **others)
