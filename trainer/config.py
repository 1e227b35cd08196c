"""Reads Gin files and bindings, and turns every mistake in them into one message."""

import collections.abc
import difflib
import inspect
import os
import pathlib
import re
import tokenize
import types
import typing
from collections.abc import Sequence
from typing import Any

import gin

from trainer import errors

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


def _checked(parse: typing.Callable[[], Any], where: str = "") -> None:
    """Runs `parse`, and raises as a UserError what it raises; its text comes from `where`."""
    try:
        parse()
    except errors.UserError:
        raise
    except SyntaxError as error:
        place = f"{error.filename}, line {error.lineno}" if error.filename else where
        raise errors.UserError(f"{error.msg}, in {place}: {(error.text or '').strip()}") from error
    # A user's module may raise anything while a .gin file imports it.
    except Exception as error:  # noqa: BLE001
        text = str(error)
        if isinstance(error, tokenize.TokenError):
            text = f"{error.args[0]}, in {where}, line {error.args[1][0]}"
        text = text.partition(" in config string:")[0]  # Gin adds the whole configuration.
        text = text.replace("In bindings string line 1", f"In {where}") if where else text
        raise errors.UserError(text + _suggestion(text)) from error


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
    near = difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.6)
    return f"\n  Did you mean {' or '.join(near)}?" if near else ""


@gin.config.register_finalize_hook
def _check_types(config: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Compares every bound value with the annotation of the parameter it is bound to."""
    for (scope, selector), parameters in config.items():
        if selector.startswith("gin."):
            continue
        target = gin.config._REGISTRY[selector].wrapped
        hints = _hints(target)
        for parameter, value in parameters.items():
            resolved = _without_macros(value, config)
            if parameter in hints and not _fits(resolved, hints[parameter]):
                name = selector.rpartition(".")[2]
                raise errors.UserError(
                    f"{f'{scope}/' if scope else ''}{name}.{parameter} = {value!r} must be "
                    f"{_words(hints[parameter])}"
                    + (f", but is {resolved!r}" if resolved is not value else "")
                )


def _hints(target: Any) -> dict[str, Any]:
    """The annotations of the parameters of a function or of a class's constructor."""
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return typing.get_type_hints(inspect.unwrap(function))
    except (NameError, TypeError):
        return {}  # Annotations of a user's class that cannot be evaluated check nothing.


def _without_macros(value: Any, config: dict[tuple[str, str], dict[str, Any]]) -> Any:
    """`value`, or what it stands for if it is a macro."""
    while isinstance(value, gin.config.ConfigurableReference) and value.selector == "gin.macro":
        value = config.get((value.scoped_selector.rpartition("/")[0], "gin.macro"), {}).get("value")
    return value


def _fits(value: Any, hint: Any) -> bool:
    """Whether a bound value can be meant for a parameter annotated with `hint`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if isinstance(value, gin.config.ConfigurableReference):
        return _reference_fits(value, hint)
    if hint is type(None) or value is None:
        return hint in (type(None), Any) and value is None
    if hint in (int, float):
        numbers = (int,) if hint is int else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool)
    if hint in (str, bool):
        return isinstance(value, hint)
    if isinstance(origin, type) and issubclass(origin, collections.abc.Sequence):
        items = arguments[:1] or (Any,)
        return isinstance(value, (list, tuple)) and all(_fits(item, items[0]) for item in value)
    if isinstance(hint, type) or origin is collections.abc.Callable:
        return not isinstance(value, (str, int, float, list, tuple, dict)) or hint is object
    return True


def _reference_fits(reference: gin.config.ConfigurableReference, hint: Any) -> bool:
    """Whether @name or @name() can be meant for `hint`; what functions return is not known."""
    target = reference.configurable.wrapped
    made = target if inspect.isclass(target) and reference.evaluate else None
    if typing.get_origin(hint) is collections.abc.Callable:
        wanted = typing.get_args(hint)[-1]
        # An object of the class that calling it should give: parentheses too many.
        return not (made and inspect.isclass(wanted) and issubclass(made, wanted))
    if hint is type:
        return not reference.evaluate
    if inspect.isclass(hint):
        return reference.evaluate and (made is None or issubclass(made, hint))
    return True


def _words(hint: Any) -> str:
    """An annotation in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(argument) for argument in arguments)
    if isinstance(origin, type) and issubclass(origin, collections.abc.Sequence):
        return f"a list with each item {_words(arguments[0])}" if arguments else "a list"
    words = {int: "a whole number", float: "a number", str: "a text", bool: "True or False"}
    if hint is type(None):
        return "None"
    if hint in words:
        return words[hint]
    if origin is collections.abc.Callable:
        return "a function or class, given as @name, without parentheses"
    if hint is type:
        return "a class, given as @name, without parentheses"
    return f"an object of class {getattr(hint, '__name__', hint)}, given as @name()"
