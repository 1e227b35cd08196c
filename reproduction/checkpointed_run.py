"""A run that is looked at again, as it was at each of its checkpoints."""

import tensorflow as tf

from trainer import checkpoints, run_directory, train


class CheckpointedRun:
    """Trains what Gin holds, unless that is done, and goes back to its checkpoints.

    How many there are is bound: `Experiment.checkpoint_interval`, `Experiment.checkpoints_kept`.

    Args:
      directory: of the run.

    Attributes:
      experiment: with the network as it was at the checkpoint that was restored last.
      steps: training steps of each checkpoint, ascending.
    """

    def __init__(self, directory: run_directory.RunDirectory):
        self.experiment = train.train_in(directory, evaluate=False)
        self._paths = {
            checkpoints.step_of(file.stem): str(file.with_suffix(""))
            for file in directory.checkpoints.glob("*.index")
        }
        self.steps = sorted(self._paths)
        self._checkpoint = tf.train.Checkpoint(
            model=self.experiment.model, optimizer=self.experiment.optimizer
        )

    def restore(self, step: int) -> None:
        """Gives network and optimizer the state of the checkpoint after `step` training steps."""
        self._checkpoint.restore(self._paths[step]).expect_partial()
