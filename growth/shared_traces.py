"""One traced function for all growth sites that are alike.

The twelve sites of a WRN-28-1 are of five kinds. A graph with a function for each kind is traced,
optimized and placed in a fraction of the time that one with twelve copies takes.
"""

from collections.abc import Callable, Hashable
from typing import Any

import tensorflow as tf

from growth.linear_map import linear_map
from models import site as site_lib


class SharedTraces:
    """Calls a function of a site, which is traced for the first one of each kind.

    For another site of the kind the traced function is called with that site's variables and
    observed tensors in the place of those that it captured. Each site is traced by itself where a
    layer has no `trace_key`, where the function captures anything else, where replicas have values
    of their own, and where a compiler is to see the values of arguments.

    Args:
      function: maps (linear_map, *arguments) to tensors; the arguments are tensors.
    """

    def __init__(self, function: Callable[..., Any]):
        self._function = function
        self._traced: dict[Hashable, tuple] = {}

    def __call__(self, view: linear_map.LinearMap, *arguments: tf.Tensor) -> Any:
        """`function(view, *arguments)`."""
        is_constant = any(tf.get_static_value(argument) is not None for argument in arguments)
        key = None if tf.executing_eagerly() or is_constant else _key(view)
        if key is None:
            return self._function(view, *arguments)
        own = _parts(view)
        if key not in self._traced:
            self._traced[key] = self._trace(view, own, arguments)
        traced, places = self._traced[key]
        if places is None:
            return self._function(view, *arguments)
        traced.set_external_captures([own[place] for place in places])
        return traced(*arguments)

    def _trace(self, view, own, arguments):
        """The function of a kind, and which of a site's parts each of its captures is."""
        traced = tf.function(
            lambda *arguments: self._function(view, *arguments),
            autograph=False,
            # Inlined it would be optimized for every site again.
            experimental_attributes={"_noinline": True},
        ).get_concrete_function(*arguments)
        known = {id(part): place for place, part in reversed(list(enumerate(own)))}
        places = [known.get(id(outer)) for outer in traced.captured_inputs]
        return traced, None if None in places else places


def _parts(view: linear_map.LinearMap) -> list[tf.Tensor]:
    """The handles of a site's variables, and its observed tensors, in one order for all sites."""
    return [v.handle for v in _variables(view.site)] + [x for x in view.tensors if x is not None]


def _variables(site: site_lib.GrowthSite) -> list[tf.Variable]:
    return [variable for layer in _layers(site) for variable in layer.variables]


def _layers(site: site_lib.GrowthSite) -> list:
    return [*site.producers, *site.between, *site.consumers]


def _key(view: linear_map.LinearMap) -> Hashable | None:
    """The kind of a site; None for one that is unlike all others."""
    site = view.site
    # Under some strategies variables and tensors are one of each for every replica.
    if any(hasattr(part, "values") for part in (*_variables(site), *view.tensors)):
        return None
    layers = [_layer_key(layer) for layer in _layers(site)]
    if None in layers:
        return None
    parts = [*_variables(site), *view.tensors]
    same = [next(i for i, x in enumerate(parts) if x is part) for part in parts]
    shapes = [None if x is None else (x.dtype, x.shape) for x in parts]
    sizes = len(site.producers), len(site.between), len(site.consumers)
    return (sizes, tuple(layers), tuple(same), tuple(shapes), view.trace_key)


def _layer_key(layer) -> Hashable | None:
    # A subclass may compute something else, unless it says so itself.
    if "trace_key" not in vars(type(layer)) or layer.trace_key is None:
        return None
    return type(layer), layer.compute_dtype, *layer.trace_key
