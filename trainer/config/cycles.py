"""Bindings that lead in a circle, which would be followed for ever."""

from collections.abc import Iterator
from typing import Any

import gin

from trainer.command import errors
from trainer.config import types

# A configurable and the scopes it is called in, outermost first.
_Place = tuple[tuple[str, ...], str]


def check(bindings: types.Bindings, only: str | None = None) -> None:
    """Follows macros and references with parentheses.

    Args:
      bindings: by scope and selector.
      only: the selector of what is followed; all is if None.

    Raises:
      UserError: one of them leads back to where it came from.
    """
    done: set[_Place] = set()
    bindings = {key: values for key, values in bindings.items() if only in (None, key[1])}
    for scope, selector in bindings:
        _follow((tuple(scope.split("/")) if scope else (), selector), bindings, [], done)


def _follow(place: _Place, bindings: types.Bindings, path: list[_Place], done: set[_Place]) -> None:
    """Raises UserError if a circle can be reached from `place`, where `path` has led."""
    if place in path:
        circle = [*path[path.index(place) :], place]
        raise errors.UserError(
            f"{_name(place)} is bound to itself: {' -> '.join(map(_name, circle))}"
        )
    if place in done:
        return
    path.append(place)
    for reference in _references(place, bindings):
        scopes = tuple(reference.scopes) or place[0]
        _follow((scopes, reference.configurable.selector), bindings, path, done)
    done.add(path.pop())


def _references(
    place: _Place, bindings: types.Bindings
) -> Iterator[gin.config.ConfigurableReference]:
    """The references evaluated for a call at `place`; inner scopes inherit bindings."""
    scopes, selector = place
    values: dict[str, Any] = {}
    for i in range(len(scopes) + 1):
        values |= bindings.get(("/".join(scopes[:i]), selector), {})
    return (found for found in gin.config.iterate_references(values) if found.evaluate)


def _name(place: _Place) -> str:
    scopes, selector = place
    if selector == "gin.macro":
        return f"%{'/'.join(scopes)}"
    return "/".join((*scopes, selector.rpartition(".")[2]))
