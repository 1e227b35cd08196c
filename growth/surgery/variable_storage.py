"""Other storage for a variable that exists."""

import math
import weakref
from collections.abc import Sequence

import tensorflow as tf


def replace(variable: tf.Variable, value: tf.Tensor, shape: tf.TensorShape) -> None:
    """Gives `variable` a value in storage of another declared shape.

    It stays the same Python object, with the same key in optimizers: layers, optimizer and
    checkpoints go on with it. A function that is traced already would go on with the old storage,
    in which there is nothing but a scalar afterwards: it fails.

    Args:
      variable: of one device, or distributed over replicas.
      value: for all replicas.
      shape: compatible with that of the value.
    """
    with tf.distribute.get_strategy().scope():
        new = tf.Variable(
            value,
            shape=shape,
            trainable=variable.trainable,
            name=variable.name.partition(":")[0],
            synchronization=variable.synchronization,
            aggregation=variable.aggregation,
        )
    assert type(new) is type(variable), (type(new), type(variable))
    # TensorFlow has no public way to do this. Optimizers know a variable by its `_unique_id`, and
    # the part of a replica finds the variable that it belongs to by its `_distributed_container`.
    old_handles = [part.handle for part in _parts(variable)]
    for part, new_part in zip(_parts(variable), _parts(new), strict=True):
        new_part._unique_id = part._unique_id
    vars(variable).update(vars(new))
    for part, old_handle in zip(_parts(variable), old_handles, strict=True):
        if part is not variable:
            part.handle._distributed_container = weakref.ref(variable)
        # Traced functions may never be freed, and hold the storage: at least it takes no room.
        tf.raw_ops.AssignVariableOp(resource=old_handle, value=tf.cast(math.nan, new.dtype))


def _parts(variable: tf.Variable) -> Sequence[tf.Variable]:
    """One for each replica of this worker; the variable itself where it is not distributed."""
    return tf.distribute.get_strategy().experimental_local_results(variable)
