"""The checkpoints of a run: its chief writes them, and all workers read them."""

import contextlib
import pathlib
import tempfile

import tensorflow as tf

from trainer.command import errors
from trainer.distribution import strategies
from trainer.model_dir import checkpoint_files, recovery, run_directory


class Checkpoints:
    """The newest checkpoints of a run, in its model_dir.

    All workers call each method at the same point of their run, because variables of which each
    replica has its own value are read by all together. What others than the chief write is
    thrown away.

    Args:
      checkpoint: what is saved.
      folder: where.
      kept: how many of the newest ones are kept.
      strategy: that the run is distributed by.

    Attributes:
      saved_step: training steps of the newest checkpoint; None before there is one, and before
        `restore`.
    """

    def __init__(
        self,
        checkpoint: tf.train.Checkpoint,
        folder: pathlib.Path,
        kept: int,
        strategy: tf.distribute.Strategy,
    ):
        self._checkpoint = checkpoint
        self._folder = folder
        self._kept = kept
        self._strategy = strategy
        self._found = recovery.Found(None, {})
        self.saved_step = None

    @property
    def newest(self) -> str | None:
        """The path of the newest checkpoint."""
        if self.saved_step is None:
            return None
        return str(checkpoint_files.path(self._folder, self.saved_step))

    def restore(self) -> None:
        """Goes to the newest checkpoint that can be read, if there is one; changes no file.

        Raises:
          UserError: there are checkpoints, and none of them can be read.
          ValueError: it does not fit.
        """
        if strategies.is_chief(self._strategy):
            self._found = recovery.find(self._folder)
            recovery.require_whole(self._folder, self._found)
            recovery.say(self._folder, self._found)
        # Files reach other machines late: what the chief sees is what counts.
        found = -1 if self._found.step is None else self._found.step
        step = strategies.greatest(self._strategy, found)
        self.saved_step = step if step >= 0 else None
        if self.newest is not None:
            self._checkpoint.restore(self.newest)

    def tidy(self) -> None:
        """Clears away what is damaged or half-written; for the process that has the folder."""
        recovery.tidy(self._folder, self._found)

    def save(self, step: int) -> None:
        """Saves a checkpoint unless there is one of `step`."""
        if step != self.saved_step:
            save(self._checkpoint, self._folder, self._kept, step, self._strategy)
            self.saved_step = step


def save(
    checkpoint: tf.train.Checkpoint,
    folder: pathlib.Path,
    kept: int,
    step: int,
    strategy: tf.distribute.Strategy,
) -> None:
    """Saves `checkpoint` after `step` training steps, as the `kept`-th newest at most in `folder`.

    Called by all workers; what others than the chief write is thrown away.
    """
    with contextlib.ExitStack() as stack:
        if not strategies.is_chief(strategy):
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # As tf.train.CheckpointManager does, which takes the folder's path for a pattern when it
        # removes a checkpoint, and removes what the file `checkpoint` names in other folders.
        checkpoint.save_counter.assign_add(1)
        checkpoint.write(str(checkpoint_files.path(folder, step)))
        steps = checkpoint_files.steps(folder)
        # Those after `step` are of a run that has been resumed before them.
        newest = [each for each in steps if each <= step][-kept:]
        recovery.write_names(folder, newest)
        for each in set(steps) - set(newest):
            checkpoint_files.remove(folder, each)


def step_of(checkpoint: str) -> int:
    """Training steps of the checkpoint with this path."""
    return int(checkpoint.rpartition("-")[2])


def find(directory: run_directory.RunDirectory, which: str) -> str:
    """The path of a checkpoint that a run keeps, and that can be read; changes no file.

    Args:
      directory: of the run.
      which: "latest", "best", or its number of training steps.

    Raises:
      UserError: there is no such checkpoint.
    """
    if which in ("latest", "best"):
        folder = directory.best if which == "best" else directory.checkpoints
        if path := recovery.newest_whole(folder):
            return str(path)
        hint = ": it is kept by runs that evaluate while they train (Loop.eval_interval)"
        raise errors.UserError(
            f"there is no checkpoint in {folder}{hint if which == 'best' else ''}"
        )
    return _of_step(directory, int(which))


def _of_step(directory: run_directory.RunDirectory, step: int) -> str:
    folders = (directory.checkpoints, directory.best)
    kept = {folder: checkpoint_files.steps(folder) for folder in folders}
    damages = {}
    for folder in folders:
        if step in kept[folder]:
            path = checkpoint_files.path(folder, step)
            if (damage := recovery.damage_of(path)) is None:
                return str(path)
            damages[path] = damage
    others = sorted(set().union(*kept.values()))
    keeps = f"keeps the checkpoints of the steps {', '.join(map(str, others)) or '(none)'}"
    if not damages:
        raise errors.UserError(f"--checkpoint={step} is not in {directory.path}, which {keeps}")
    damaged = "; ".join(f"{path} is damaged ({why})" for path, why in damages.items())
    raise errors.UserError(f"--checkpoint={step}: {damaged}. {directory.path} {keeps}")
