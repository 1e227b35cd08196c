"""Grids over bindings: the flag --grid, and the points it stands for."""

import dataclasses
import hashlib
import itertools
import re
import urllib.parse
from collections.abc import Sequence

from trainer.command import errors

_NAME = re.compile(r"([\w./-]+/)?[\w.]+")
_EXAMPLE = '--grid="ConstantLrConfig.learning_rate=0.05,0.1"'
_CLOSING = {"(": ")", "[": "]", "{": "}"}
# Of a folder's name: what file systems, shells and TensorFlow leave alone.
_PLAIN = "@(),+=_.-"
_LONGEST_LABEL = 100


@dataclasses.dataclass(frozen=True)
class Point:
    """A point of a grid.

    Attributes:
      bindings: one of each axis, as in a .gin file.
      label: names the point in folders and tables, e.g. `learning_rate=0.05`; the same whatever
        other values the axes have. Empty for the one point of no grid.
    """

    bindings: tuple[str, ...]
    label: str


def points(grids: Sequence[str], bindings: Sequence[str] = ()) -> list[Point]:
    """The cartesian product of all axes, of which the last one changes fastest.

    Args:
      grids: what --grid gives, `name.parameter=value,value`; a value may have commas within
        brackets and quotes.
      bindings: what --gin_bindings gives, which must not bind what a grid does.

    Raises:
      UserError: a grid cannot be read, or binds what something else binds.
    """
    axes = [_axis(grid) for grid in grids]
    names = [name for name, _ in axes]
    for name, grid in zip(names, grids, strict=True):
        if name == "seed":
            raise errors.UserError(f"--grid={grid} must not bind seed; give --seeds=N for 0 to N-1")
        if names.count(name) > 1:
            raise errors.UserError(f"--grid={grid}: give {name} in one --grid, with all its values")
        if name in [binding.partition("=")[0].strip() for binding in bindings]:
            raise errors.UserError(f"--grid={grid} and --gin_bindings both bind {name}; drop one")
    lasts = [_last(name) for name in names]
    shorts = [
        last if lasts.count(last) == 1 else name for name, last in zip(names, lasts, strict=True)
    ]
    return [
        Point(
            bindings=tuple(f"{name} = {v}" for name, v in zip(names, values, strict=True)),
            label=_label([f"{short}={v}" for short, v in zip(shorts, values, strict=True)]),
        )
        for values in itertools.product(*(values for _, values in axes))
    ]


def _axis(grid: str) -> tuple[str, list[str]]:
    """Name and values of a --grid."""
    name, equals, text = grid.partition("=")
    name = name.strip()
    if not equals or not _NAME.fullmatch(name):
        raise errors.UserError(
            f"--grid={grid} must be name.parameter=value,value,..., e.g. {_EXAMPLE}"
        )
    values = [value.strip() for value in _split(text, grid)]
    if not all(values):
        raise errors.UserError(f"--grid={grid} has an empty value; e.g. {_EXAMPLE}")
    for value in values:
        if values.count(value) > 1:
            raise errors.UserError(f"--grid={grid} must not have {value} more than once")
    return name, values


def _split(text: str, grid: str) -> list[str]:
    """Splits at commas outside of brackets and quotes."""
    parts, open_brackets, quote, escaped = [""], [], "", False
    for character in text:
        if quote:
            if character == quote and not escaped:
                quote = ""
            escaped = character == "\\" and not escaped
        elif character in "'\"":
            quote = character
        elif character in _CLOSING:
            open_brackets.append(_CLOSING[character])
        elif character in _CLOSING.values():
            if not open_brackets or open_brackets.pop() != character:
                raise errors.UserError(f"--grid={grid} has a {character} that closes nothing")
        elif character == "," and not open_brackets:
            parts.append("")
            continue
        parts[-1] += character
    if missing := quote or "".join(open_brackets[-1:]):
        raise errors.UserError(f"--grid={grid} must have another {missing} at its end")
    return parts


def _last(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[2]


def _label(parts: Sequence[str]) -> str:
    """A name that can be a folder's: other characters as in an address, no space after a comma."""
    label = ",".join(urllib.parse.quote(re.sub(r",\s+", ",", part), safe=_PLAIN) for part in parts)
    if len(label) <= _LONGEST_LABEL:
        return label
    digest = hashlib.sha256(label.encode()).hexdigest()[:8]
    return f"{label[: _LONGEST_LABEL - len(digest) - 3]}...{digest}"
