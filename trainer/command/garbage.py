"""Python's garbage collection, set for programs that make millions of objects and keep them."""

import gc

# New objects at which Python looks for cycles; its default of 700 makes a run start a fifth slower:
# TensorFlow's modules and traced functions are looked through again and again, and stay.
_NEW_OBJECTS = 50_000


def collect_rarely() -> None:
    """Looks for garbage less often."""
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


def keep_modules() -> None:
    """Exempts what has been imported from the search; call it before a first run, not after."""
    if not gc.get_freeze_count():
        gc.freeze()
