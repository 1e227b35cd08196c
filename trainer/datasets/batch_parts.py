"""Names of the tensors of a batch, for messages and for exported networks."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

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


def input_specs(inputs: Any) -> Any:
    """The types of inputs `[None, ...]`, nested as they are, each with a name of its own.

    Args:
      inputs: their types in training, a tf.TensorSpec or several, nested.

    Returns:
      The names are `inputs` for one tensor, the keys for a dictionary, and `inputs_0`, ... for a
      tuple.
    """
    names = [_identifier(name) for name, _ in _leaves("inputs", inputs)]
    if len(set(names)) < len(names):
        raise ValueError(f"inputs need different names, but are {', '.join(names)}")
    specs = [
        tf.TensorSpec([None, *spec.shape[1:]], spec.dtype, name)
        for (_, spec), name in zip(_leaves("inputs", inputs), names, strict=True)
    ]
    return tf.nest.pack_sequence_as(inputs, specs)


def _identifier(name: str) -> str:
    """`inputs['x']` as `x`, and `inputs[0]` as `inputs_0`."""
    path = re.findall(r"\[(.*?)\]", name)
    prefix = [] if path and not path[0].isdecimal() else ["inputs"]
    return "_".join([*prefix, *(re.sub(r"\W", "_", key.strip("'\"")) for key in path)])


def _leaves(name: str, part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, Mapping):
        items = sorted(part.items())  # As tf.nest does.
    elif isinstance(part, tuple | list):
        items = enumerate(part)
    else:
        yield name, part
        return
    for key, value in items:
        yield from _leaves(f"{name}[{key!r}]", value)
