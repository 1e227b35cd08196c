"""Reads the weights of a network from files, by the names of its layers, without its code."""

import dataclasses
import os
import pathlib

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf import trackable_object_graph_pb2

from trainer import checkpoint_files, checkpoint_recovery, errors, paths

# What tf_keras calls the weights of its layers, and layers here call theirs.
_NAMES = {"gamma": "gain", "beta": "shift", "depthwise_kernel": "kernel"}
# Parts of what is saved that are no part of the network.
_NO_NETWORK = ("optimizer", "keras_api", "signatures", "save_counter")
_SUFFIXES = (".keras", ".h5", ".hdf5")


@dataclasses.dataclass(frozen=True)
class NamedWeights:
    """The weights of a network.

    Attributes:
      values: by name, LAYER/WEIGHT.
      epsilons: of normalizations by name, as far as they are known.
    """

    values: dict[str, np.ndarray]
    epsilons: dict[str, float]


def read(path: str) -> NamedWeights:
    """Reads what the network at `path` is evaluated with: averages of weights where it keeps them.

    Args:
      path: a model_dir (its newest checkpoint), a folder of checkpoints (the newest), a checkpoint,
        a SavedModel, or a tf_keras model in a file (`.keras`, `.h5`).

    Raises:
      ValueError: there is nothing of this kind, or two weights have one name.
    """
    folder = pathlib.Path(path)
    if folder.suffix in _SUFFIXES and folder.is_file() or (folder / "keras_metadata.pb").exists():
        return _of_keras(folder)
    if checkpoint := _checkpoint(path):
        return _of_checkpoint(checkpoint)
    raise ValueError(
        f"WarmStart.path = {path!r} must be a model_dir or another folder with checkpoints, a "
        "checkpoint (.../ckpt-1000), a SavedModel's folder, or a file of tf_keras (.keras, .h5); "
        + ("it is none of them" if folder.exists() else "there is nothing of that name")
    )


def _checkpoint(path: str) -> str | None:
    """The checkpoint that `path` is or has, which can be read; None if there is none.

    Raises:
      ValueError: it cannot be read.
    """
    folder = pathlib.Path(path)
    try:
        if folder.exists() or os.path.exists(f"{folder}.index"):
            paths.check_literal(path)
        found = _find_checkpoint(folder)
    except ValueError as error:
        raise ValueError(f"WarmStart.path = {path!r} {error}") from None
    except errors.UserError as error:
        raise ValueError(f"WarmStart.path = {path!r}: {error}") from None
    if found is not None and (damage := checkpoint_recovery.damage_of(found)):
        raise ValueError(f"WarmStart.path = {path!r}: {found} is damaged: {damage}")
    return found


def _find_checkpoint(folder: pathlib.Path) -> str | None:
    if (folder / "saved_model.pb").exists():
        return f"{folder}/variables/variables"
    for place in (folder / "checkpoints", folder):
        named = checkpoint_recovery.named(place)
        # Other programs than this one call them as they like.
        if named and os.path.exists(f"{named}.index") and not checkpoint_files.is_step(named):
            return named
        if newest := checkpoint_recovery.newest_whole(place):
            return str(newest)
    return str(folder) if os.path.exists(f"{folder}.index") else None


def name(variable_name: str) -> str:
    """LAYER/WEIGHT, of the full name of a variable."""
    *layers, weight = variable_name.partition(":")[0].split("/")
    return "/".join([*layers[-1:], _NAMES.get(weight, weight)])


def _of_keras(path: pathlib.Path) -> NamedWeights:
    try:
        model = tf_keras.models.load_model(path, compile=False)
    except (OSError, TypeError) as error:
        raise ValueError(f"WarmStart.path = {str(path)!r} cannot be read: {error}") from error
    values = _unique([(variable.name, variable.numpy()) for variable in model.variables], path)
    epsilons = {
        layer.name: layer.epsilon
        for layer in model.submodules
        if isinstance(layer, tf_keras.layers.Layer) and hasattr(layer, "epsilon")
    }
    return NamedWeights(values, epsilons)


def _of_checkpoint(path: str) -> NamedWeights:
    """Of a checkpoint of TensorFlow, which says what variables are called and belong to."""
    reader = tf.train.load_checkpoint(path)
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    nodes = graph.nodes
    averages = {
        slot.original_variable_node_id: nodes[slot.slot_variable_node_id]
        for node in nodes
        for slot in node.slot_variables
        if slot.slot_name == "average"
    }
    children = {child.local_name: child.node_id for child in nodes[0].children}
    found, seen, waiting = [], set(), [children.get("model", 0)]
    while waiting:
        number = waiting.pop()
        if number in seen:
            continue
        seen.add(number)
        for attribute in nodes[number].attributes:
            if attribute.full_name:
                kept = averages.get(number, nodes[number]).attributes[0]
                found.append((attribute.full_name, reader.get_tensor(kept.checkpoint_key)))
        waiting += [c.node_id for c in nodes[number].children if c.local_name not in _NO_NETWORK]
    return NamedWeights(_unique(found, path), {})


def _unique(found: list[tuple[str, np.ndarray]], path: pathlib.Path | str) -> dict[str, np.ndarray]:
    values = {}
    for full_name, value in found:
        if name(full_name) in values:
            raise ValueError(
                f"two weights in WarmStart.path = {str(path)!r} are called {name(full_name)}; "
                "layers must differ by name"
            )
        values[name(full_name)] = value
    return values
