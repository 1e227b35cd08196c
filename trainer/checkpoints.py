"""The checkpoints of a run: its chief writes them, and all workers read them."""

import contextlib
import pathlib
import tempfile

import tensorflow as tf

from trainer import errors, run_directory, strategies


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
      saved_step: training steps of the newest checkpoint; None before the first.
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
        newest = tf.train.latest_checkpoint(str(folder)) if strategies.is_chief(strategy) else None
        # Files reach other machines late: what the chief sees is what counts.
        step = strategies.greatest(strategy, step_of(newest) if newest else -1)
        self.saved_step = step if step >= 0 else None

    @property
    def newest(self) -> str | None:
        """The path of the newest checkpoint."""
        return None if self.saved_step is None else str(self._folder / f"ckpt-{self.saved_step}")

    def restore(self) -> None:
        """Goes to the newest checkpoint, if there is one."""
        if self.newest is not None:
            self._checkpoint.restore(self.newest)

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
            folder = stack.enter_context(tempfile.TemporaryDirectory())
        manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=kept)
        manager.save(checkpoint_number=step)


def step_of(checkpoint: str) -> int:
    """Training steps of the checkpoint with this path."""
    return int(checkpoint.rpartition("-")[2])


def find(directory: run_directory.RunDirectory, which: str) -> str:
    """The path of a checkpoint that a run keeps.

    Args:
      directory: of the run.
      which: "latest", "best", or its number of training steps.

    Raises:
      UserError: there is no such checkpoint.
    """
    if which in ("latest", "best"):
        folder = directory.best if which == "best" else directory.checkpoints
        if path := tf.train.latest_checkpoint(str(folder)):
            return path
        hint = ": it is kept by runs that evaluate while they train (Experiment.eval_interval)"
        raise errors.UserError(
            f"there is no checkpoint in {folder}{hint if which == 'best' else ''}"
        )
    paths = [
        str(index.with_suffix(""))
        for folder in (directory.best, directory.checkpoints)
        for index in folder.glob("ckpt-*.index")
    ]
    kept = {step_of(path): path for path in paths}
    if int(which) not in kept:
        raise errors.UserError(
            f"--checkpoint={which} is not in {directory.path}, which keeps the checkpoints of the "
            f"steps {', '.join(map(str, sorted(kept))) or '(none)'}"
        )
    return kept[int(which)]
