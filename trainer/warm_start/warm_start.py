"""Starts a run from a network that was trained elsewhere."""

import fnmatch
from collections.abc import Callable, Sequence

import gin
import numpy as np
import tensorflow as tf
import tf_keras

from growth.surgery import surgery
from models import site as site_lib
from models.layers import growable as layers_lib
from models.layers import memory, normalization
from trainer.command import paths
from trainer.warm_start import named_weights


@gin.configurable
class WarmStart:
    """The weights of another network, by the names of layers; it need not be one of this program.

    Sites get the widths that they have in that network, and grow from there; all other sizes must
    be the same. A dense layer on a map takes the matrix of one on the flattened map. What belongs
    to the optimizer starts afresh, averages of weights as the weights.

    Args:
      path: a model_dir (its newest checkpoint), a folder of checkpoints (the newest), a checkpoint,
        a SavedModel's folder, or a file of tf_keras (`.keras`, `.h5`).
      skip: names of layers on either side that are left out, or patterns such as "block_3_*". They
        start as they would without a warm start: the output layer, for other classes.
    """

    def __init__(self, path: str = gin.REQUIRED, skip: Sequence[str] = ()):
        self._path = paths.bound("WarmStart.path", path)
        self._skip = (skip,) if isinstance(skip, str) else tuple(skip)

    def values(
        self,
        model: tf_keras.Model,
        slots: Callable[[tf.Variable], Sequence[surgery.Slot]],
    ) -> list[surgery.Grown]:
        """The initial values of the variables of `model` and of their `slots`.

        Raises:
          ValueError: the network at `path` does not fit, which names what and how.
        """
        read = named_weights.read(self._path)
        variables = _by_name(model)
        self._check_skip([*variables, *read.values])
        weights = {key: value for key, value in read.values.items() if not self._is_skipped(key)}
        self._check_names(weights, variables)
        self._check_epsilons(model, read.epsilons)
        weights = {key: _on_a_map(value, variables[key]) for key, value in weights.items()}
        sites = site_lib.sites_of(model, required=False)
        by_variable = {variables[key].ref(): value for key, value in weights.items()}
        shapes = _shapes(variables, sites, self._widths(sites, by_variable))
        self._check_shapes(weights, shapes, variables)
        self._check_initial_channels(model, by_variable, shapes)
        by_variable |= _made_anew(model, sites, by_variable, shapes)
        values = []
        for variable in variables.values():
            if variable.ref() in by_variable:
                value = tf.cast(by_variable[variable.ref()], variable.dtype)
                values.append(surgery.Grown(variable, value))
                values += [surgery.Grown(s.variable, _slot(s, value)) for s in slots(variable)]
        return values

    def _is_skipped(self, key: str) -> bool:
        return any(fnmatch.fnmatchcase(key.partition("/")[0], pattern) for pattern in self._skip)

    def _check_skip(self, keys: Sequence[str]) -> None:
        layers = sorted({key.partition("/")[0] for key in keys})
        for pattern in self._skip:
            if not fnmatch.filter(layers, pattern):
                raise ValueError(
                    f"WarmStart.skip = {self._skip!r}: {pattern!r} is none of the layers "
                    f"{', '.join(layers)}"
                )

    def _check_names(self, weights, variables) -> None:
        extra = sorted(set(weights) - set(variables))
        # A normalization of another program centers all of its channels.
        missing = sorted(
            key
            for key in set(variables) - set(weights)
            if not self._is_skipped(key) and not key.endswith("/centred")
        )
        sides = [("in it, but not in this network", extra), ("not in it", missing)]
        if extra or missing:
            raise ValueError(
                f"the names in WarmStart.path = {self._path!r} are not those of this network:"
                + "".join(f"\n  {side}: {', '.join(names)}" for side, names in sides if names)
                + "\n  Name the layers alike, or leave some out by WarmStart.skip"
            )

    def _check_epsilons(self, model, epsilons) -> None:
        for layer in model.submodules:
            there = epsilons.get(getattr(layer, "name", None))
            here = getattr(layer, "epsilon", there)
            if (
                there is not None
                and not np.isclose(here, there)
                and not self._is_skipped(layer.name)
            ):
                raise ValueError(
                    f"{layer.name} adds {there:g} to variances in WarmStart.path = {self._path!r}, "
                    f"and {here:g} here; bind {type(layer).__name__}.epsilon = {there:g}"
                )

    def _widths(self, sites, by_variable) -> dict[str, int]:
        """The neurons of each site in the other network; of this one where nothing is loaded."""
        widths = {}
        for site in sites:
            found = {
                variable.name.partition(":")[0]: by_variable[variable.ref()].shape[axis]
                for variable, axis in site.axes
                if variable.ref() in by_variable
                and by_variable[variable.ref()].ndim == variable.shape.rank
            }
            if len(set(found.values())) > 1:
                each = ", ".join(
                    f"{width} in {named_weights.name(v)}" for v, width in found.items()
                )
                raise ValueError(
                    f"in WarmStart.path = {self._path!r} the layers of site {site.name} differ in "
                    f"its number of neurons: {each}"
                )
            widths[site.name] = next(iter(found.values()), site.width)
        return widths

    def _check_shapes(self, weights, shapes, variables) -> None:
        wrong = [
            f"\n  {key}: {list(value.shape)} there, {shapes[variables[key].ref()]} here"
            for key, value in weights.items()
            if list(value.shape) != shapes[variables[key].ref()]
        ]
        if wrong:
            first = wrong[0].split("/")[0].strip()
            raise ValueError(
                f"WarmStart.path = {self._path!r} has other shapes than this network, in axes that "
                f"do not grow:{''.join(wrong)}\n  Bind the model to those sizes, or leave layers "
                f"out: WarmStart.skip = [{first!r}]"
            )

    def _check_initial_channels(self, model, by_variable, shapes) -> None:
        for layer in model.submodules:
            if isinstance(layer, normalization.LayerNormalization):
                here = layers_lib.shape_now(layer.is_centered)[0]
                (width,) = shapes[layer.is_centered.ref()]
                there = int(np.sum(by_variable.get(layer.is_centered.ref(), np.ones(width))))
                if here != there:
                    raise ValueError(
                        f"{layer.name} takes mean and variance from {there} channels in "
                        f"WarmStart.path = {self._path!r}, and from {here} here; "
                        f"LayerNormalization keeps the initial ones: bind the width to {there}"
                    )


