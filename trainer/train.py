"""The outer loop: grows, trains, logs, saves and evaluates, in `Training.train`."""

import signal
import time
from typing import Any

import gin
import tensorflow as tf

from models import cost
from trainer import evaluation, failed_steps, run_log, unsaved_state
from trainer import experiment as experiment_lib
from trainer import run as run_lib
from trainer.command import errors, interrupts, standard_streams
from trainer.config import reader
from trainer.distribution import strategies
from trainer.logs import profiling
from trainer.model_dir import run_directory


class Training:
    """A run that can be trained: all is traced, and its log is open.

    Args:
      run: what to train, from the checkpoint where it stands.
      literals: the values of the configuration by name, for TensorBoard's hparams.
      batch: any training batch, distributed; None to read the first one.

    Raises:
      ValueError: a step or a growth cannot be traced; no file of the run has been touched.
    """

    def __init__(
        self,
        run: run_lib.Run,
        literals: dict[str, int | float | str | bool],
        batch: tuple | None = None,
    ):
        self._run = run
        self._experiment = run.experiment
        self._grower = run.experiment.grower
        self._task = run.experiment.task
        self._seconds_a_step = None  # In the last loop that trained.
        self._batch_of_growth = None  # The last one in this process.
        if run.directory.is_written:
            standard_streams.say("tracing a training step and a growth")
        start = time.monotonic()
        self._trace(batch)
        run.directory.begin()
        if run.directory.is_claimed:
            run.checkpoints.tidy()
            run.best.tidy()
        if not run.is_over:
            run.directory.remove_result()
        self._log = run_log.RunLog(run.experiment, run.directory)
        self._log.config(literals)
        run.directory.write_about(run.about())
        # After tracing, when all that is used has been called.
        run.directory.write(f"operative_config-{run.step}.gin", gin.operative_config_str())
        self._log.say(
            f"traced in {time.monotonic() - start:.0f} s; training from step {run.step} to "
            f"{self._experiment.steps}"
        )

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
        run, earlier, test = self._run, self._run.earlier_result(), {}
        profiler = profiling.Profiler(profiled_steps, run.directory.path)
        with interrupts.catch() as interrupt:
            if evaluate and run.step and self._evaluation_is_due():
                test = self._evaluate()  # The run ended after the checkpoint, before this.
            while not run.is_over and not (number := self._agreed(interrupt)):
                first, test = run.step, {}
                profiler.at(first)
                with failed_steps.explained(self._experiment, run.checkpoints):
                    with self._log.training():
                        self._look_at_newborns(first)
                        self._recycle(first)
                        if self._growth_is_due(first):
                            self._grow(first)
                        stop = min(*profiler.stops(first), *self._stops(first, evaluate))
                        output = self._train_steps(stop - run.step)
                self._log.loop(output)
                self._observe(output)
                if stop % self._experiment.loop.checkpoint_interval == 0:
                    run.save()
                if evaluate and self._evaluation_is_due():
                    test = self._evaluate()
            profiler.close()
            with failed_steps.explained(self._experiment, run.checkpoints):
                self._look_at_newborns(run.step)
            run.save()
            if evaluate and run.is_over:
                test = test or self._evaluate()
        self._log.close()
        if not run.is_over:
            self._log.say(f"stopped by {signal.Signals(number).name} after {run.step} steps")
            raise SystemExit(128 + number)
        self._finish(test, earlier)

    def _trace(self, batch: tuple | None) -> None:
        """Traces training and growth; the run may turn out to be impossible."""
        experiment, step = self._experiment, self._run.step
        self._task.train_dataset = experiment.batches(step)
        self._task.train(tf.constant(0))
        with experiment.strategy.scope():
            unsaved_state.warn(self._task, self._run.state, experiment.dataset.train(step))
        with failed_steps.explained(experiment, self._run.checkpoints):
            batch = batch or experiment.first_batch()
        with self._task.random_state.preserved():  # No growth, but passes over a batch.
            self._grower.prepare(experiment.growth_batch(step, batch), batch)

    def _growth_is_due(self, step: int) -> bool:
        """Asks, if that is open, whether the network grows after `step` training steps."""
        if self._grower.next_growth(step) != step:
            return False
        if not self._grower.decides:
            return True

        def growth_batch():
            return self._experiment.growth_batch(step, next(iter(self._experiment.batches(step))))

        with self._task.random_state.preserved():
            is_due = self._grower.decide(step, growth_batch)
        self._log.decision(self._grower.observations.last)
        return is_due

    def _observe(self, output: dict[str, tf.Tensor]) -> None:
        """Tells the grower how training goes."""
        if self._grower.decides:
            means = {name: float(value) for name, value in output.items()}
            if growth := self._grower.observe(self._run.step, means):
                self._log.decrease(growth)

    def _grow(self, step: int) -> None:
        """Grows the network after `step` training steps, and trains it for the step after them."""
        batch = self._batch_of_growth = self._task.next_batch()
        with failed_steps.growth_explained(self._grower, step):
            growth = self._grower.grow(step, self._experiment.growth_batch(step, batch), batch)
        self._log.growth(growth, self._seconds_a_step)

    def _look_at_newborns(self, step: int) -> None:
        """Looks at the neurons of the last growth, if that is due after `step` training steps."""
        if self._grower.next_look(step) != step:
            return
        if self._batch_of_growth is None:
            last = self._grower.history.last_step
            self._batch_of_growth = next(iter(self._experiment.batches(last)))
        with self._task.random_state.preserved():
            dormant = self._grower.look(step, self._batch_of_growth)
        self._log.look(step, dormant)

    def _recycle(self, step: int) -> None:
        """Recycles dormant neurons, if that is due after `step` training steps."""
        if self._grower.next_recycling(step) != step:
            return
        batch = next(iter(self._experiment.batches(step)))
        with self._task.random_state.preserved():
            self._log.recycling(step, self._grower.recycle(step, batch))

    def _stops(self, first: int, evaluate: bool) -> list[int]:
        """The steps after `first` at which the in-graph training loop has to return to Python."""
        loop = self._experiment.loop
        intervals = [loop.log_interval, loop.checkpoint_interval]
        if evaluate and loop.eval_interval:
            intervals.append(loop.eval_interval)
        stops = [self._experiment.steps, *(i * (first // i + 1) for i in intervals)]
        grower = self._grower
        due = [f(first + 1) for f in (grower.next_growth, grower.next_look, grower.next_recycling)]
        return [*stops, *(step for step in due if step is not None)]

    def _train_steps(self, steps: int) -> dict[str, tf.Tensor]:
        """Trains `steps` steps, which may be none after a growth, in one in-graph loop."""
        start = time.perf_counter()
        output = self._task.train(tf.constant(steps))
        if steps:
            output["loss"].numpy()  # An accelerator may still be at it.
            self._seconds_a_step = (time.perf_counter() - start) / steps
        return output

    def _evaluation_is_due(self) -> bool:
        interval, step = self._experiment.loop.eval_interval, self._run.step
        # The one at the end comes after the last checkpoint.
        return bool(interval) and not step % interval and step < self._experiment.steps

    def _evaluate(self) -> dict[str, float]:
        """Evaluates, keeps the checkpoint in `best/` if it is the best, and counts if it is not."""
        run = self._run
        metrics = evaluation.evaluate(self._experiment, self._log.test_summaries)
        self._log.evaluation(metrics, run.step)
        self._grower.observe_evaluation(run.step, metrics)
        if self._experiment.loop.eval_interval:
            run.best.update(run.step, metrics, run.state)
            run.stopping.update(run.step, metrics, run.grows_later)
        return metrics

    def _agreed(self, interrupt: interrupts.Interrupt) -> int:
        """The number of the signal that any worker got; 0 if none did."""
        return strategies.greatest(self._experiment.strategy, interrupt.signal if interrupt else 0)

    def _finish(self, test: dict[str, float], earlier: dict[str, Any] | None) -> None:
        """Writes result.json: `earlier`, with the evaluation `test`, if the run had one before."""
        run = self._run
        with failed_steps.explained(self._experiment, run.checkpoints):
            result = self._result(test)
        if earlier is not None:
            result = earlier | {"test": result["test"], "best": result["best"]}
        run.directory.write_result(result)
        self._log.finish(result, self._experiment.best_metric)

    def _result(self, test: dict[str, float]) -> dict[str, Any]:
        """The content of result.json."""
        experiment, run = self._experiment, self._run
        is_early = run.step < experiment.steps
        return {
            "steps": run.step,
            **({"stopped_early": run.stopping.result()} if is_early else {}),
            "seed": experiment.seed,
            "train": self._task.evaluate_batch(self._task.next_batch()),
            "test": test,
            "best": run.best.evaluation,
            "widths": self._grower.widths(),
            "parameters": cost.parameters(experiment.model),
            "training_flops": experiment.training_flops(run.step),
            "training_flops_saved": experiment.saved_flops(run.step),
            "growths": len(self._grower.history),
            **({"growth_ended": why} if (why := self._grower.why_ended(run.step)) else {}),
            "wall_seconds": run.clock.seconds,
            "versions": run.about()["versions"],
        }


def train_in(directory: run_directory.RunDirectory, evaluate: bool) -> experiment_lib.Experiment:
    """Trains what Gin holds in `directory`, as far as it has not been.

    Args:
      directory: of the run.
      evaluate: as in `Training.train`.

    Returns:
      The experiment after the last step.
    """
    with errors.mistakes():
        experiment = experiment_lib.Experiment(resumes=directory.has_checkpoint())
        run = run_lib.Run(experiment, directory)
    if not run.is_finished(evaluate):
        Training(run, reader.literals()).train(evaluate)
    return experiment
