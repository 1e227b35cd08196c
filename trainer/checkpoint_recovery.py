"""Finds the newest checkpoint that is whole, whatever happened while one was written."""

import pathlib
import shutil

import tensorflow as tf
from absl import logging

from trainer import errors


def use_newest_good(folder: pathlib.Path) -> None:
    """Has TensorFlow restore the newest checkpoint in `folder` that can be read from end to end.

    TensorFlow goes by a file that names the newest checkpoint. If the process or the machine died
    while it wrote, that file may be missing, or name a checkpoint that is not whole. Files that
    cannot be read are renamed, to `damaged-...`, and this is said. What was being written then is
    removed.

    Raises:
      UserError: there are checkpoints, and none of them can be read.
    """
    for unfinished in folder.glob("ckpt-*_temp"):
        shutil.rmtree(unfinished, ignore_errors=True)
    paths = [index.with_suffix("") for index in folder.glob("ckpt-*.index")]
    paths.sort(key=lambda path: int(path.name.removeprefix("ckpt-")))
    damages = []
    while paths and (damage := damage_of(paths[-1])):
        damages.append((paths.pop(), damage))
    if damages and not paths:
        raise errors.UserError(
            f"no checkpoint in {folder} can be read; the newest, {damages[0][0].name}: "
            f"{damages[0][1]}. Choose another --model_dir, or remove the folder to start anew"
        )
    for path, damage in damages:
        logging.warning(
            "checkpoint %s is damaged (%s); going on from %s", path, damage, paths[-1].name
        )
        for file in folder.glob(f"{path.name}.*"):
            file.rename(file.with_name(f"damaged-{file.name}"))
    if paths and tf.train.latest_checkpoint(str(folder)) != str(paths[-1]):
        if not damages:
            logging.warning(
                "%s/checkpoint does not name the newest checkpoint; going on from %s",
                *(folder, paths[-1].name),
            )
        names = [str(path) for path in paths]
        tf.compat.v1.train.update_checkpoint_state(str(folder), names[-1], names)


def damage_of(path: pathlib.Path | str) -> str | None:
    """What is wrong with the checkpoint at `path`; None if all of it can be read."""
    try:
        reader = tf.train.load_checkpoint(str(path))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, OSError, IndexError, ValueError, RuntimeError) as error:
        return str(error).partition("\n")[0]
    return None
