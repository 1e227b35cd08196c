"""The commands of an installed copy: grow-train, grow-sweep and grow-inspect.

They start here and not in the package `trainer`, because a user's own package may have that name.
"""

import importlib.util
import os
import pathlib
import runpy
import sys

_FOLDER = pathlib.Path(__file__).resolve().parent


def train() -> None:
    """Runs trainer/main.py."""
    _run("trainer.main")


def sweep() -> None:
    """Runs trainer/sweep/main.py."""
    _run("trainer.sweep.main")


def inspect() -> None:
    """Runs trainer/inspect_run.py."""
    _run("trainer.inspect_run")


def _run(program: str) -> None:
    """Runs a module as a program; exits with status 2 if another package hides `trainer`.

    The program itself looks for packages that hide `growth` and `models`.
    """
    spec = importlib.util.find_spec("trainer")
    places = [spec.origin, *(spec.submodule_search_locations or [])] if spec else []
    found = [os.path.realpath(place) for place in places if place]
    if not any(pathlib.Path(place).is_relative_to(_FOLDER) for place in found):
        print(
            f"error: {found[0] if found else 'nothing'} hides the package trainer of this program, "
            f"which is in {_FOLDER}; rename yours, or leave its folder out of PYTHONPATH",
            file=sys.stderr,
        )
        sys.exit(2)
    runpy.run_module(program, run_name="__main__", alter_sys=True)
