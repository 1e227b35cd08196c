"""A run that is looked at again, as it was at each of its checkpoints."""

import tensorflow as tf

from trainer import train
from trainer.model_dir import checkpoint_files, run_directory


class CheckpointedRun:
    """Trains what Gin holds, unless that is done, and goes back to its checkpoints.

    How many there are is bound: `Loop.checkpoint_interval`, `Loop.checkpoints_kept`.

    Args:
      directory: of the run.

    Attributes:
      experiment: with the network as it was at the checkpoint that was restored last.
      steps: training steps of each checkpoint, ascending.
    """

    def __init__(self, directory: run_directory.RunDirectory):
        self.experiment = train.train_in(directory, evaluate=False)
        self._folder = directory.checkpoints
        self.steps = checkpoint_files.steps(self._folder)
        self._checkpoint = tf.train.Checkpoint(
            model=self.experiment.model, optimizer=self.experiment.optimizer
        )

    def restore(self, step: int) -> None:
        """Gives network and optimizer the state of the checkpoint after `step` training steps."""
        path = checkpoint_files.path(self._folder, step)
        self._checkpoint.restore(str(path)).expect_partial()
