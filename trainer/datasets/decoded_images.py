"""A cache of decoded images, so that a run does not decode a whole set when it starts."""

import contextlib
import hashlib
import json
import os
import pathlib
import platform
from collections.abc import Callable, Sequence

import numpy as np

from trainer.command import standard_streams

# The default of `ImageClassification.cache_dir`.
DEFAULT = "default"
# Sets that are decoded faster than a file is looked up are not kept.
_LEAST_BYTES = 2**20


def folder(cache_dir: str | None) -> pathlib.Path | None:
    """The folder of the cache; None for none.

    Args:
      cache_dir: None for none, or a folder; "default" for growing_networks/decoded below
        $XDG_CACHE_HOME, or ~/.cache.
    """
    if cache_dir is None:
        return None
    if cache_dir != DEFAULT:
        return pathlib.Path(cache_dir)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(home) / "growing_networks" / "decoded"


class DecodedImages:
    """The arrays of a split, from a file that was written when they were decoded before.

    The file is named for the records that the arrays come from: their paths, sizes, times and
    parts. Whoever prepares a set anew gets another file. All files may be removed at any time.

    Args:
      place: the folder; None to keep nothing.
      records: the files with the examples, and of each (skip, take), the part that is read.
    """

    def __init__(
        self, place: pathlib.Path | None, records: Sequence[tuple[pathlib.Path, tuple[int, int]]]
    ):
        self._file = None
        if place is not None:
            try:
                known = [
                    [str(path), list(part), path.stat().st_size, path.stat().st_mtime_ns]
                    for path, part in records
                ]
            except OSError:  # Not on a disk of this machine, or damaged: who reads them says so.
                return
            key = hashlib.sha256(json.dumps(known).encode()).hexdigest()[:32]
            self._file = place / f"{key}.npz"

    def __call__(
        self, decode: Callable[[], tuple[np.ndarray, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Images and classes; calls `decode` if there is no file, and writes one."""
        if (kept := self._read()) is not None:
            return kept
        images, labels = decode()
        self._write(images, labels)
        return images, labels

    def _read(self):
        if self._file is None or not self._file.is_file():
            return None
        try:
            # A checksum is a part of the format.
            with np.load(self._file) as arrays:
                return arrays["images"], arrays["labels"]
        except Exception:  # noqa: BLE001  Whatever is wrong with it, it is written anew.
            return None

    def _write(self, images, labels):
        if self._file is None or images.nbytes < _LEAST_BYTES:
            return
        temporary = self._file.with_suffix(f".{platform.node()}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                np.savez(file, images=images, labels=labels)
            temporary.replace(self._file)  # In one step: another run may read it.
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            standard_streams.say(
                f"decoded images are not kept for the next run in {self._file.parent}: "
                f"{error.strerror or error}"
            )
