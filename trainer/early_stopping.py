"""Ends a run whose evaluations no longer improve."""

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from trainer.model_dir import best_checkpoint, strict_json


class EarlyStopping(tf.train.experimental.PythonState):
    """Counts the evaluations without an improvement; none before the last growth.

    It is a part of the checkpoints of the run, and an evaluation that is repeated after a resume
    counts once: a run that was killed stops at the same step as one that was not.

    Args:
      metric: its name; a `loss` improves if it falls, all others if they rise.
      patience: evaluations without an improvement after which it is due; None for never.
      min_delta: an improvement is by more than this, over the best value so far.
    """

    def __init__(self, metric: str, patience: int | None, min_delta: float):
        self._metric = metric
        self._patience = patience
        self._min_delta = min_delta
        self._best, self._best_step = math.nan, -1
        self._last_step = -1  # Of the evaluation that was counted last.
        self._evaluations = 0

    def serialize(self) -> str:
        """The state that a checkpoint holds."""
        return strict_json.dumps(self._state())

    def deserialize(self, string_value: str) -> None:
        """Takes over the state of a checkpoint."""
        self._take(strict_json.loads(string_value))

    def look_up(self, step: int, result: Mapping[str, Any] | None) -> None:
        """Takes over what a run that stopped early after `step` training steps wrote as its result.

        Its last evaluation may have come after its last checkpoint.
        """
        state = (result or {}).get("stopped_early")
        if isinstance(state, dict) and result["steps"] == step == state.get("last_step"):
            self._take(state)

    def update(self, step: int, metrics: Mapping[str, float], grows_later: bool) -> None:
        """Counts an evaluation after `step` training steps.

        Args:
          step: training steps done.
          metrics: of the evaluation.
          grows_later: whether a growth is still to come; then it starts anew.
        """
        if step <= self._last_step:
            return
        self._last_step = step
        self._evaluations += 1
        if best_checkpoint.is_better(self._metric, metrics, self._best, self._min_delta):
            self._best, self._best_step = metrics[self._metric], step
            self._evaluations = 0
        if grows_later:
            self._evaluations = 0

    @property
    def is_due(self) -> bool:
        """True if there have been too many evaluations without an improvement."""
        return self._patience is not None and self._evaluations >= self._patience

    def result(self) -> dict[str, Any]:
        """The entry of result.json: the state, and the `reason` in words."""
        change = "fallen below" if self._metric == "loss" else "risen above"
        best = f"{self._best:.5g}, the best (step {self._best_step})"
        margin = f" by more than {self._min_delta:g}" if self._min_delta else ""
        reason = (
            f"{self._metric} has not {change} {best},{margin} in {self._evaluations} evaluations"
            if self._best_step >= 0
            else f"{self._metric} has not been finite in {self._evaluations} evaluations"
        )
        return {"reason": reason, **self._state()}

    def _state(self) -> dict[str, Any]:
        return {
            "metric": self._metric,
            "best": self._best,
            "best_step": self._best_step,
            "last_step": self._last_step,
            "evaluations": self._evaluations,
        }

    def _take(self, state: Mapping[str, Any]) -> None:
        if state.get("metric") == self._metric:  # Else another one was bound.
            self._best, self._best_step = float(state["best"]), state["best_step"]
            self._last_step, self._evaluations = state["last_step"], state["evaluations"]
