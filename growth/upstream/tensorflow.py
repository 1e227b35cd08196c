"""Private parts of TensorFlow that growth needs; TensorFlow 2.20.0."""

import math
import weakref
from collections.abc import Sequence

import tensorflow as tf


def take_storage(variable: tf.Variable, new: tf.Variable) -> None:
    """Gives `variable` all that `new` has, its storage above all; `new` is not to be used again.

    TensorFlow can only assign values, of shapes that fit the declared one. Optimizers know a
    variable by its `_unique_id`, and the part of a replica finds the variable that it belongs to by
    the `_distributed_container` of its handle. The old storage is left with a scalar.

    Args:
      variable: of one device, or distributed over the replicas of the current strategy.
      new: of the same class.
    """
    assert type(new) is type(variable), (type(new), type(variable))
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
