"""Names of the configurations of a sweep, taken from the paths of their files."""

import os
import pathlib
from collections.abc import Sequence

from trainer.command import errors


def config_names(files: Sequence[str]) -> list[str]:
    """Of each path the shortest end that no other one has: `random`, or `figure_9/random`.

    Args:
      files: paths of .gin files.

    Raises:
      UserError: a file is named twice.
    """
    # Neither a root nor `..` stays, so that no name leads out of the folder of the sweep.
    paths = [pathlib.PurePath(os.path.abspath(file)).with_suffix("").parts[1:] for file in files]
    for file, path in zip(files, paths, strict=True):
        if paths.count(path) > 1:
            raise errors.UserError(f"--gin_file={file} must not be given more than once")
    return [_shortest_end(path, paths) for path in paths]


def _shortest_end(path: tuple[str, ...], paths: Sequence[tuple[str, ...]]) -> str:
    lengths = range(1, len(path))
    unique = (n for n in lengths if sum(other[-n:] == path[-n:] for other in paths) == 1)
    return "/".join(path[-next(unique, len(path)) :])
