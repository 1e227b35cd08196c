"""The files of a run in its model_dir."""

import contextlib
import difflib
import fcntl
import json
import os
import pathlib
import platform
import struct
from collections.abc import Iterable, Iterator
from typing import Any

from absl import logging

from growth.records import events
from trainer.command import errors, paths
from trainer.config import meaning
from trainer.model_dir import checkpoint_files, foreign_files, strict_json, unfinished

# What the files of a run look like, as a number: a folder of a greater one is not touched.
_FORMAT = 1
# Of the files that are written by `write`.
_NAMES = (
    r"(config|operative_config-[0-9]+)\.gin|(format|run|result|measurement)\.json|growth\.jsonl"
)
# C's struct flock: type, whence, start, length and process of a lock.
_FLOCK = "hhqqi"


class RunDirectory:
    """A model_dir. Files appear in it whole or not at all.

    Args:
      path: the folder; created by the first file that is written.
      is_written: whether this process writes; of several workers only the chief does.

    Attributes:
      is_claimed: whether it belongs to this process alone.
    """

    def __init__(self, path: str, is_written: bool = True):
        self.path = pathlib.Path(path)
        self.is_written = is_written
        self.is_claimed = False
        self._config = ""
        self._has_begun = False
        self._made = []

    def start(self, config: str, overwrite_config: bool, read_only: bool = False) -> None:
        """Claims the folder for a run with the configuration `config`, or only looks at it.

        The run may still turn out to be impossible; until `begin` no file of an earlier one is
        touched.

        Raises:
          UserError: the folder belongs to a run with another configuration or to a newer version of
            this program, has files of something else, cannot be written, or is in use by another
            process.
        """
        is_claimed = self.is_written and not read_only
        if is_claimed:
            self.check(None)
            with self._told("read"):
                foreign_files.check(self.path, config)
        self.check(None if overwrite_config else config)
        if not is_claimed:
            return
        with self.starting(), self._told("written"):
            self._claim()
            self._make(self.checkpoints)  # TensorFlow would do so later, and not say which.
        self._config = config

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Within the block a run is put together: if that fails, what `start` made goes again."""
        try:
            yield
        except BaseException:
            if self.is_claimed and not self._has_begun:
                self._leave()
            raise

    def begin(self) -> None:
        """Makes the folder that of the run that claimed it: nothing can refuse it any more."""
        self._has_begun = True
        if not self.is_claimed:
            return
        with self._told("written"):
            unfinished.remove(self.path, _NAMES)
            unfinished.remove(self.path / "export", "[0-9]+")
            self.write("format.json", json.dumps({"format": _FORMAT}) + "\n")
            self.write("config.gin", self._config)
        self._tell_of_lost_checkpoints()

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise errors.UserError(f"--model_dir={self.path} cannot be {what}: {error}") from error

    def check(self, config: str | None) -> None:
        """Raises UserError if the folder belongs to another run, as `start` does.

        Args:
          config: the configuration of this run; None to take any.
        """
        try:
            paths.check_literal(self.path)
        except ValueError as error:
            raise errors.UserError(f"--model_dir={self.path} {error}") from None
        with self._told("read"):
            self._check_format()
            if config is not None:
                self._check_config(config)

    def _check_format(self) -> None:
        file = self.path / "format.json"
        if not file.exists():  # Of a new run, or of one from before there were numbers.
            return
        try:
            found = json.loads(file.read_text())["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise errors.UserError(
                f'{file} must say {{"format": {_FORMAT}}}, or a smaller number, but is damaged: '
                f"{error}. Write that into it, or choose another --model_dir"
            ) from error
        if not isinstance(found, int) or found > _FORMAT:
            raise errors.UserError(
                f"{self.path} has the format {found}, of a newer version of this program; this one "
                f"knows formats up to {_FORMAT}. Run the newer version, or choose another "
                "--model_dir"
            )

    def config_difference(self, config: str) -> str:
        """Describes the difference of `config` to the configuration in the folder; empty if none.

        Imports, macros and former names make no difference where all values are the same.
        """
        file = self.path / "config.gin"
        if not file.exists():
            return ""
        text = file.read_text(errors="replace")
        if meaning.are_equal(text, config, str(file)):
            return ""
        before, now = text.splitlines(), config.splitlines()
        return "\n".join(difflib.unified_diff(before, now, "before", "now", "", "", 0, ""))

    def _check_config(self, config: str) -> None:
        if difference := self.config_difference(config):
            raise errors.UserError(
                f"{self.path} holds a run with another configuration:\n{difference}\n"
                "Choose another folder, or have //:train go on all the same with "
                "--overwrite_config."
            )

    def _claim(self) -> None:
        """Keeps other processes away as long as this one, or this object, lives."""
        self._make(self.path)
        if not (self.path / ".lock").exists():
            self._made.append(self.path / ".lock")
        self._lock = open(self.path / ".lock", "a+")
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            self._lock.seek(0)
            raise errors.UserError(
                f"--model_dir={self.path} is in use by {self._lock.read()}; wait for its end, or "
                "choose another folder"
            ) from None
        self._lock.truncate(0)
        self._lock.write(f"process {os.getpid()} on {platform.node()}")
        self._lock.flush()
        self.is_claimed = True

    def _make(self, folder: pathlib.Path) -> None:
        """Makes a folder with those above it, and remembers which were not there."""
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        self._made += reversed(missing)

    def _leave(self) -> None:
        """Gives up the claim, and removes what it made, as far as nobody has put anything there."""
        self.is_claimed = False
        for path in reversed(self._made):
            with contextlib.suppress(OSError):
                path.unlink() if path.name == ".lock" else path.rmdir()
        self._lock.close()

    def check_claim(self) -> None:
        """Raises RunFailure if the folder is no longer the one that was claimed."""
        if not self.is_claimed:
            return
        try:
            found = os.stat(self.path / ".lock")
        except OSError:
            found = None
        if found is None or not os.path.samestat(found, os.fstat(self._lock.fileno())):
            raise errors.RunFailure(
                f"--model_dir={self.path} was removed or replaced while the run trained in it; "
                "nothing is written there any more"
            )

    def is_in_use(self) -> bool:
        """True if another process has claimed the folder; does not claim it.

        Not to be called where this process has claimed it: that would give the claim up.
        """
        wanted = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        try:
            with open(self.path / ".lock") as lock:
                found = fcntl.fcntl(lock, fcntl.F_GETLK, wanted)
        except OSError:
            return False
        return struct.unpack(_FLOCK, found)[0] != fcntl.F_UNLCK

    def _tell_of_lost_checkpoints(self) -> None:
        growths = self.path / "growth.jsonl"
        if growths.exists() and growths.stat().st_size and not self.has_checkpoint():
            logging.warning(
                "%s tells of growths, but there is no checkpoint in %s: the run starts anew",
                *(growths, self.checkpoints),
            )

    @property
    def checkpoints(self) -> pathlib.Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def best(self) -> pathlib.Path:
        """The folder of the checkpoint with the best evaluation."""
        return self.path / "best"

    def has_checkpoint(self) -> bool:
        """True if there is a run to resume."""
        return bool(checkpoint_files.steps(self.checkpoints))

    def result(self) -> dict[str, Any] | None:
        """Reads result.json; None before the end of the run, or if it is damaged."""
        try:
            found = json.loads((self.path / "result.json").read_text())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        whole = isinstance(found, dict) and isinstance(found.get("steps"), int)
        return found if whole else None

    def is_finished(self, steps: int) -> bool:
        """True if result.json is of `steps` training steps, and the checkpoints are not kept.

        Or of fewer, if the run stopped early.
        """
        result = self.result()
        is_over = result and (result["steps"] >= steps or result.get("stopped_early"))
        return bool(is_over) and not self.has_checkpoint()

    def write_growths(self, growths: Iterable[events.Growth]) -> None:
        """Writes growth.jsonl: one line for each growth so far."""
        lines = [strict_json.dumps(growth.to_json()) + "\n" for growth in growths]
        self.write("growth.jsonl", "".join(lines))

    def write_about(self, about: dict[str, Any]) -> None:
        """Writes run.json: what a run knows of itself at its start."""
        self.write("run.json", strict_json.dumps(about, indent=2) + "\n")

    def remove_result(self) -> None:
        """Removes result.json, which only a finished run has."""
        if self.is_written:
            (self.path / "result.json").unlink(missing_ok=True)

    def write_result(self, result: dict[str, Any]) -> None:
        """Writes result.json."""
        self.write("result.json", strict_json.dumps(result, indent=2) + "\n")

    def write(self, name: str, text: str) -> None:
        """Writes `text` into the file `name`, replacing it in one step.

        Raises:
          OSError: it cannot be written; what was there is left as it was.
        """
        if not self.is_written:
            return
        self.check_claim()
        if not self.is_claimed:
            self.path.mkdir(parents=True, exist_ok=True)
        unfinished.write(self.path / name, text)
