"""Reads Gin files and bindings, and turns every mistake in them into one message."""

import difflib
import inspect
import os
import pathlib
import re
import tokenize
from collections.abc import Callable, Sequence
from typing import Any

import gin

from trainer import binding_cycles, binding_types, error_reasons, errors

# Where this file's workspace, or its copy beside a built binary, keeps gin_configs/.
_ROOT = pathlib.Path(__file__).resolve().parent.parent


def load(files: Sequence[str], bindings: Sequence[str], search_paths: Sequence[str] = ()) -> None:
    """Parses `files` in order, then `bindings`; what comes last wins.

    Relative files are looked up in the working directory, in each of `search_paths`, in the
    workspace of `bazel run` and beside the program, in this order.

    Args:
      files: paths of .gin files.
      bindings: single bindings, as in a .gin file.
      search_paths: further folders to look in.

    Raises:
      UserError: a file cannot be read, or a name, a parameter or the type of a value is wrong.
    """
    workspace = os.environ.get("BUILD_WORKSPACE_DIRECTORY", "")
    folders = ["", *search_paths, *filter(None, [workspace]), str(_ROOT)]
    for folder in folders[1:]:
        if folder not in gin.config._LOCATION_PREFIXES:  # A sweep loads many configurations.
            gin.add_config_file_search_path(folder)
    # The reader for files in Python packages crashes on a folder without __init__.py
    # (gin-config 0.5.0); the folders above are all there is to look in.
    del gin.config._FILE_READERS[1:]
    for file in files:
        path = _find(file, folders)
        _checked(lambda path=path: gin.parse_config_file(path), file)
    for binding in bindings:
        _checked(lambda binding=binding: gin.parse_config(binding), f"--gin_bindings={binding}")
    _checked(gin.finalize)


def literals() -> dict[str, int | float | str | bool]:
    """All bindings, by `name.parameter`; what is not a number or a truth value is text."""
    flat = {}
    for (scope, selector), parameters in gin.config._CONFIG.items():
        for parameter, value in parameters.items():
            name = f"{scope}/{selector}" if scope else selector.rpartition(".")[2]
            name = scope if selector == "gin.macro" else f"{name}.{parameter}"
            flat[name] = value if isinstance(value, (int, float, bool)) else str(value)
    return flat


def _find(file: str, folders: Sequence[str]) -> str:
    """The path of `file` in the first of `folders` that has it."""
    if not file:
        raise errors.UserError("--gin_file is empty; give the path of a .gin file")
    for folder in folders:
        path = os.path.join(folder, file)
        if os.path.isfile(path):
            return path
    near = [str(path.relative_to(_ROOT)) for path in (_ROOT / "gin_configs").rglob("*.gin")]
    places = ", ".join(dict.fromkeys(folder or "." for folder in folders))
    raise errors.UserError(
        f"--gin_file={file} is not a file (looked in {places})" + _did_you_mean(file, near)
    )


def _checked(parse: Callable[[], Any], where: str = "") -> None:
    """Runs `parse`, and raises as a UserError what it raises; its text comes from `where`."""
    try:
        parse()
    except errors.UserError:
        raise
    except SyntaxError as error:
        place = f"{error.filename}, line {error.lineno}" if error.filename else where
        text = f"{_reason(error.msg)}, in {place}: {(error.text or '').strip()}"
        raise errors.UserError(error_reasons.brief(text)) from error
    # A user's module may raise anything while a .gin file imports it.
    except Exception as error:  # noqa: BLE001
        text = _message(error, where)
        raise errors.UserError(error_reasons.brief(text) + _suggestion(text)) from error


def _message(error: Exception, where: str) -> str:
    """What Gin says, in fewer words."""
    text = str(error).partition(" in config string:")[0]  # Gin adds the whole configuration.
    if isinstance(error, tokenize.TokenError):
        text = f"{error.args[0]}, in {where}, line {error.args[1][0]}"
    if isinstance(error, RecursionError):
        text = "files that include each other in a circle, or lists in lists without end" + (
            text.partition("\n")[1] + text.partition("\n")[2]
        )
    return text.replace("In bindings string line 1", f"In {where}") if where else text


def _reason(message: str) -> str:
    """What is wrong with a value, without names of Python's classes."""
    return re.sub(
        r"malformed node or string.*",
        "a value must be a number, a text in quotes, True, False, None, a list of them, or @name",
        message,
    )


def _suggestion(message: str) -> str:
    """The nearest valid names, for a message of Gin about an unknown one."""
    if match := re.search(r"No configurable matching (?:reference )?'@?(.*?)(?:\(\))?'", message):
        known = [selector.rpartition(".")[2] for selector, _ in gin.config._REGISTRY.items()]
        return _did_you_mean(match[1].rpartition(".")[2], known)
    if match := re.search(r"No bindings specified for '(.*?)/gin.macro'", message):
        macros = [scope for scope, selector in gin.config._CONFIG if selector == "gin.macro"]
        return f"\n  %{match[1]} is a macro without a value." + _did_you_mean(match[1], macros)
    if match := re.search(r"Configurable '(.*?)' doesn't have a parameter named '(.*?)'", message):
        known = list(inspect.signature(gin.get_configurable(match[1])).parameters)
        return _did_you_mean(match[2], known) or f"\n  It has: {', '.join(known)}"
    return ""


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    name = name[:100]  # The search takes the square of its length.
    near = difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.6)
    return f"\n  Did you mean {' or '.join(near)}?" if near else ""


@gin.config.register_finalize_hook
def _check(bindings: binding_types.Bindings) -> None:
    binding_cycles.check(bindings, "gin.macro")
    binding_types.check(bindings)  # Sees through macros, and says more than that there is a circle.
    binding_cycles.check(bindings)
