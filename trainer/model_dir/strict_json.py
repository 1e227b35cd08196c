"""JSON as its standard has it: a number that is not finite, which it does not know, is null."""

import json
import math
from collections.abc import Mapping
from typing import Any


def dumps(value: Any, indent: int | None = None) -> str:
    """The text of `value`, with null for NaN and infinities."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def loads(text: str) -> Any:
    """Parses `text`, of numbers and strings; NaN for null.

    Raises:
      ValueError: it is not JSON.
    """
    return _numbers(json.loads(text))


def _numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _numbers(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_numbers(part) for part in value]
    return math.nan if value is None else value


def _finite(value: Any) -> Any:
    if hasattr(value, "item"):  # A number of NumPy's.
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value
