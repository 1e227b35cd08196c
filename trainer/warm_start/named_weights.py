"""Reads the weights of a network from files, by the names of its layers.

Files may be a stranger's: no code in them runs, and nothing is loaded but numbers and names.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2
from tf_keras.protobuf import saved_metadata_pb2

from trainer.command import errors, paths
from trainer.model_dir import checkpoint_files, recovery
from trainer.warm_start import keras_file

# What tf_keras calls the weights of its layers, and layers here call theirs.
_NAMES = {"gamma": "gain", "beta": "shift", "depthwise_kernel": "kernel"}
# Parts of what is saved that are no part of the network.
_NO_NETWORK = (
    *("optimizer", "keras_api", "signatures", "save_counter"),
    *("_training", "_state_var"),  # What layers draw by.
)
_SEED_OF_KERAS_3 = "seed_generator_state"
# Weights with their full names, and epsilons of normalizations by name.
_Found = tuple[list[tuple[str, np.ndarray]], dict[str, float]]


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
        a SavedModel, or a file of Keras (see keras_file.py).

    Raises:
      ValueError: there is nothing of this kind, it cannot be read, or two weights have one name.
    """
    reader, place = _find(path)
    try:
        found, epsilons = reader(place)
    except Exception as error:  # What is damaged, or made to do damage, can fail in any way.
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"WarmStart.path = {path!r} cannot be read: {reason}") from error
    return NamedWeights(_unique(found, path), epsilons)


def _find(path: str) -> tuple[Callable[[pathlib.Path], _Found], pathlib.Path]:
    """The reader for `path`, and the file or folder that it is to read."""
    folder = pathlib.Path(path)
    if folder.suffix in keras_file.SUFFIXES and folder.is_file():
        return keras_file.read, folder
    if checkpoint := _checkpoint(path):
        if (folder / "saved_model.pb").exists():
            return _of_saved_model, folder
        return _of_checkpoint, pathlib.Path(checkpoint)
    raise ValueError(
        f"WarmStart.path = {path!r} must be a model_dir or another folder with checkpoints, a "
        "checkpoint (.../ckpt-1000), a SavedModel's folder, or a file of Keras (.keras, .h5); "
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
    if found is not None and (damage := recovery.damage_of(found)):
        raise ValueError(f"WarmStart.path = {path!r}: {found} is damaged: {damage}")
    return found


def _find_checkpoint(folder: pathlib.Path) -> str | None:
    if (folder / "saved_model.pb").exists():
        return f"{folder}/variables/variables"
    for place in (folder / "checkpoints", folder):
        named = recovery.named(place)
        # Other programs than this one call them as they like.
        if named and os.path.exists(f"{named}.index") and not checkpoint_files.is_step(named):
            return named
        if newest := recovery.newest_whole(place):
            return str(newest)
    return str(folder) if os.path.exists(f"{folder}.index") else None


def name(variable_name: str) -> str:
    """LAYER/WEIGHT, of the full name of a variable."""
    *layers, weight = variable_name.partition(":")[0].split("/")
    return "/".join([*layers[-1:], _NAMES.get(weight, weight)])


def _of_saved_model(folder: pathlib.Path) -> _Found:
    found, _ = _of_checkpoint(folder / "variables" / "variables")
    metadata = folder / "keras_metadata.pb"
    if not metadata.exists():
        return found, {}
    saved = saved_metadata_pb2.SavedMetadata.FromString(metadata.read_bytes())
    return found, keras_file.epsilons([json.loads(node.metadata or "{}") for node in saved.nodes])


def _of_checkpoint(path: pathlib.Path) -> _Found:
    """Of a checkpoint of TensorFlow, which says what variables are called and belong to."""
    reader = tf.train.load_checkpoint(str(path))
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
            if attribute.full_name and not attribute.full_name.endswith(_SEED_OF_KERAS_3):
                kept = averages.get(number, nodes[number]).attributes[0]
                found.append((attribute.full_name, reader.get_tensor(kept.checkpoint_key)))
        waiting += [c.node_id for c in nodes[number].children if c.local_name not in _NO_NETWORK]
    return found, {}


def _unique(found: list[tuple[str, np.ndarray]], path: str) -> dict[str, np.ndarray]:
    values = {}
    for full_name, value in found:
        key = name(full_name)
        # Keras 3 exports a variable twice.
        if key in values and not np.array_equal(values[key], value):
            raise ValueError(
                f"two weights in WarmStart.path = {path!r} are called {key}; layers must differ by "
                "name"
            )
        values[key] = value
    return values
