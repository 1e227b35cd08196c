"""Configurables that exist in modules which a configuration has not imported."""

import ast
import functools
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_PACKAGES = ("growth", "models", "trainer")
# Of a user's folder, which may hold anything.
_MOST_FILES = 200
_LARGEST_FILE = 10**6  # Bytes.


def modules(folders: Sequence[str]) -> dict[str, str]:
    """The module of each configurable, by name, found by reading sources; nothing is imported.

    Args:
      folders: of a user's modules; this program's own are looked at first.
    """
    return _by_name(_users(folders)) | _own()


def files(folders: Sequence[str]) -> dict[str, str]:
    """The path of each module in a user's folders, by name."""
    return {module: str(file) for module, file in _users(folders)}


def _by_name(files: Iterable[tuple[str, pathlib.Path]]) -> dict[str, str]:
    return {name: module for module, file in files for name in _configurables(file)}


@functools.cache
def _own() -> dict[str, str]:
    files = [file for package in _PACKAGES for file in (_ROOT / package).rglob("*.py")]
    return _by_name(
        (".".join(file.relative_to(_ROOT).with_suffix("").parts), file) for file in sorted(files)
    )


def _users(folders: Sequence[str]) -> Iterator[tuple[str, pathlib.Path]]:
    for folder in dict.fromkeys(os.path.abspath(folder) for folder in folders):
        if pathlib.Path(folder) != _ROOT:
            for file in sorted(pathlib.Path(folder).glob("*.py"))[:_MOST_FILES]:
                yield file.stem, file


def _configurables(file: pathlib.Path) -> Iterator[str]:
    """The names that a module registers with Gin."""
    try:
        text = file.read_text() if file.stat().st_size < _LARGEST_FILE else ""
        tree = ast.parse(text) if "configurable" in text or "gin.register" in text else None
    except (OSError, ValueError, SyntaxError):
        return
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            for decorator in node.decorator_list:
                if "gin.configurable" in (text := ast.unparse(decorator)) or "gin.reg" in text:
                    yield _given_name(decorator) or node.name
        elif isinstance(node, ast.Call) and "external_configurable" in ast.unparse(node.func):
            yield from filter(None, [_given_name(node, 1)])
        # Classes that a module registers in a loop.
        elif isinstance(node, ast.For) and "external_configurable" in ast.unparse(node):
            classes = getattr(node.iter, "elts", [])
            yield from (each.attr for each in classes if isinstance(each, ast.Attribute))


def _given_name(node: ast.expr, position: int = 0) -> str | None:
    """The name that a call of Gin gives to what it registers, or None."""
    arguments = node.args[position:] if isinstance(node, ast.Call) else []
    named = arguments[0] if arguments else None
    if isinstance(named, ast.Constant) and isinstance(named.value, str):
        return named.value
    return None
