"""Keeps the checkpoint of the best evaluation."""

import math
import pathlib
from collections.abc import Mapping

import tensorflow as tf

from trainer import checkpoints, strict_json


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
        self.evaluation: dict[str, float] = {}

    def serialize(self) -> str:
        """The state that a checkpoint holds."""
        return strict_json.dumps(self.evaluation)

    def deserialize(self, string_value: str) -> None:
        """Takes over the state of a checkpoint."""
        self.evaluation = strict_json.loads(string_value)

    def look_up(self, step: int) -> None:
        """Remembers a checkpoint in the folder that is newer than the run's, but not after `step`.

        The evaluation at the end of a run comes after its last checkpoint.
        """
        newest = tf.train.latest_checkpoint(str(self._folder))
        if (
            newest is None
            or not self.evaluation.get("step", -1) < checkpoints.step_of(newest) <= step
        ):
            return
        saved = tf.train.Checkpoint(best=BestCheckpoint(self._folder, self._metric, self._strategy))
        saved.restore(newest).expect_partial()
        self.evaluation = saved.best.evaluation

    def update(
        self, step: int, metrics: Mapping[str, float], checkpoint: tf.train.Checkpoint
    ) -> None:
        """Saves `checkpoint` if `metrics`, of the evaluation after `step` steps, are the best.

        A metric that is not finite is never the best.
        """
        sign = -1 if self._metric == "loss" else 1
        new, best = metrics[self._metric], self.evaluation.get(self._metric, math.nan)
        # Not by `new <= best`, which no comparison with NaN fulfils.
        if not math.isfinite(new) or (math.isfinite(best) and sign * new <= sign * best):
            return
        self.evaluation = {"step": step, **metrics}
        checkpoints.save(checkpoint, self._folder, 1, step, self._strategy)
