"""Writes a trained network for use without this program."""

import contextlib
import functools
import pathlib
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras
from absl import logging

from growth.linear_map import full_precision
from models.layers import forward_pass
from trainer import objectives
from trainer.command import errors
from trainer.datasets import batch_parts
from trainer.datasets import dataset as dataset_lib
from trainer.export import model_file, plain
from trainer.model_dir import unfinished

# The files of an export.
_WRITTEN = re.compile(
    rf"(saved_model|fingerprint|keras_metadata)\.pb|{re.escape(model_file.NAME)}"
    r"|variables/variables\.(index|data-[0-9]{5}-of-[0-9]{5})|(assets|assets\.extra)/.*"
)
_TOLERANCE = 1e-4  # Of the largest output: another order of operations rounds otherwise.


class _Inference(NamedTuple):
    """A network in float32, with variables of fully defined shapes."""

    call: Callable[[tf.Tensor], tf.Tensor]
    variables: Sequence[tf.Variable]


def export(
    network: tf_keras.Model,
    dataset: dataset_lib.Dataset,
    objective: objectives.Objective,
    folder: pathlib.Path,
) -> list[pathlib.Path]:
    """Writes `network` at its current widths, in two forms; docs/export.md shows their use.

    `folder` is a SavedModel, which needs TensorFlow alone. Its signature `serving_default` maps
    what `dataset.served_spec` says to `objective.predictions`, and `network` maps preprocessed
    `inputs` to `outputs`, both for any number of examples. In it, `model.h5` is the network as a
    tf_keras model of standard layers, which maps as `network` does; it is left out, with a
    warning, if the network cannot be had so. Both compute in float32. The folder appears whole or
    not at all.

    Args:
      network: with the weights to write.
      dataset: what it was trained on.
      objective: what it was trained for.
      folder: where to write; an earlier export there is replaced.

    Returns:
      `folder`, and the file of the tf_keras model if there is one.

    Raises:
      UserError: there is something else in `folder`.
    """
    _check_place(folder)
    spec = batch_parts.input_specs(dataset.train(0).element_spec[0])
    inference = _with_static_variables(network)
    try:
        with full_precision.full_precision(network):
            made = plain.build(network, spec)
        _check(made, inference, spec)
        inference = _Inference(functools.partial(made, training=False), made.variables)
    except plain.NotPlainError as error:
        made = None
        logging.warning(
            "%s is without %s, the network as standard layers: %s", folder, model_file.NAME, error
        )
    with _appearing(folder) as temporary:
        _write_saved_model(inference, spec, dataset, objective, temporary)
        if made is None:
            return [folder]
        model_file.write(made, temporary / model_file.NAME)
        return [folder, folder / model_file.NAME]


def _with_static_variables(network):
    """The network's own code on variables whose shapes are those of their values."""
    static = [variable for variable in network.variables if variable.shape.is_fully_defined()]
    copies = {
        variable.ref(): tf.Variable(variable.read_value(), name=variable.name.partition(":")[0])
        for variable in network.variables
        if not variable.shape.is_fully_defined()
    }

    def call(inputs):
        with full_precision.full_precision(network), forward_pass.substitute(copies):
            return network(inputs, training=False)

    return _Inference(call, [*copies.values(), *static])


def _check(model, inference, spec):
    """Raises NotPlainError unless `model` gives the outputs that `inference` gives."""
    probe = tf.nest.map_structure(_probe, spec)
    outputs, expected = (
        tf.cast(call(probe), tf.float32).numpy()
        for call in (functools.partial(model, training=False), inference.call)
    )
    tolerance = _TOLERANCE * np.max(np.abs(expected), where=np.isfinite(expected), initial=0.0)
    if not np.allclose(outputs, expected, rtol=0.0, atol=tolerance, equal_nan=True):
        raise plain.NotPlainError(
            "standard layers give other outputs than the network does; does a layer compute "
            "something else than the class that it inherits from?"
        )


def _probe(spec):
    """Three examples of an input."""
    shape = [3, *(size or 32 for size in spec.shape[1:])]
    if not spec.dtype.is_floating:
        return tf.zeros(shape, spec.dtype)
    return tf.cast(tf.random.stateless_normal(shape, [0, 1]), spec.dtype)


def _write_saved_model(inference, spec, dataset, objective, folder):
    def network(inputs):
        return tf.cast(inference.call(inputs), tf.float32)

    def outputs(inputs):
        return {"outputs": network(inputs)}

    def predictions(served):
        return objective.predictions(network(dataset.preprocess(served)))

    module = tf.Module()
    # The variables alone: with a model itself, its classes would have to be importable.
    module.captured = list(inference.variables)
    tf.saved_model.save(
        module,
        str(folder),
        signatures={
            "serving_default": _signature(predictions, dataset.served_spec()),
            "network": _signature(outputs, spec),
        },
    )


def _signature(function, spec):
    """`function` of nested tensors as one of an argument for each, by the names in `spec`."""
    specs = {part.name or "inputs": part for part in tf.nest.flatten(spec)}

    @tf.function
    def of_arguments(**arguments):
        return function(tf.nest.pack_sequence_as(spec, [arguments[name] for name in specs]))

    return of_arguments.get_concrete_function(**specs)


def _check_place(folder: pathlib.Path) -> None:
    """Raises UserError if `folder` has anything that an export would not have written."""
    if not folder.is_dir() or folder.is_symlink():
        others = [folder.name] if folder.is_symlink() or folder.exists() else []
    else:
        files = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
        names = (path.relative_to(folder).as_posix() for path in files)
        others = sorted(name for name in names if not _WRITTEN.fullmatch(name))
    if others:
        raise errors.UserError(
            f"{folder} is to be replaced by the export, but not all of it is of an earlier one: "
            f"{', '.join(others[:5])}{', ...' if others[5:] else ''}. Move it elsewhere"
        )


@contextlib.contextmanager
def _appearing(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder that gets the name `folder` when all is in it."""
    temporary = unfinished.beside(folder)
    outdone = unfinished.beside(folder.with_name(f"{folder.name}.outdone"))
    try:
        yield temporary
        _check_place(folder)
        if folder.exists():
            folder.rename(outdone)
        temporary.rename(folder)
    finally:
        if outdone.exists() and not folder.exists():
            outdone.rename(folder)
        for path in (temporary, outdone):
            shutil.rmtree(path, ignore_errors=True)
    # Only now: what a killed process was replacing may be among it.
    unfinished.remove(folder.parent, r"[0-9]+(\.outdone)?")
