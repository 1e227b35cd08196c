"""Keeps the checkpoint of the best evaluation."""

import math
import pathlib
from collections.abc import Mapping

import tensorflow as tf

from trainer.model_dir import checkpoint_files, checkpoints, recovery, strict_json


class BestCheckpoint(tf.train.experimental.PythonState):
    """The evaluation with the best value of a metric so far, and a checkpoint of its step.

    It is a part of the checkpoints of the run, so that a run that is resumed compares with what it
    had seen by then.

    Args:
      folder: where the checkpoint goes.
      metric: its name; a `loss` is better if it is lower, all others if they are higher.
      strategy: that the run is distributed by; all workers call each method.

    Attributes:
      evaluation: the metrics, and the `step`; empty before the first.
    """

    def __init__(self, folder: pathlib.Path, metric: str, strategy: tf.distribute.Strategy):
        self._folder = folder
        self._metric = metric
        self._strategy = strategy
        self._found = recovery.Found(None, {})
        self.evaluation: dict[str, float] = {}

    def serialize(self) -> str:
        """The state that a checkpoint holds."""
        return strict_json.dumps(self.evaluation)

    def deserialize(self, string_value: str) -> None:
        """Takes over the state of a checkpoint."""
        self.evaluation = strict_json.loads(string_value)

    def look_up(self, step: int) -> None:
        """Remembers a checkpoint in the folder that is newer than the run's, but not after `step`.

        The evaluation at the end of a run comes after its last checkpoint. Changes no file.
        """
        self._found = recovery.find(self._folder)
        recovery.say(self._folder, self._found)
        newest = self._found.step
        if newest is None or not self.evaluation.get("step", -1) < newest <= step:
            return
        saved = tf.train.Checkpoint(best=BestCheckpoint(self._folder, self._metric, self._strategy))
        saved.restore(str(checkpoint_files.path(self._folder, newest))).expect_partial()
        self.evaluation = saved.best.evaluation

    def tidy(self) -> None:
        """Clears away what is damaged, half-written or outdone; after `look_up`."""
        recovery.tidy(self._folder, self._found)
        steps, best = checkpoint_files.steps(self._folder), self.evaluation.get("step")
        for step in steps:
            if best in steps and step < best:  # Killed before it was removed.
                checkpoint_files.remove(self._folder, step)

    def update(
        self, step: int, metrics: Mapping[str, float], checkpoint: tf.train.Checkpoint
    ) -> None:
        """Saves `checkpoint` if `metrics`, of the evaluation after `step` steps, are the best.

        An evaluation of which the loss or the metric is not finite is never the best.
        """
        if is_better(self._metric, metrics, self.evaluation.get(self._metric, math.nan)):
            self.evaluation = {"step": step, **metrics}
            checkpoints.save(checkpoint, self._folder, 1, step, self._strategy)


def is_better(metric: str, metrics: Mapping[str, float], best: float, by: float = 0.0) -> bool:
    """True if an evaluation is better than the best one before it, by more than `by`.

    One of which the loss or the metric is not finite is never better, and any other one is better
    than a `best` that is not finite.

    Args:
      metric: its name; a `loss` is better if it is lower, all others if they are higher.
      metrics: of the evaluation.
      best: the value of the metric to compare with.
      by: at least 0.
    """
    new = metrics[metric]
    if not (math.isfinite(new) and math.isfinite(metrics.get("loss", 0.0))):
        return False
    gain = best - new if metric == "loss" else new - best
    return not math.isfinite(best) or gain > by
