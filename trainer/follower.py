"""Evaluates the checkpoints of a run while another process trains it."""

import pathlib
import sys
import time
from collections.abc import Iterator

import tensorflow as tf

from trainer import evaluation
from trainer import experiment as experiment_lib
from trainer.command import console_text, error_reasons, errors, interrupts
from trainer.distribution import strategies
from trainer.model_dir import checkpoint_files, recovery, run_directory, strict_json

_POLL_SECONDS = 1.0


class Follower:
    """Evaluates the newest checkpoint, and then each one that the trainer adds.

    The trainer does not notice: its lock is left alone, and nothing that it writes is written. In
    particular `best/` is the trainer's. Checkpoints that come faster than they can be evaluated are
    evaluated in their order, as long as the trainer keeps them.

    Args:
      experiment: that of the run.
      directory: of the run; need not exist yet.
      config: the configuration, as config.gin has it; None for whatever is there.
      timeout: seconds to wait for a checkpoint that is new; None for as long as it takes.

    Raises:
      ValueError: several workers would follow together.
    """

    def __init__(
        self,
        experiment: experiment_lib.Experiment,
        directory: run_directory.RunDirectory,
        config: str | None,
        timeout: float | None = None,
    ):
        if (workers := strategies.workers(experiment.strategy)) > 1:
            raise ValueError(
                f"--follow is for one process, but TF_CONFIG lists {workers} workers; give the one "
                "that follows a TF_CONFIG with itself alone"
            )
        self._steps = experiment.steps
        self._directory = directory
        self._config = config
        self._timeout = timeout
        self._evaluation = evaluation.Evaluation(experiment, directory)
        self._last_step = -1
        self._said = set()

    def follow(self) -> None:
        """Evaluates to the end of the run, and prints a line of JSON for each evaluation.

        Raises:
          SystemExit: a signal asked for a stop; an evaluation that had begun has been finished.
          RunFailure: there has been no new checkpoint for too long, or the last one is damaged.
          UserError: the folder is that of another run.
        """
        last_news = time.monotonic()
        with interrupts.catch() as interrupt:
            while not interrupt:
                # First asked: all checkpoints of a run are there before its result.
                is_over = (self._directory.path / "result.json").exists()
                if self._last_step >= self._steps_of_run():
                    break
                if self._evaluate_next():
                    last_news = time.monotonic()
                elif is_over:
                    raise errors.RunFailure(
                        f"the run has ended, but the checkpoint of step {self._steps_of_run()} in "
                        f"{self._directory.checkpoints} cannot be read"
                    )
                elif self._timeout is not None and time.monotonic() - last_news > self._timeout:
                    raise errors.RunFailure(
                        f"no new checkpoint in {self._directory.checkpoints} for "
                        f"{self._timeout:g} seconds (--follow_timeout)"
                    )
                else:
                    time.sleep(_POLL_SECONDS)
        if interrupt:
            raise SystemExit(128 + interrupt.signal)

    def _steps_of_run(self) -> int:
        """Training steps of the run, which are fewer if it has stopped early."""
        result = self._directory.result()
        return result["steps"] if result and result.get("stopped_early") else self._steps

    def _evaluate_next(self) -> bool:
        """Evaluates one checkpoint; whether there was one."""
        for path in self._new_checkpoints():
            if self._restore(path):
                metrics = self._evaluation.evaluate()
                self._last_step = self._evaluation.step
                print(strict_json.dumps({"step": self._last_step, **metrics}), flush=True)
                return True
        return False

    def _new_checkpoints(self) -> Iterator[str]:
        """The paths of checkpoints after the last that was evaluated; at first the newest."""
        # The folder may have been another run's, or nobody's, when it was looked at last.
        self._directory.check(self._config)
        folder = self._directory.checkpoints
        steps = checkpoint_files.steps(folder)
        if not steps:
            self._say(folder, f"waiting for a checkpoint in {folder}")
        if self._last_step < 0:
            steps.reverse()
        return (
            str(checkpoint_files.path(folder, step)) for step in steps if step > self._last_step
        )

    def _restore(self, path: str) -> bool:
        """Goes to a checkpoint; whether it could be read."""
        damage = recovery.damage_of(path)
        if damage is None:
            try:
                self._evaluation.restore(path)
                return True
            except ValueError as error:
                raise errors.UserError(error_reasons.reason(error)) from error
            except tf.errors.OpError as error:
                damage = error_reasons.reason(error).partition("\n")[0]
        # The trainer may have removed it, as one of too many.
        self._say(path, f"passing over {path}: {damage}")
        return False

    def _say(self, path: pathlib.Path | str, line: str) -> None:
        """Writes a line about `path` on the console, once."""
        if path not in self._said:
            print(console_text.escaped(line), file=sys.stderr, flush=True)
        self._said.add(path)