def _by_name(model: tf_keras.Model) -> dict[str, tf.Variable]:
    variables = {}
    for variable in model.variables:
        key = named_weights.name(variable.name)
        if key in variables:
            raise ValueError(
                f"a warm start goes by the names of layers, and two weights of {model.name} are "
                f"called {key}; let layers differ by name"
            )
        variables[key] = variable
    return variables


def _on_a_map(value: np.ndarray, variable: tf.Variable) -> np.ndarray:
    """The matrix of a dense layer on a flattened map, as a kernel `[height, width, fan-in, n]`."""
    if value.ndim != 2 or variable.shape.rank != 4:
        return value
    height, width = variable.shape[:2]
    if value.shape[0] % (height * width):
        return value
    return value.reshape([height, width, -1, value.shape[1]])


def _shapes(variables, sites, widths) -> dict[object, list[int]]:
    """The shape of each variable at other widths of sites."""
    shapes = {v.ref(): layers_lib.shape_now(v).as_list() for v in variables.values()}
    for site in sites:
        for variable, axis in site.axes:
            shapes[variable.ref()][axis] = widths[site.name]
    for key, variable in variables.items():
        memory.checked(shapes[variable.ref()], key)
    return shapes


def _made_anew(model, sites, by_variable, shapes) -> dict[object, tf.Tensor]:
    """Initial values of what is not loaded, and has to have another shape than it has."""
    anew = {}

    def make(variable, initial):
        shape = shapes[variable.ref()]
        if variable.ref() not in by_variable and layers_lib.shape_now(variable).as_list() != shape:
            anew[variable.ref()] = initial(shape)

    for site in sites:
        for layer in [*site.producers, *site.consumers]:
            make(layer.kernel, layer.kernel_initializer)
        for parameter in site.parameters:
            make(parameter.variable, lambda shape, p=parameter: p.initial(shape[p.axis]))
    return anew


def _slot(slot: surgery.Slot, value: tf.Tensor) -> tf.Tensor:
    return value if slot.initial is None else tf.fill(tf.shape(value), slot.initial)
