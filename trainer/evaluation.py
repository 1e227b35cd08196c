"""Evaluates checkpoints of a run, which may still be training in another process."""

import orbit
import tensorflow as tf

from trainer import experiment as experiment_lib
from trainer import failed_steps
from trainer.logs import summaries
from trainer.model_dir import run_directory


def evaluate(
    experiment: experiment_lib.Experiment, test_summaries: orbit.utils.SummaryManager
) -> dict[str, float]:
    """Evaluates the network as it is.

    Args:
      experiment: whose network and test examples.
      test_summaries: where TensorBoard gets the metrics.

    Returns:
      The metrics by name.

    Raises:
      RunFailure: the test examples cannot be evaluated.
    """
    task = experiment.task
    # What a user's metric writes by tf.summary goes there as well.
    with (
        failed_steps.evaluation_explained(experiment),
        test_summaries.summary_writer().as_default(),
    ):
        output = task.evaluate(tf.constant(-1))
    metrics = {name: float(value) for name, value in output.items()}
    step = int(task.global_step.numpy())
    experiment.data_faults.warn_of_test(metrics, task.inputs_were_finite, step)
    test_summaries.write_summaries(metrics)
    with summaries.switched_on(test_summaries.summary_writer()):
        summaries.write_by_flops(metrics, experiment.training_flops(step))
    test_summaries.flush()
    return metrics


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
        self._summaries = summaries.manager(
            directory.path / "eval" if directory.is_written else None, experiment.task.global_step
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
        return evaluate(self._experiment, self._summaries)
