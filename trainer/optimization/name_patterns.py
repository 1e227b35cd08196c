"""Patterns of variable names that an optimizer was given, e.g. to exclude from weight decay."""

import difflib
import re
from collections.abc import Iterator, Sequence

import tensorflow as tf
import tf_keras

_PREFIXES = ("exclude_from_", "include_in_")


def check(optimizer: tf_keras.optimizers.Optimizer, variables: Sequence[tf.Variable]) -> None:
    """Looks for patterns that fit no variable: what they are meant for would happen all the same.

    Args:
      optimizer: whatever applies gradients; not one around another.
      variables: the parameters it will update.

    Raises:
      ValueError: a pattern is no regular expression, or is found in no name.
    """
    names = [_name(optimizer, variable) for variable in variables]
    for argument, patterns in _given(optimizer):
        for pattern in patterns:
            where = f"the optimizer's {argument} = {patterns!r}: {pattern!r}"
            try:
                if any(re.search(pattern, name) for name in names):
                    continue
            except re.error as error:
                raise ValueError(f"{where} is not a regular expression: {error}") from error
            raise ValueError(
                f"{where} is in the name of no variable.{_nearest(pattern, names)}\n"
                f"  The names: {', '.join(names)}"
            )


def _given(optimizer) -> Iterator[tuple[str, list[str]]]:
    """Arguments with patterns of names, as optimizers of Model Garden and Keras keep them."""
    for attribute, value in vars(optimizer).items():
        argument = attribute.lstrip("_")
        if argument.startswith(_PREFIXES) and isinstance(value, list | tuple):
            patterns = [pattern for pattern in value if isinstance(pattern, str)]
            if patterns:
                yield argument, patterns


def _name(optimizer, variable):
    """The names that the optimizer searches: LAMB leaves out the `:0` at the end."""
    shortened = getattr(optimizer, "_get_variable_name", None)
    return shortened(variable.name) if shortened else variable.name


def _nearest(pattern, names):
    words = sorted({word for name in names for word in re.split("[/:]", name) if word != "0"})
    near = difflib.get_close_matches(pattern, words, n=2, cutoff=0.5)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
