"""The places where .gin files are looked up; needs no TensorFlow, whose import takes seconds."""

import os
import pathlib
from collections.abc import Sequence

from trainer.command import errors
from trainer.config import former_files, messages

# Where this file's workspace, or its copy beside a built binary, keeps gin_configs/.
ROOT = pathlib.Path(__file__).resolve().parents[2]


def folders(search_paths: Sequence[str]) -> list[str]:
    """The folders that files are looked up in, in order; "" is the working directory.

    Args:
      search_paths: further folders, after the working directory.
    """
    workspace = os.environ.get("BUILD_WORKSPACE_DIRECTORY", "")
    return ["", *search_paths, *filter(None, [workspace]), str(ROOT)]


def find(files: Sequence[str], search_paths: Sequence[str]) -> list[str]:
    """The path of each file, in the first of `folders` that has it.

    Raises:
      UserError: there is no such file.
    """
    return [_find(file, folders(search_paths)) for file in files]


def exists(path: str) -> bool:
    """True if `path` is a file, or was one in the former version."""
    return os.path.isfile(path) or former_files.find(path) is not None


def _find(file, places):
    if not file:
        raise errors.UserError("--gin_file is empty; give the path of a .gin file")
    for folder in places:
        path = os.path.join(folder, file)
        if exists(path):
            return path
    near = [str(path.relative_to(ROOT)) for path in (ROOT / "gin_configs").rglob("*.gin")]
    looked = ", ".join(dict.fromkeys(folder or "." for folder in places))
    raise errors.UserError(
        f"--gin_file={file} is not a file (looked in {looked})" + messages.did_you_mean(file, near)
    )
