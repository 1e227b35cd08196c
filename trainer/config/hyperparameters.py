"""The configuration as values that runs can be compared and filtered by."""

import re
import types
import typing
from collections.abc import Mapping
from typing import Any

from trainer.config import types as binding_types
from trainer.upstream import gin_config

Literal = int | float | str | bool

_MACRO = re.compile(r"%([\w./-]*\w)")


def comparable(literals: Mapping[str, Literal]) -> dict[str, Literal]:
    """The values of `config.literals`, with one type for each name, whatever a run binds to it.

    TensorBoard takes a name for text if runs differ in its type, and then finds no number among its
    values: the filters lose those runs. So the annotation of a parameter decides: numbers stay
    numbers, and None beside them is left out, which TensorBoard shows as missing; truth values
    likewise. Everything else, and what has no annotation, is text. Macros are replaced by their
    values, and have no line of their own.

    Args:
      literals: values by name, macros among them; the configurables are those that Gin knows.
    """
    values = {}
    for name, value in literals.items():
        if _is_macro(name):
            continue
        value = _without_macros(value, literals)
        kinds = _kinds(name) - {type(None)}
        if kinds and (kinds <= {int, float} or kinds == {bool}):
            if not isinstance(value, str):
                values[name] = value
        else:
            values[name] = str(value)
    return values


def _is_macro(name):
    return "." not in name


def _without_macros(value, literals):
    """`value` with the values of macros in their place, also within lists."""
    if not isinstance(value, str):
        return value
    match = _MACRO.fullmatch(value)
    if match and match[1] in literals:
        return _without_macros(literals[match[1]], literals)

    def inner(match):
        found = literals.get(match[1], match[0])
        return match[0] if found == match[0] else str(_without_macros(found, literals))

    return _MACRO.sub(inner, value)


def _kinds(name: str) -> set[Any]:
    """The types that the annotation of a parameter allows; none if it has no annotation."""
    selector, _, parameter = name.rpartition("/")[2].rpartition(".")
    configurable = gin_config.configurable(selector)
    hint = binding_types.hints(configurable).get(parameter) if configurable else None
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return set(typing.get_args(hint))
    return {hint} - {None}
