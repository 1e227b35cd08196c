"""Reads Gin files and bindings, and turns every mistake in them into one message."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import gin

from trainer.command import errors, user_code
from trainer.config import cycles, gin_files, gin_text, messages, renames, types
from trainer.upstream import gin_config


def load(
    files: Sequence[str],
    bindings: Sequence[str],
    search_paths: Sequence[str] = (),
    grid: Sequence[str] = (),
) -> None:
    """Parses `files` in order, then `bindings`; what comes last wins.

    Relative files are looked up in the working directory, in each of `search_paths`, in the
    workspace of `bazel run` and beside the program, in this order.

    Args:
      files: paths of .gin files.
      bindings: single bindings, as in a .gin file.
      search_paths: further folders to look in.
      grid: bindings of a point of a grid, parsed after the others.

    Raises:
      UserError: a file cannot be read, or a name, a parameter or the type of a value is wrong.
    """
    paths = gin_files.find(files, search_paths)
    for folder in gin_files.folders(search_paths)[1:]:
        gin_config.add_search_path(folder)
    # What a file includes may be in the home folder.
    gin_config.read_files_by(
        lambda path: gin_text.open_file(os.path.expanduser(path)),
        lambda path: gin_files.exists(os.path.expanduser(path)),
    )
    modules = [".", *search_paths, *map(os.path.dirname, paths)]
    for file, path in zip(files, paths, strict=True):
        _checked(lambda path=path: gin.parse_config_file(path), file, modules)
    for flag, text in [("gin_bindings", b) for b in bindings] + [("grid", b) for b in grid]:
        where = f"--{flag}={text}"
        current = renames.with_current_names(text, where)
        _checked(lambda text=current: gin.parse_config(text), where, modules)
    _checked(gin.finalize)


def check_method() -> None:
    """Raises UserError if no growth method is bound, which a task leaves to another file."""
    bound = {selector: values for (scope, selector), values in gin.config._CONFIG.items()}
    grower = bound.get("trainer.experiment.Experiment", {}).get("grower")
    if getattr(grower, "scoped_selector", "").rpartition(".")[2] != "Grower":
        return
    if "method" not in bound.get("growth.grower.Grower", {}):
        folder = gin_files.ROOT / "gin_configs" / "methods"
        names = ", ".join(
            file.stem
            for file in sorted(folder.glob("*.gin"))
            if "Grower.method" in file.read_text()
        )
        raise errors.UserError(
            "Grower.method is not bound, the growth method: after the file of the task give "
            f"--gin_file=gin_configs/methods/NAME.gin, with a NAME of {names}"
        )


def literals() -> dict[str, int | float | str | bool]:
    """All bindings, by `name.parameter`; what is not a number or a truth value is text."""
    flat = {}
    for (scope, selector), parameters in gin_config.bindings().items():
        for parameter, value in parameters.items():
            name = f"{scope}/{selector}" if scope else selector.rpartition(".")[2]
            name = scope if selector == "gin.macro" else f"{name}.{parameter}"
            flat[name] = value if isinstance(value, (int, float, bool)) else str(value)
    return flat


def _checked(parse: Callable[[], Any], where: str = "", folders: Sequence[str] = ()) -> None:
    """Runs `parse`, and raises as a UserError what it raises; its text comes from `where`."""
    try:
        parse()
    except errors.UserError:
        raise
    except Exception as error:
        raise errors.UserError(messages.message(error, where, folders)) from error
    except SystemExit as error:
        text = f"a module that is imported ends the program by sys.exit({error.code!r})"
        place = user_code.place(error)
        raise errors.UserError(f"{text}\n  at {place}" if place else text) from error


@gin.config.register_finalize_hook
def _check(bindings: types.Bindings) -> None:
    cycles.check(bindings, "gin.macro")
    types.check(bindings)  # Sees through macros, and says more than that there is a circle.
    cycles.check(bindings)
