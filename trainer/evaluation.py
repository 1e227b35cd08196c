"""Evaluates checkpoints of a run, which may still be training in another process."""

import tensorflow as tf

from trainer import experiment as experiment_lib
from trainer import failed_steps
from trainer.logs import summaries
from trainer.model_dir import run_directory
from trainer.upstream import orbit as quiet_orbit


class Evaluation:
    """An experiment at one of the checkpoints of its run; writes nothing but TensorBoard's `eval/`.

    Args:
      experiment: that of the run.
      directory: of the run.
    """

    def __init__(
        self, experiment: experiment_lib.Experiment, directory: run_directory.RunDirectory
    ):
        self._experiment = experiment
        self._checkpoint = tf.train.Checkpoint(
            model=experiment.model,
            optimizer=experiment.optimizer,  # Keeps the step, and averages of weights.
            growth=experiment.grower.history,
            random=experiment.task.random_state,
        )
        self._controller = quiet_orbit.Controller(
            global_step=experiment.task.global_step,
            evaluator=experiment.task,
            strategy=experiment.strategy,
            eval_summary_dir=str(directory.path / "eval") if directory.is_written else None,
        )

    @property
    def step(self) -> int:
        """Training steps of the checkpoint."""
        return int(self._experiment.task.global_step.numpy())

    def restore(self, checkpoint: str) -> None:
        """Goes to a checkpoint, of a network of any widths.

        Args:
          checkpoint: its path.

        Raises:
          ValueError: it does not fit the experiment.
          tf.errors.OpError: it cannot be read; nothing can be evaluated until another one is.
        """
        with self._experiment.strategy.scope(), self._experiment.shapes.suspended():
            self._checkpoint.restore(checkpoint).expect_partial()
        self._experiment.grower.check_widths()

    def evaluate(self) -> dict[str, float]:
        """The metrics on the test examples, which TensorBoard gets as well."""
        with failed_steps.evaluation_explained(self._experiment):
            output = self._controller.evaluate()
        metrics = {name: float(value) for name, value in output.items()}
        self._experiment.data_faults.warn_of_test(
            metrics, self._experiment.task.inputs_were_finite, self.step
        )
        with summaries.switched_on(self._controller.eval_summary_manager.summary_writer()):
            summaries.write_by_flops(metrics, self._experiment.training_flops(self.step))
        self._controller.eval_summary_manager.flush()
        return metrics
