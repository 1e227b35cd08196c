"""A run: an experiment at a checkpoint of its model_dir."""

import contextlib
import importlib.metadata
import pathlib
import platform
import tempfile
from typing import Any

import tensorflow as tf

from trainer import early_stopping, failed_steps
from trainer import experiment as experiment_lib
from trainer.command import errors
from trainer.export import saved_model
from trainer.model_dir import best_checkpoint, checkpoints, run_directory
from trainer.model_dir import clock as clock_lib
from trainer.optimization import optimizers


class Run:
    """An experiment in its model_dir: stands where the newest checkpoint does.

    Args:
      experiment: what to train.
      directory: where checkpoints, logs and results go.
      checkpoint: the path of that to begin with; None for the newest that can be read.

    Attributes:
      experiment: the argument.
      directory: the argument.
      clock: the time that the run has taken.
      best: keeps the checkpoint of the best evaluation.
      stopping: says whether evaluations no longer improve.
      checkpoints: the newest of them.
      state: all that a checkpoint holds.

    Raises:
      UserError: there are checkpoints, and none of them can be read.
      ValueError: the checkpoint does not fit the experiment.
    """

    def __init__(
        self,
        experiment: experiment_lib.Experiment,
        directory: run_directory.RunDirectory,
        checkpoint: str | None = None,
    ):
        self.experiment = experiment
        self.directory = directory
        self.clock = clock_lib.Clock()
        metric, loop = experiment.best_metric, experiment.loop
        self.best = best_checkpoint.BestCheckpoint(directory.best, metric, experiment.strategy)
        self.stopping = early_stopping.EarlyStopping(metric, loop.patience, loop.min_delta)
        self.state = tf.train.Checkpoint(
            model=experiment.model,
            optimizer=experiment.optimizer,
            growth=experiment.grower.history,
            decisions=experiment.grower.observations,
            clock=self.clock,
            best=self.best,
            stopping=self.stopping,
            random=experiment.task.random_state,
        )
        self.checkpoints = checkpoints.Checkpoints(
            self.state, directory.checkpoints, loop.checkpoints_kept, experiment.strategy
        )
        constants = optimizers.constants(experiment.optimizer)
        if checkpoint is not None:
            self.restore(checkpoint)
        else:
            with experiment.strategy.scope(), experiment.shapes.suspended():
                self.checkpoints.restore()
            if self.checkpoints.newest is None and experiment.lacks_weights:
                raise errors.UserError(
                    f"the checkpoints in {directory.checkpoints} have just been removed; start "
                    "again for a run that begins with Experiment.warm_start"
                )
        for variable, value in constants:
            variable.assign(value)
        experiment.grower.check_widths()
        experiment.grower.recall_cohorts()
        self.best.look_up(self.step)
        self.stopping.look_up(self.step, directory.result())

    @property
    def step(self) -> int:
        """Training steps done."""
        return int(self.experiment.task.global_step.numpy())

    @property
    def is_over(self) -> bool:
        """True if there is nothing left to train: after the last step, or stopped early."""
        return self.step >= self.experiment.steps or (self.stopping.is_due and not self.grows_later)

    @property
    def grows_later(self) -> bool:
        """True if a growth is still to come."""
        growth = self.experiment.grower.next_growth(self.step)
        return growth is not None and growth < self.experiment.steps

    def earlier_result(self) -> dict[str, Any] | None:
        """Reads result.json, if there are no more steps to do."""
        result = self.directory.result()
        is_last = result is not None and result["steps"] == self.step and self.is_over
        return result if is_last else None

    def is_finished(self, evaluate: bool) -> bool:
        """True if result.json has all that training could find out.

        Args:
          evaluate: whether the metrics of an evaluation belong to it.
        """
        result = self.earlier_result()
        return result is not None and (bool(result.get("test")) or not evaluate)

    def restore(self, checkpoint: str) -> None:
        """Goes to the checkpoint with this path.

        Raises:
          ValueError: it does not fit the experiment.
        """
        with self.experiment.strategy.scope(), self.experiment.shapes.suspended():
            self.state.restore(checkpoint)
        self.experiment.grower.check_widths()

    def save(self) -> None:
        """Saves a checkpoint, unless there is one of this step.

        Raises:
          FloatingPointError: a weight is not finite.
        """
        with failed_steps.explained(self.experiment, self.checkpoints):
            self.experiment.task.check_weights()
        self.checkpoints.save(self.step)

    def export(self) -> list[pathlib.Path]:
        """Writes the checkpoint for use elsewhere, and returns what `export.export` does.

        Of several workers the chief does, and the others return nothing.
        """
        experiment, parent = self.experiment, self.directory.path / "export"
        with contextlib.ExitStack() as stack:
            stack.enter_context(experiment.task.averaged())
            if not self.directory.is_written:
                # To read a variable may need all workers, so that they all do the same.
                parent = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            parent.mkdir(exist_ok=True)
            folder = parent / str(self.step)
            written = saved_model.export(
                experiment.model, experiment.dataset, experiment.objective, folder
            )
        return written if self.directory.is_written else []

    def about(self) -> dict[str, Any]:
        """The content of run.json."""
        experiment = self.experiment
        packages = ["tensorflow", "tf_keras", "tf-models-official", "gin-config"]
        return {
            "steps": experiment.steps,
            "seed": experiment.seed,
            "batch_size": experiment.dataset.batch_size,
            "seed_network": experiment.grower.seed_network.to_json(),
            "versions": {"python": platform.python_version()}
            | {name: importlib.metadata.version(name) for name in packages},
        }
