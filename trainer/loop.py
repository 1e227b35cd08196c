"""The training loop's intervals, and what a run keeps."""

import dataclasses

import gin


@gin.configurable
@dataclasses.dataclass(frozen=True)
class Loop:
    """When a run logs, evaluates and saves.

    Args:
      log_interval: training steps between two points in the logs, run as one in-graph loop; there
        is a point at each growth, evaluation and checkpoint as well.
      eval_interval: training steps between two evaluations; None for one at the end.
      checkpoint_interval: training steps between two checkpoints.
      checkpoints_kept: how many of the newest checkpoints are kept.

    Raises:
      ValueError: an argument is out of range.
    """

    log_interval: int = 100
    eval_interval: int | None = None
    checkpoint_interval: int = 1000
    checkpoints_kept: int = 3

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            if value is not None and value < 1:
                raise ValueError(f"Loop.{name} = {value} must be at least 1")
