"""Paths as users give them, on the command line or in a binding."""

import os
import re

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/", re.IGNORECASE)
# TensorFlow looks for a checkpoint by its path as a pattern, also where it deletes one.
_PATTERN = re.compile(r"[*?\[\\]")


def expanded(path: str, of_datasets: bool = False) -> str:
    """`path`, with the home folder in the place of `~`.

    Args:
      path: as the user gives it.
      of_datasets: whether TensorFlow Datasets reads it, which also reads Google's buckets, and
        takes paths for patterns as TensorFlow does.

    Raises:
      ValueError: it cannot be a path of this machine; the text goes after that of the path.
    """
    if not path:
        raise ValueError("must be a path, but is empty")
    if of_datasets and path.startswith("gs://"):
        return path
    if match := _ADDRESS.match(path):
        raise ValueError(_no_address(match[1], path))
    home = os.path.expanduser(path)
    if home.startswith("~"):
        name = path.partition("/")[0]
        raise ValueError(
            f"begins with {name}, the home folder of a user who is not known here; "
            f"./{name} is a folder of that name"
        )
    if "\0" in home or any("\ud800" <= character <= "\udfff" for character in home):
        raise ValueError("must be text in UTF-8 without null characters")
    if of_datasets:
        check_literal(home)
    return home


def bound(name: str, path: str | os.PathLike, of_datasets: bool = False) -> str:
    """As `expanded`, for a parameter.

    Args:
      name: of the parameter, e.g. WarmStart.path.
      path: what is bound to it.
      of_datasets: as in `expanded`.

    Raises:
      ValueError: it cannot be a path of this machine.
    """
    try:
        return expanded(os.fspath(path), of_datasets)
    except ValueError as error:
        raise ValueError(f"{name} = {path!r} {error}") from None


def check_literal(path: str | os.PathLike) -> None:
    """Raises ValueError, with a text to go after the path, if TensorFlow takes it for a pattern."""
    if match := _PATTERN.search(os.fspath(path)):
        raise ValueError(
            f"has the character {match[0]}, and TensorFlow takes names with * ? [ or \\ for "
            "patterns of other files. Give a path without them: another name, a symbolic link, or "
            "one that is relative to a folder below"
        )


def _no_address(scheme: str, path: str) -> str:
    if scheme.lower() == "file":
        return f"must be a path, not an address; write /{path.partition(':')[2].lstrip('/')}"
    text = (
        f"must be a path of this machine, not an address; mount what is at {scheme}: as a folder "
        "(as gcsfuse, s3fs and sshfs do) or copy it"
    )
    return text if path.startswith(f"{scheme}://") else f"{text}; ./{path} is a folder of that name"
