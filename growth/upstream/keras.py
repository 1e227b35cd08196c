"""Private parts of tf_keras that growth needs; tf_keras 2.20.1."""

from collections.abc import Sequence

import tf_keras


def layers_of(model: tf_keras.Model) -> Sequence[tf_keras.layers.Layer]:
    """The layers of a model at any depth, and the model itself.

    `submodules` fails once a recurrent layer with dropout of its state has been traced: it looks
    at all attributes, also at masks that are tensors of a graph.
    """
    return list(model._flatten_layers())


def set_dtype_policy(
    layer: tf_keras.layers.Layer, policy: str | tf_keras.mixed_precision.Policy
) -> None:
    """Sets the types that a layer computes in; `layer.dtype_policy` can only be read."""
    layer._set_dtype_policy(policy)
