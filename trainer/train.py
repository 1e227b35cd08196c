"""The outer loop: Orbit's Controller trains between growths, evaluations and checkpoints."""

import contextlib
import importlib.metadata
import pathlib
import platform
import signal
import tempfile
from typing import Any

import gin
import orbit
import tensorflow as tf

from models import cost
from trainer import (
    best_checkpoint,
    checkpoint_recovery,
    checkpoints,
    config,
    errors,
    export,
    growing_trainer,
    interrupts,
    optimizers,
    profiling,
    run_directory,
    run_log,
    strategies,
)
from trainer import clock as clock_lib
from trainer import experiment as experiment_lib


class Run:
    """An experiment in its model_dir: resumes where the newest checkpoint stands.

    Args:
      experiment: what to train.
      directory: where checkpoints, logs and results go.

    Raises:
      ValueError: the checkpoint does not fit the experiment.
    """

    def __init__(
        self, experiment: experiment_lib.Experiment, directory: run_directory.RunDirectory
    ):
        self._experiment = experiment
        self._directory = directory
        self._grower = experiment.grower
        self._task = experiment.task
        self._clock = clock_lib.Clock()
        self._best = best_checkpoint.BestCheckpoint(
            directory.best, experiment.best_metric, experiment.strategy
        )
        self._checkpoint = tf.train.Checkpoint(
            model=experiment.model,
            optimizer=experiment.optimizer,
            growth=self._grower.history,
            clock=self._clock,
            best=self._best,
        )
        if directory.is_claimed:
            for folder in (directory.checkpoints, directory.best):
                checkpoint_recovery.use_newest_good(folder)
        self._checkpoints = checkpoints.Checkpoints(
            self._checkpoint,
            directory.checkpoints,
            experiment.checkpoints_kept,
            experiment.strategy,
        )
        constants = optimizers.constants(experiment.optimizer)
        with experiment.strategy.scope(), experiment.shapes.suspended():
            self._checkpoints.restore()
        if self._checkpoints.newest is None:
            experiment.start_warm()
        for variable, value in constants:
            variable.assign(value)
        # Orbit prints each of its steps; the console has a progress display of its own.
        with contextlib.redirect_stdout(None):
            self._controller = orbit.Controller(
                global_step=self._task.global_step,
                trainer=growing_trainer.GrowingTrainer(
                    self._task, self._grower, experiment.growth_batch, self._on_growth
                ),
                evaluator=self._task,
                strategy=experiment.strategy,
                steps_per_loop=experiment.steps,
                summary_dir=self._summary_dir("train"),
                eval_summary_dir=self._summary_dir("eval"),
                train_actions=[self._on_loop],
            )
        self._grower.check_widths()
        self._grower.recall_cohorts()
        self._best.look_up(self.step)

    @property
    def step(self) -> int:
        """Training steps done."""
        return int(self._task.global_step.numpy())

    def prepare(self, literals: dict[str, int | float | str | bool]) -> None:
        """Traces training and growth, and logs the configuration.

        Args:
          literals: the values of the configuration by name, for TensorBoard's hparams.
        """
        if self.step < self._experiment.steps:
            self._directory.remove_result()
        self._log = run_log.RunLog(self._experiment, self._directory, self._controller)
        self._log.config(literals)
        self._directory.write_about(self._about())
        self._task.train_dataset = self._experiment.batches(self.step)
        self._task.train(tf.constant(0))
        batch = next(iter(self._experiment.batches(self.step)))
        self._grower.prepare(self._experiment.growth_batch(self.step, batch), batch)
        # After tracing, when all that is used has been called.
        self._directory.write(f"operative_config-{self.step}.gin", gin.operative_config_str())

    def train(self, evaluate: bool, profiled_steps: tuple[int, int] | None = None) -> None:
        """Trains to the last step, growing on the way, and writes result.json.

        Args:
          evaluate: whether to evaluate during training and at its end.
          profiled_steps: (first, last), training steps between which a profile is recorded.

        Raises:
          SystemExit: a signal asked this or another worker for a stop; a checkpoint has been saved.
          FloatingPointError: the loss is not finite any more.
        """
        experiment = self._experiment
        self._profiler = profiling.Profiler(profiled_steps, self._directory.path / "train")
        with interrupts.catch() as interrupt, contextlib.redirect_stdout(None):
            if evaluate and self.step and self._evaluation_is_due():
                self._evaluate_and_compare()  # The run ended after the checkpoint, before this.
            while self.step < experiment.steps and not (number := self._agreed(interrupt)):
                self._profiler.at(self.step)
                self._train_until(self._next_stop(evaluate))
                if evaluate and self._evaluation_is_due():
                    self._evaluate_and_compare()
            self._profiler.close()
            self._checkpoints.save(self.step)
            stopped = self.step < experiment.steps
            test = self._evaluate_and_compare() if evaluate and not stopped else {}
        self._log.close()
        if stopped:
            self._log.say(f"stopped by {signal.Signals(number).name} after {self.step} steps")
            raise SystemExit(128 + number)
        result = self._result(test)
        self._directory.write_result(result)
        self._log.finish(result)
        self._log.say(
            f"finished {self.step} steps: train {_metrics(result['train'])}"
            + (f", test {_metrics(test)}" if test else "")
            + f"\nresult: {self._directory.path}/result.json"
            f"\nTensorBoard: tensorboard --logdir={self._directory.path}"
        )

    def restore(self, checkpoint: str) -> None:
        """Goes to the checkpoint with this path."""
        with self._experiment.strategy.scope(), self._experiment.shapes.suspended():
            self._checkpoint.restore(checkpoint)

    def export(self) -> list[pathlib.Path]:
        """Writes the checkpoint for use elsewhere, and returns what `export.export` does.

        Of several workers the chief does, and the others return nothing.
        """
        experiment, parent = self._experiment, self._directory.path / "export"
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._task.averaged())
            if not self._directory.is_written:
                # To read a variable may need all workers, so that they all do the same.
                parent = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            parent.mkdir(exist_ok=True)
            folder = parent / str(self.step)
            written = export.export(
                experiment.model, experiment.dataset, experiment.objective, folder
            )
        return written if self._directory.is_written else []

    def _next_stop(self, evaluate: bool) -> int:
        """The step at which the in-graph training loop returns to Python."""
        experiment = self._experiment
        intervals = [experiment.log_interval]
        if evaluate and experiment.eval_interval:
            intervals.append(experiment.eval_interval)
        stops = [
            experiment.steps,
            *self._profiler.stops(self.step),
            *(i * (self.step // i + 1) for i in intervals),
        ]
        growth = self._grower.growth_after(self.step)
        return min(stops if growth is None else [*stops, growth])

    def _train_until(self, step: int) -> None:
        try:
            self._controller.train(step, checkpoint_at_completion=False)
        except FloatingPointError as error:
            newest = self._checkpoints.newest
            raise FloatingPointError(f"{error}; the newest checkpoint is {newest}") from error
        if step - (self._checkpoints.saved_step or 0) >= self._experiment.checkpoint_interval:
            self._checkpoints.save(step)

    def _evaluation_is_due(self) -> bool:
        interval = self._experiment.eval_interval
        # The one at the end comes after the last checkpoint.
        return bool(interval) and not self.step % interval and self.step < self._experiment.steps

    def _evaluate(self) -> dict[str, float]:
        output = self._controller.evaluate()
        return {name: float(value) for name, value in output.items()}

    def _evaluate_and_compare(self) -> dict[str, float]:
        metrics = self._evaluate()
        self._log.evaluation(metrics, self.step)
        if self._experiment.eval_interval:
            self._best.update(self.step, metrics, self._checkpoint)
        return metrics

    def _agreed(self, interrupt: interrupts.Interrupt) -> int:
        """The number of the signal that any worker got; 0 if none did."""
        return strategies.greatest(self._experiment.strategy, interrupt.signal if interrupt else 0)

    def _summary_dir(self, name: str) -> str | None:
        return str(self._directory.path / name) if self._directory.is_written else None

    # Orbit and the trainer call these, once there is a log.

    def _on_loop(self, output: dict[str, tf.Tensor]) -> None:
        self._log.loop(output)

    def _on_growth(self, event: dict[str, Any], seconds_a_step: float | None) -> None:
        self._log.growth(event, seconds_a_step)

    def _about(self) -> dict[str, Any]:
        """What run.json holds."""
        experiment = self._experiment
        packages = ["tensorflow", "tf_keras", "tf-models-official", "gin-config"]
        return {
            "steps": experiment.steps,
            "seed": experiment.seed,
            "batch_size": experiment.dataset.batch_size,
            "birth": self._grower.birth,
            "versions": {"python": platform.python_version()}
            | {name: importlib.metadata.version(name) for name in packages},
        }

    def _result(self, test: dict[str, float]) -> dict[str, Any]:
        """What result.json holds."""
        experiment = self._experiment
        return {
            "steps": self.step,
            "seed": experiment.seed,
            "train": self._task.evaluate_batch(self._task.next_batch()),
            "test": test,
            "best": self._best.evaluation,
            "widths": self._grower.widths(),
            "parameters": cost.parameters(experiment.model),
            "training_flops": experiment.training_flops(self.step),
            "growths": len(self._grower.history),
            "wall_seconds": self._clock.seconds,
            "versions": self._about()["versions"],
        }


def train_in(directory: run_directory.RunDirectory, evaluate: bool) -> experiment_lib.Experiment:
    """Trains what Gin holds in `directory`, as far as it has not been.

    Args:
      directory: of the run.
      evaluate: as in `Run.train`.

    Returns:
      The experiment after the last step.
    """
    with errors.mistakes():
        experiment = experiment_lib.Experiment()
        run = Run(experiment, directory)
    run.prepare(config.literals())
    run.train(evaluate)
    return experiment


def _metrics(values: dict[str, float]) -> str:
    return " ".join(f"{name}={value:.5g}" for name, value in values.items())
