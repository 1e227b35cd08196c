"""A network as a tf_keras model of standard layers alone, at its current widths.

The network's own `call` runs on a symbolic input, and each layer that it calls is replaced: by its
counterpart (counterparts.py), by a layer for an operation of TensorFlow (plain_operations.py), by
itself if tf_keras brought it along, or else by what its own `call` does.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from trainer.export import counterparts, plain_operations
from trainer.upstream import keras_layers

_Layer = tf_keras.layers.Layer


class NotPlainError(ValueError):
    """A network does something that no standard layer does."""


def build(network: tf_keras.Model, spec: Any) -> tf_keras.Model:
    """The network for inference, with weights of its own.

    All of it computes in float32, whatever the policy of the network. The layers are those of
    tf_keras, and have the names of the network's; regularizers and what only training needs are
    left out. It is to be called when the network has been, and while no other thread makes layers.

    Args:
      network: any, also a model of a user's own.
      spec: of the inputs, `[batch, ...]`: a tf.TensorSpec or several, nested, with their names.

    Raises:
      NotPlainError: the network, or a layer of it, cannot be had so; the message says which.
    """
    layers = _PlainLayers(taken=[part.name or "inputs" for part in tf.nest.flatten(spec)])
    inputs = tf.nest.map_structure(
        lambda part: tf_keras.Input(part.shape[1:], dtype=part.dtype, name=part.name or "inputs"),
        spec,
    )
    policy = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy("float32")
    try:
        with keras_layers.calls_replaced(layers.call):
            outputs = network(inputs, training=False)
        # A name of TensorFlow's must not begin with an underscore.
        name = type(network).__name__.lstrip("_") or "network"
        return tf_keras.Model(inputs, outputs, name=name)
    except NotPlainError:
        raise
    except Exception as error:  # A user's own `call` can fail in any way on a symbolic input.
        raise NotPlainError(f"{layers.place}: {type(error).__name__}: {error}") from error
    finally:
        tf_keras.mixed_precision.set_global_policy(policy)


class _PlainLayers(counterparts.PlainLayers):
    """See `counterparts.PlainLayers`.

    Args:
      taken: names that no layer may have.
    """

    def __init__(self, taken: Sequence[str]):
        self._taken = set(taken)
        self._made: dict[tuple[_Layer, str], _Layer] = {}
        self._owners: list[_Layer] = []
        self.place = "the network"

    def call(self, original: Callable, layer: _Layer, args: tuple, kwargs: dict) -> tf.Tensor:
        """Replaces the call of a layer of the network."""
        if any(layer is made for made in self._made.values()):
            return original(layer, *args, **kwargs)
        self._owners.append(layer)
        if not isinstance(layer, keras_layers.OperationLayer):
            self.place = f"layer {layer.name!r} ({type(layer).__name__})"
        outputs = self._replace(layer, args, kwargs)
        self._owners.pop()
        return outputs

    def _replace(self, layer, args, kwargs):
        counterpart = counterparts.counterpart.dispatch(type(layer))
        if counterpart is not counterparts.counterpart.dispatch(object):
            return counterpart(layer, args[0] if args else kwargs["inputs"], self)
        if isinstance(layer, keras_layers.OperationLayer):
            if (plain := plain_operations.layer_for(layer.symbol, args, kwargs)) is not None:
                return self.add(plain.kind, plain.inputs, name=plain.name, **plain.arguments)
            return self._keep(layer)(*args, **kwargs)
        if type(layer).__module__.startswith("tf_keras.") and not isinstance(layer, tf_keras.Model):
            return self._copy(layer, args, kwargs)
        return self._open(layer, args, kwargs)

    def add(
        self,
        kind: type[_Layer],
        inputs: tf.Tensor | Sequence[tf.Tensor],
        *,
        name: str,
        weights: Sequence[tf.Tensor | tf.Variable | np.ndarray] = (),
        **arguments,
    ) -> tf.Tensor:
        """See `counterparts.PlainLayers`."""
        key = (self._owners[-1], name)
        if key in self._made:  # A layer that is called twice.
            return self._made[key](inputs)
        layer = self._made[key] = kind(name=self._free(name), **arguments)
        outputs = layer(inputs)
        layer.set_weights([np.asarray(tf.convert_to_tensor(weight)) for weight in weights])
        return outputs

    def _keep(self, layer):
        self._made[layer, layer.name] = layer
        return layer

    def _copy(self, layer, args, kwargs):
        """The output of a layer of tf_keras, outside of the network and in float32."""
        kwargs = {name: value for name, value in kwargs.items() if name != "training"}
        key = (layer, layer.name)
        if key in self._made:
            return self._made[key](*args, **kwargs)
        config = layer.get_config() | {"name": self._free(layer.name), "dtype": "float32"}
        copy = self._made[key] = type(layer).from_config(config)
        outputs = copy(*args, **kwargs)
        copy.set_weights(layer.get_weights())
        return outputs

    def _open(self, layer, args, kwargs):
        """Runs a layer's own `call`, which calls other layers."""
        parts = [part for part in layer.submodules if isinstance(part, _Layer)]
        known = {id(weight) for part in parts for weight in part.weights}
        own = [weight.name for weight in layer.weights if id(weight) not in known]
        if own:
            raise NotPlainError(
                f"{self.place} has the weights {', '.join(own)} of its own, and nothing says what "
                "it is in terms of tf_keras' layers; register a counterpart for its class, see "
                "trainer/export/counterparts.py"
            )
        kwargs = {name: value for name, value in kwargs.items() if name != "training"}
        if "training" in inspect.signature(layer.call).parameters:
            kwargs["training"] = False
        return layer.call(*args, **kwargs)

    def _free(self, name):
        """The name, with a number if another layer has it."""
        number, free = 0, name
        while free in self._taken:
            number += 1
            free = f"{name}_{number}"
        self._taken.add(free)
        return free
