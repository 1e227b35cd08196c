"""Private parts of Gin; gin-config 0.5.0.

Gin has no public list of what is registered or bound, and no way to replace its file reader.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

import gin


def configurables() -> Iterator[Any]:
    """Gin's records of all configurables: `selector`, the full name, and `wrapped`, what it is."""
    for _, registered in gin.config._REGISTRY.items():
        yield registered


def configurable(selector: str) -> Any | None:
    """The function or class behind the full name of a configurable, or the end of it."""
    found = gin.config._REGISTRY.get_match(selector)
    return found and found.wrapped


def unbindable(target: Any) -> Sequence[str]:
    """The parameters of a function or class that Gin refuses to bind."""
    found = [each.denylist for each in configurables() if each.wrapped is target]
    return found[0] or () if found else ()


def bindings() -> Mapping[tuple[str, str], dict[str, Any]]:
    """The values of parameters by scope and full name of the configurable; macros among them."""
    return gin.config._CONFIG


def read_files_by(open_file: Callable[[str], TextIO], exists: Callable[[str], bool]) -> None:
    """Has Gin read files by `open_file` alone, where `exists`.

    `gin.register_file_reader` adds a reader, and those before it go first: `open`, which fails on
    files that are not UTF-8, and the reader for files in Python packages, which crashes on a folder
    without __init__.py.
    """
    gin.config._FILE_READERS[:] = [(open_file, exists)]


def add_search_path(folder: str) -> None:
    """Has Gin look for files in `folder` as well; once, however often this is called."""
    if folder not in gin.config._LOCATION_PREFIXES:  # A sweep loads many configurations.
        gin.add_config_file_search_path(folder)
