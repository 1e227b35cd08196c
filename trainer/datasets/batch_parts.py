"""Names of the tensors of a batch, for messages."""

from collections.abc import Iterator, Mapping
from typing import Any

NAMES = ("inputs", "targets", "weights")


def named(batch: tuple) -> dict[str, Any]:
    """The tensors of a batch, or their specs, by name: `inputs["x"]`, `targets`, `weights`.

    Args:
      batch: (inputs, targets) or (inputs, targets, weights); inputs may be nested.
    """
    parts = {}
    for name, part in zip(NAMES, batch, strict=False):
        parts |= dict(_leaves(name, part))
    return parts


def _leaves(name: str, part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, Mapping):
        items = part.items()
    elif isinstance(part, tuple | list):
        items = enumerate(part)
    else:
        yield name, part
        return
    for key, value in items:
        yield from _leaves(f"{name}[{key!r}]", value)
