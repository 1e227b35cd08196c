"""The configurations of a sweep: files that compose, at the points of a grid."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from trainer.command import errors, paths
from trainer.sweep import grid


@dataclasses.dataclass(frozen=True)
class Configuration:
    """Files that are read in order, and what a grid binds after them.

    Attributes:
      composition: name of the files, e.g. `small+gradmax`.
      files: their paths.
      point: of the grid.
    """

    composition: str
    files: tuple[str, ...]
    point: grid.Point

    @property
    def name(self) -> str:
        """Names it in folders, tables and curves, e.g. `small+gradmax/learning_rate=0.05`."""
        return "/".join(filter(None, [self.composition, self.point.label]))


def compose(
    gin_files: Sequence[str], points: Sequence[grid.Point], search_paths: Sequence[str] = ()
) -> list[Configuration]:
    """Each composition at each point.

    Args:
      gin_files: what --gin_file gives: a path, or several joined by a plus,
        `task.gin+method.gin`.
      points: of the grid.
      search_paths: what --gin_search_paths gives.

    Raises:
      UserError: a path is empty, or a composition is given twice.
    """
    compositions = [_files(text, search_paths) for text in gin_files]
    for text, files in zip(gin_files, compositions, strict=True):
        if [list(map(os.path.abspath, each)) for each in compositions].count(
            list(map(os.path.abspath, files))
        ) > 1:
            raise errors.UserError(f"--gin_file={text} must not be given more than once")
    different = {os.path.abspath(file): file for files in compositions for file in files}
    names = dict(zip(different, config_names(list(different)), strict=True))
    return [
        Configuration("+".join(names[os.path.abspath(file)] for file in files), files, point)
        for files in compositions
        for point in points
    ]


def baselines(configurations: Sequence[Configuration], baseline: str | None) -> dict[str, str]:
    """The configuration that each one is compared with, by name.

    Args:
      configurations: all of a sweep.
      baseline: the name of one, or of a composition, of which the same point is meant.

    Raises:
      UserError: there is no such configuration.
    """
    names = [each.name for each in configurations]
    if baseline is None or baseline in names:
        return {name: baseline for name in names if baseline}
    same_point = {each.point: each.name for each in configurations if each.composition == baseline}
    if not same_point:
        known = dict.fromkeys([*(each.composition for each in configurations), *names])
        raise errors.UserError(
            f"--baseline={baseline} must be one of {', '.join(known)}, the names of the --gin_files"
        )
    return {each.name: same_point[each.point] for each in configurations}


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


def _files(text: str, search_paths: Sequence[str]) -> tuple[str, ...]:
    """The paths in a --gin_file; a file that has a plus in its name is one."""
    whole = [os.path.join(folder, text) for folder in ("", *search_paths)]
    if "+" not in text or any(map(os.path.isfile, whole)):
        return (text,)
    try:
        return tuple(paths.expanded(part.strip()) for part in text.split("+"))
    except ValueError as error:
        raise errors.UserError(
            f"--gin_file={text}: each path {error}; compose files as in task.gin+method.gin"
        ) from None


def _shortest_end(path: tuple[str, ...], paths: Sequence[tuple[str, ...]]) -> str:
    lengths = range(1, len(path))
    unique = (n for n in lengths if sum(other[-n:] == path[-n:] for other in paths) == 1)
    return "/".join(path[-next(unique, len(path)) :])
