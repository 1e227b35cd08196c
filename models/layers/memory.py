"""Refuses arrays that this machine cannot hold, before they are made."""

import math
import os
from collections.abc import Sequence

# A parameter has a gradient, slots, and copies of all of them while it is updated or grows.
_SHARE = 8
_BYTES = 4  # Of a float32.


def size() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def checked(shape: Sequence[int], what: str) -> Sequence[int]:
    """The shape of an array of float32 numbers, which need not have been made yet.

    Args:
      shape: its shape.
      what: the array, for the message.

    Raises:
      ValueError: it takes more than an eighth of this machine's memory. Making it need not fail,
        but the operating system kills who fills the memory.
    """
    needed, most = math.prod(shape) * _BYTES, size() / _SHARE
    if needed > most:
        raise ValueError(
            f"{what} would have the shape {list(shape)} and take {needed / 1e9:.3g} GB; "
            f"{most / 1e9:.3g} GB are the most that leave room for what is computed from them. "
            "Bind smaller sizes"
        )
    return shape
