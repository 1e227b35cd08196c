"""The files of the checkpoints in a folder, told from a user's own by their names."""

import os
import pathlib
import re

_INDEX = re.compile(r"ckpt-(0|[1-9][0-9]{0,17})\.index")
_DATA = re.compile(r"ckpt-([0-9]+)\.data-[0-9]{5}-of-[0-9]{5}")
# TensorFlow's names for a checkpoint, and for the file that names the newest one, while it writes.
_UNFINISHED = re.compile(r"ckpt-[0-9]+_temp|checkpoint\.tmp[0-9a-f]{32}")


def steps(folder: pathlib.Path) -> list[int]:
    """The training steps of the checkpoints in `folder`, ascending; none if it is not there."""
    found = (_INDEX.fullmatch(e.name) for e in _entries(folder) if e.is_file())
    return sorted(int(match[1]) for match in found if match)


def is_step(checkpoint: str) -> bool:
    """True if a checkpoint is named as those of runs are, by its training steps."""
    return bool(_INDEX.fullmatch(f"{pathlib.Path(checkpoint).name}.index"))


def path(folder: pathlib.Path, step: int) -> pathlib.Path:
    """The path of a checkpoint, which the names of its files begin with."""
    return folder / f"ckpt-{step}"


def files(folder: pathlib.Path, step: int) -> list[pathlib.Path]:
    """The files of a checkpoint; its index, without which it is none, comes first."""
    index = path(folder, step).with_suffix(".index")
    found = ((_DATA.fullmatch(entry.name), entry) for entry in _entries(folder))
    data = [folder / entry.name for match, entry in found if match and int(match[1]) == step]
    return [index, *sorted(data)]


def remove(folder: pathlib.Path, step: int) -> None:
    """Removes a checkpoint."""
    for file in files(folder, step):
        file.unlink(missing_ok=True)


def unfinished(folder: pathlib.Path) -> list[pathlib.Path]:
    """The leftovers of a process that ended while it wrote or removed a checkpoint.

    Only for a process that has `folder` to itself: it looks the same while another one writes.
    """
    whole = set(steps(folder))
    return [
        folder / entry.name
        for entry in _entries(folder)
        if _UNFINISHED.fullmatch(entry.name)
        or ((match := _DATA.fullmatch(entry.name)) and int(match[1]) not in whole)
    ]


def _entries(folder: pathlib.Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
