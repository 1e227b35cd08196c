"""The training loop's intervals, what a run keeps, and what ends it early."""

import dataclasses
import math

import gin


@gin.configurable
@dataclasses.dataclass(frozen=True)
class Loop:
    """When a run logs, evaluates, saves and stops early.

    Args:
      log_interval: training steps between two points in the logs, run as one in-graph loop; there
        is a point at each growth, evaluation and checkpoint as well.
      eval_interval: training steps between two evaluations; None for one at the end.
      checkpoint_interval: training steps between two checkpoints.
      checkpoints_kept: how many of the newest checkpoints are kept.
      best_metric: the metric of evaluation that tells which checkpoint is the best, and when to
        stop early: `loss`, of which less is better, or a metric of the objective, of which more is;
        None for that of the objective.
      patience: evaluations without an improvement of that metric after which the run ends; those
        before the last growth do not count. None to do all steps.
      min_delta: an improvement is by more than this, over the best value so far.

    Raises:
      ValueError: an argument is out of range.
    """

    log_interval: int = 100
    eval_interval: int | None = None
    checkpoint_interval: int = 1000
    checkpoints_kept: int = 3
    best_metric: str | None = None
    patience: int | None = None
    min_delta: float = 0.0

    def __post_init__(self):
        counts = ("log_interval", "eval_interval", "checkpoint_interval", "checkpoints_kept")
        for name in (*counts, "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"Loop.{name} = {value} must be at least 1")
        if not 0 <= self.min_delta < math.inf:
            raise ValueError(f"Loop.min_delta = {self.min_delta} must be 0 or more, and finite")
        if self.patience is not None and self.eval_interval is None:
            raise ValueError(
                f"Loop.patience = {self.patience} counts evaluations; bind Loop.eval_interval, the "
                "training steps between two of them"
            )
