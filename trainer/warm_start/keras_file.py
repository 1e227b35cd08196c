"""Reads the weights in a file of Keras, of either generation, without making its layers.

A file may be a stranger's, and Keras runs code that is in one: Lambda layers, names of modules to
import. Here numbers and names are read, and nothing else.

    .h5          HDF5; weights by the names of variables
    .weights.h5  HDF5; weights by classes of layers and numbers
    .keras       a zip of config.json and model.weights.h5
"""

import collections
import io
import json
import pathlib
import zipfile
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from models.layers import memory
from trainer.upstream import keras_layers

SUFFIXES = (".keras", ".h5", ".hdf5")
# The weights of layers in the order in which .weights.h5 numbers them, by class in snake case.
_WEIGHTS = {
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "conv1d": ("kernel", "bias"),
    "conv2d": ("kernel", "bias"),
    "conv2d_transpose": ("kernel", "bias"),
    "conv3d": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
    "depthwise_conv2d": ("kernel", "bias"),
    "einsum_dense": ("kernel", "bias"),
    "embedding": ("embeddings",),
    "group_normalization": ("gamma", "beta"),
    "layer_normalization": ("gamma", "beta"),
    "prelu": ("alpha",),
    "separable_conv2d": ("depthwise_kernel", "pointwise_kernel", "bias"),
}
# Arguments of a layer that say that it is without a weight.
_SWITCHES = {"gamma": "scale", "beta": "center", "bias": "use_bias"}
# Places in .weights.h5 of what a compiled model has beside the network.
_NO_NETWORK = (["optimizer"], ["metrics"])
_Config = dict[str, Any]


def read(path: pathlib.Path) -> tuple[list[tuple[str, np.ndarray]], dict[str, float]]:
    """Reads a file.

    Returns:
      The weights with their full names, .../LAYER/WEIGHT; and the epsilons of layers by name, as
      far as the file has a configuration.

    Raises:
      ValueError, OSError, KeyError, RuntimeError: the file is not of this kind, is damaged, refers
        to other files, or does not say what layers are called.
    """
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            config = json.loads(_member(archive, "config.json"))
            with h5py.File(io.BytesIO(_member(archive, "model.weights.h5")), "r") as file:
                return list(_numbered(file, config)), epsilons(config)
    with h5py.File(path, "r") as file:
        config = json.loads(file.attrs.get("model_config", "{}"))
        if "layers" in file and "layer_names" not in file.attrs:
            return list(_numbered(file, config)), {}
        return list(_arrays(file.get("model_weights", file))), epsilons(config)


def epsilons(config: Any) -> dict[str, float]:
    """`epsilon` of the layers in a configuration, at any depth, by name."""
    found = {}
    waiting = [config]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            waiting += each.values()
            if isinstance(each.get("name"), str) and isinstance(each.get("epsilon"), float):
                found[each["name"]] = each["epsilon"]
    return found


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    # A few bytes may claim to be many.
    memory.checked([archive.getinfo(name).file_size // 4], f"{name} in {archive.filename}")
    return archive.read(name)


def _arrays(group: h5py.Group) -> Iterator[tuple[str, np.ndarray]]:
    """All arrays of numbers in a group by path; soft and external links are not followed."""
    for name, link in ((name, group.get(name, getlink=True)) for name in group):
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{group.name}/{name} is a link to another place or file")
        each = group[name]
        if isinstance(each, h5py.Group):
            yield from _arrays(each)
        elif isinstance(each, h5py.Dataset):
            yield each.name, _array(each)


def _array(dataset: h5py.Dataset) -> np.ndarray:
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{dataset.name} is kept in another file")
    if dataset.shape is None or dataset.dtype.kind not in "fiub":
        raise ValueError(f"{dataset.name} is no array of numbers but of {dataset.dtype}")
    memory.checked(dataset.shape, dataset.name)
    return dataset[()]


def _numbered(file: h5py.File, config: _Config) -> Iterator[tuple[str, np.ndarray]]:
    """The weights of a file that numbers them."""
    layers = dict(_layers_by_path(config.get("config", {}), ""))
    for path, value in _arrays(file):
        place, is_weight, number = path.rpartition("/vars/")
        if not is_weight or place.split("/")[1:2] in _NO_NETWORK:
            continue
        layer = layers.get(place, {})
        name = layer.get("name") or file[f"{place}/vars"].attrs.get("name")
        if name is None:
            raise ValueError(
                f"it does not say what the layer of {path} is called; save the model as .keras"
            )
        yield f"{name}/{_weight(place, layer, int(number))}", value


def _layers_by_path(config: _Config, path: str) -> Iterator[tuple[str, _Config]]:
    """The configuration of each layer by its place in a .weights.h5: /layers/dense_1."""
    counts = collections.Counter()
    for layer in config.get("layers", []):
        kind = keras_layers.to_snake_case(layer["class_name"])
        place = f"{path}/layers/{kind}" + (f"_{counts[kind]}" if counts[kind] else "")
        counts[kind] += 1
        yield place, layer["config"]
        yield from _layers_by_path(layer["config"], place)


def _weight(place: str, layer: _Config, number: int) -> str:
    """The name of a weight; its number, if that is all that is known."""
    kind = place.rpartition("/")[2]
    kind = kind if kind in _WEIGHTS else kind.rstrip("0123456789").removesuffix("_")
    names = [n for n in _WEIGHTS.get(kind, ()) if layer.get(_SWITCHES.get(n, n), True)]
    return names[number] if number < len(names) else str(number)
