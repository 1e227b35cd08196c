"""When, where and how a network grows, and the surgery that combines them."""

import importlib.util
import os
import pathlib


def _check_models() -> None:
    """Raises ImportError if another module hides the package `models` that this one builds on."""
    folder = pathlib.Path(__file__).resolve().parent.parent
    spec = importlib.util.find_spec("models")
    places = [spec.origin, *(spec.submodule_search_locations or [])] if spec else []
    found = [os.path.realpath(place) for place in places if place]
    if not any(pathlib.Path(place).is_relative_to(folder) for place in found):
        raise ImportError(
            f"{found[0] if found else 'nothing'} hides the package models that growth builds on, "
            f"which is in {folder}; rename yours, or put {folder} before its folder on sys.path"
        )


_check_models()
