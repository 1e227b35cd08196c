"""Firefly without new neurons, which otherwise beat splits by an order of eps."""

import tensorflow as tf

from growth.methods import firefly
from growth.surgery.neurons import NewNeurons


class Splits(firefly.Firefly):
    """Firefly whose candidates are the splits alone."""

    def __call__(self, linear_map, count, seed):
        """See `Firefly.__call__`."""
        new = super().__call__(linear_map, count, seed)
        copies = new.parents >= 0
        return NewNeurons(
            incoming=tf.boolean_mask(new.incoming, copies, axis=1),
            outgoing=tf.boolean_mask(new.outgoing, copies, axis=1),
            parents=tf.boolean_mask(new.parents, copies),
        )
