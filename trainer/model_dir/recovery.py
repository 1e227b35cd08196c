"""Finds the newest checkpoint that is whole, whatever happened while one was written."""

import itertools
import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf
from absl import logging

from trainer.command import errors
from trainer.model_dir import checkpoint_files
from trainer.upstream import tensorflow as private_tensorflow


class Found(NamedTuple):
    """The contents of a folder of checkpoints.

    Attributes:
      step: of the newest checkpoint that can be read to its end; None if there is none.
      damages: of the newer ones, by step, why they cannot be read.
    """

    step: int | None
    damages: Mapping[int, str]


def find(folder: pathlib.Path) -> Found:
    """Looks for the newest checkpoint in `folder` that can be read; changes and says nothing.

    The files themselves count. TensorFlow goes by the file `checkpoint`, which names the newest:
    if the process or the machine died, it may be missing, or name one that is old or not whole.
    """
    while True:
        steps = checkpoint_files.steps(folder)
        damages = {}
        for step in reversed(steps):
            damage = damage_of(checkpoint_files.path(folder, step))
            if damage is None:
                return Found(step, damages)
            damages[step] = damage
        # Another process may have removed them as too many, after it had added others.
        if checkpoint_files.steps(folder) == steps:
            return Found(None, damages)


def newest_whole(folder: pathlib.Path) -> pathlib.Path | None:
    """The path of the newest checkpoint that can be read, for those who only read.

    Nothing in `folder` is changed, where another process may be training. What is passed over is
    said.

    Returns:
      The path; None if there is no checkpoint.

    Raises:
      UserError: there are checkpoints, and none of them can be read.
    """
    found = find(folder)
    require_whole(folder, found)
    say(folder, found)
    return None if found.step is None else checkpoint_files.path(folder, found.step)


def require_whole(folder: pathlib.Path, found: Found) -> None:
    """Raises UserError if there are checkpoints in `folder`, and none of them can be read."""
    if found.step is None and found.damages:
        raise errors.UserError(
            f"{_none_whole(folder, found)}. Bring one back, choose another folder, or move this "
            "one away"
        )


def say(folder: pathlib.Path, found: Found) -> None:
    """Logs what is wrong in `folder`, and which checkpoint is taken instead."""
    if found.step is None:
        if found.damages:
            logging.warning("%s", _none_whole(folder, found))
        return
    for step, damage in found.damages.items():
        path = checkpoint_files.path(folder, step)
        logging.warning(
            "checkpoint %s is damaged (%s); going on from ckpt-%d", path, damage, found.step
        )
    if not found.damages and not _is_named(folder, found.step):
        logging.warning(
            "%s/checkpoint does not name the newest checkpoint; going on from ckpt-%d",
            *(folder, found.step),
        )


def tidy(folder: pathlib.Path, found: Found) -> None:
    """Has TensorFlow find `found`, too, and removes what was being written when a process ended.

    Files that cannot be read are renamed, to `damaged-...`. Only for the process that has the
    folder to itself.
    """
    for unfinished in checkpoint_files.unfinished(folder):
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            unfinished.unlink(missing_ok=True)
    for step in found.damages:
        for file in checkpoint_files.files(folder, step):
            if file.exists():
                file.rename(_free(file))
    if found.step is not None and not _is_named(folder, found.step):
        write_names(folder, checkpoint_files.steps(folder))


def write_names(folder: pathlib.Path, steps: Sequence[int]) -> None:
    """Writes the file `checkpoint`, by which TensorFlow finds those of `steps`, ascending.

    The names are relative, so that a copy of the folder does not name the files of the original.
    """
    paths = [checkpoint_files.path(folder, step) for step in steps]
    # Without times, tf.train.CheckpointManager would never remove any of them.
    times = [path.with_suffix(".index").stat().st_mtime for path in paths]
    private_tensorflow.write_checkpoint_names(folder, paths, times)


def named(folder: pathlib.Path) -> str | None:
    """The path that the file `checkpoint` names as the newest; None if it names none."""
    try:
        state = tf.train.get_checkpoint_state(str(folder))
    except (tf.errors.OpError, ValueError):
        return None
    return state and state.model_checkpoint_path


def damage_of(path: pathlib.Path | str) -> str | None:
    """Describes the damage of the checkpoint at `path`; None if all of it can be read."""
    try:
        reader = tf.train.load_checkpoint(str(path))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, OSError, IndexError, ValueError, RuntimeError) as error:
        return str(error).partition("\n")[0] or type(error).__name__
    return None


def _none_whole(folder: pathlib.Path, found: Found) -> str:
    newest = max(found.damages)
    return (
        f"no checkpoint in {folder} can be read; the newest, ckpt-{newest}: {found.damages[newest]}"
    )


def _is_named(folder: pathlib.Path, step: int) -> bool:
    """True if TensorFlow takes that of `step` for the newest."""
    return named(folder) == str(checkpoint_files.path(folder, step))


def _free(file: pathlib.Path) -> pathlib.Path:
    """A name for a damaged file that no other one has."""
    prefixes = itertools.chain(["damaged-"], (f"damaged-{n}-" for n in itertools.count(2)))
    places = (file.with_name(prefix + file.name) for prefix in prefixes)
    return next(place for place in places if not place.exists())
