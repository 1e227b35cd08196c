"""The outer loop: grows, trains, logs, saves and evaluates, in `Run.train`."""

import contextlib
import importlib.metadata
import pathlib
import platform
import signal
import tempfile
import time
from typing import Any

import gin
import tensorflow as tf

from models import cost
from trainer import evaluation, failed_steps, run_log, unsaved_state
from trainer import experiment as experiment_lib
from trainer.command import errors, interrupts, standard_streams
from trainer.config import reader
from trainer.distribution import strategies
from trainer.export import saved_model
from trainer.logs import profiling
from trainer.model_dir import best_checkpoint, checkpoints, run_directory
from trainer.model_dir import clock as clock_lib
from trainer.optimization import optimizers


class Run:
    """An experiment in its model_dir: resumes where the newest checkpoint stands.

    Args:
      experiment: what to train.
      directory: where checkpoints, logs and results go.
      checkpoint: the path of that to begin with; None for the newest that can be read.

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
            random=experiment.task.random_state,
        )
        self._checkpoints = checkpoints.Checkpoints(
            self._checkpoint,
            directory.checkpoints,
            experiment.checkpoints_kept,
            experiment.strategy,
        )
        constants = optimizers.constants(experiment.optimizer)
        if checkpoint is not None:
            self.restore(checkpoint)
        else:
            with experiment.strategy.scope(), experiment.shapes.suspended():
                self._checkpoints.restore()
            if self._checkpoints.newest is None:
                experiment.start_warm()
        for variable, value in constants:
            variable.assign(value)
        self._seconds_a_step = None  # In the last loop that trained.
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
        if self._directory.is_written:
            standard_streams.say("tracing a training step and a growth")
        start = time.monotonic()
        self._task.train_dataset = self._experiment.batches(self.step)
        self._task.train(tf.constant(0))
        with self._experiment.strategy.scope():
            dataset = self._experiment.dataset.train(self.step)
            unsaved_state.warn(self._task, self._checkpoint, dataset)
        with failed_steps.explained(self._experiment, self._checkpoints):
            batch = self._experiment.take_first_batch()  # Any: nothing is trained on it.
        with self._experiment.task.random_state.preserved():  # No growth, but passes over a batch.
            self._grower.prepare(self._experiment.growth_batch(self.step, batch), batch)
        # Up to here the run may turn out to be impossible, and no file has been touched.
        self._directory.begin()
        if self._directory.is_claimed:
            self._checkpoints.tidy()
            self._best.tidy()
        if self.step < self._experiment.steps:
            self._directory.remove_result()
        self._log = run_log.RunLog(self._experiment, self._directory)
        self._log.config(literals)
        self._directory.write_about(self._about())
        # After tracing, when all that is used has been called.
        self._directory.write(f"operative_config-{self.step}.gin", gin.operative_config_str())
        self._log.say(
            f"traced in {time.monotonic() - start:.0f} s; training from step {self.step} to "
            f"{self._experiment.steps}"
        )

    def is_finished(self, evaluate: bool) -> bool:
        """True if result.json has all that `train` could find out."""
        result = self._earlier_result()
        return result is not None and (bool(result.get("test")) or not evaluate)

    def train(self, evaluate: bool, profiled_steps: tuple[int, int] | None = None) -> None:
        """Trains to the last step, growing on the way, and writes result.json.

        Of a run that has been trained before, and not evaluated, the evaluation is added.

        Args:
          evaluate: whether to evaluate during training and at its end.
          profiled_steps: (first, last), training steps between which a profile is recorded.

        Raises:
          SystemExit: a signal asked this or another worker for a stop; a checkpoint has been saved.
          FloatingPointError: the loss is not finite any more.
        """
        experiment, earlier = self._experiment, self._earlier_result()
        profiler = profiling.Profiler(profiled_steps, self._directory.path)
        with interrupts.catch() as interrupt:
            if evaluate and self.step and self._evaluation_is_due():
                self._evaluate()  # The run ended after the checkpoint, before this.
            while self.step < experiment.steps and not (number := self._agreed(interrupt)):
                first = self.step
                profiler.at(first)
                with failed_steps.explained(experiment, self._checkpoints), self._log.training():
                    if self._grower.next_growth(first) == first:
                        self._grow(first)
                    stop = min(*profiler.stops(first), *self._stops(first, evaluate))
                    output = self._train_steps(stop - self.step)
                self._log.loop(output)
                if stop % experiment.checkpoint_interval == 0:
                    self._save()
                if evaluate and self._evaluation_is_due():
                    self._evaluate()
            profiler.close()
            self._save()
            stopped = self.step < experiment.steps
            test = self._evaluate() if evaluate and not stopped else {}
        self._log.close()
        if stopped:
            self._log.say(f"stopped by {signal.Signals(number).name} after {self.step} steps")
            raise SystemExit(128 + number)
        with failed_steps.explained(experiment, self._checkpoints):
            result = self._result(test)
        if earlier is not None:
            result = earlier | {"test": result["test"], "best": result["best"]}
        self._directory.write_result(result)
        self._log.finish()
        self._log.say(
            f"finished {self.step} steps: train {_metrics(result['train'])}"
            + (f", test {_metrics(test)}" if test else "")
            + f"\nresult: {self._directory.path}/result.json"
            f"\nTensorBoard: tensorboard --logdir={self._directory.path}"
        )

    def restore(self, checkpoint: str) -> None:
        """Goes to the checkpoint with this path.

        Raises:
          ValueError: it does not fit the experiment.
        """
        with self._experiment.strategy.scope(), self._experiment.shapes.suspended():
            self._checkpoint.restore(checkpoint)
        self._grower.check_widths()

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
            written = saved_model.export(
                experiment.model, experiment.dataset, experiment.objective, folder
            )
        return written if self._directory.is_written else []

    def _grow(self, step: int) -> None:
        """Grows the network after `step` training steps, and trains it for the step after them."""
        batch = self._task.next_batch()
        with failed_steps.growth_explained(self._grower, step):
            growth = self._grower.grow(step, self._experiment.growth_batch(step, batch), batch)
        self._log.growth(growth, self._seconds_a_step)

    def _stops(self, first: int, evaluate: bool) -> list[int]:
        """The steps after `first` at which the in-graph training loop has to return to Python."""
        experiment = self._experiment
        intervals = [experiment.log_interval, experiment.checkpoint_interval]
        if evaluate and experiment.eval_interval:
            intervals.append(experiment.eval_interval)
        growth = self._grower.next_growth(first + 1)
        stops = [experiment.steps, *(i * (first // i + 1) for i in intervals)]
        return stops if growth is None else [*stops, growth]

    def _train_steps(self, steps: int) -> dict[str, tf.Tensor]:
        """Trains `steps` steps, which may be none after a growth, in one in-graph loop."""
        start = time.perf_counter()
        output = self._task.train(tf.constant(steps))
        if steps:
            output["loss"].numpy()  # An accelerator may still be at it.
            self._seconds_a_step = (time.perf_counter() - start) / steps
        return output

    def _save(self) -> None:
        with failed_steps.explained(self._experiment, self._checkpoints):
            self._task.check_weights()
        self._checkpoints.save(self.step)

    def _evaluation_is_due(self) -> bool:
        interval = self._experiment.eval_interval
        # The one at the end comes after the last checkpoint.
        return bool(interval) and not self.step % interval and self.step < self._experiment.steps

    def _evaluate(self) -> dict[str, float]:
        """Evaluates, and keeps the checkpoint in `best/` if it is the best."""
        metrics = evaluation.evaluate(self._experiment, self._log.test_summaries)
        self._log.evaluation(metrics, self.step)
        if self._experiment.eval_interval:
            self._best.update(self.step, metrics, self._checkpoint)
        return metrics

    def _agreed(self, interrupt: interrupts.Interrupt) -> int:
        """The number of the signal that any worker got; 0 if none did."""
        return strategies.greatest(self._experiment.strategy, interrupt.signal if interrupt else 0)

    def _earlier_result(self) -> dict[str, Any] | None:
        """Reads result.json, if there are no more steps to do."""
        result = self._directory.result()
        is_over = result is not None and result["steps"] == self.step >= self._experiment.steps
        return result if is_over else None

    def _about(self) -> dict[str, Any]:
        """The content of run.json."""
        experiment = self._experiment
        packages = ["tensorflow", "tf_keras", "tf-models-official", "gin-config"]
        return {
            "steps": experiment.steps,
            "seed": experiment.seed,
            "batch_size": experiment.dataset.batch_size,
            "seed_network": self._grower.seed_network.to_json(),
            "versions": {"python": platform.python_version()}
            | {name: importlib.metadata.version(name) for name in packages},
        }

    def _result(self, test: dict[str, float]) -> dict[str, Any]:
        """The content of result.json."""
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
    if not run.is_finished(evaluate):
        run.prepare(reader.literals())
        run.train(evaluate)
    return experiment


def _metrics(values: dict[str, float]) -> str:
    return " ".join(f"{name}={value:.5g}" for name, value in values.items())
