"""Modules under their former names, for one version."""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Mapping, Sequence

from absl import logging


def install(modules: Mapping[str, str]) -> None:
    """Lets modules be imported by their former names as well, with a warning.

    Args:
      modules: current name by former name, both with their packages.
    """
    # First: a folder that a former version left behind, with its caches, is a package to Python.
    sys.meta_path.insert(0, _Finder(modules))


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, modules: Mapping[str, str]):
        self._modules = modules

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        return importlib.machinery.ModuleSpec(name, self) if name in self._modules else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        current = self._modules[spec.name]
        logging.warning(
            "%s is now %s; the next version will not know the old name", spec.name, current
        )
        module = importlib.import_module(current)
        # The import system is about to give it the old name and this loader.
        self._own = (module, module.__spec__, module.__loader__)
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        _, module.__spec__, module.__loader__ = self._own
