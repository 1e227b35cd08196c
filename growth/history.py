"""The growths so far: kept in checkpoints, and written as one line of JSON each."""

import json
from typing import Any

import tensorflow as tf


class GrowthHistory(tf.train.experimental.PythonState):
    """The growths of a run, oldest first, as plain dictionaries.

    Attributes:
      events: dictionaries with
        `step`: training steps before the growth,
        `loss`: in the step after the growth,
        `milliseconds`: that the growth and the step after it took,
        `parameters`: trainable ones, after the growth,
        `forward_flops`: of one example, after the growth,
        `sites`: for each site that grew, by name, its widths `from` and `to`; norms of the
          gradient in the step after the growth, `gradient_norm_new` by all weights of the new
          neurons, `gradient_norm_old` by the incoming weights that the site had before; the
          `singular_values` that the method found, 0 where one is below 1e-3 of the largest, and
          the number of neurons for which it is, which have `random_directions` instead,
        `refusal`: why the network did not grow, in events of growths that were skipped.
      birth: None, unless the run began with the weights of another network: then the start of it,
        `widths` by site, `parameters` and `forward_flops`.
    """

    def __init__(self):
        self.events: list[dict[str, Any]] = []
        self.birth: dict[str, Any] | None = None

    def serialize(self) -> str:
        """The state that a checkpoint holds."""
        whole = {"birth": self.birth, "events": self.events}
        return json.dumps(self.events if self.birth is None else whole)

    def deserialize(self, string_value: str) -> None:
        """Takes over the state of a checkpoint."""
        state = json.loads(string_value)
        whole = {"birth": None, "events": state} if isinstance(state, list) else state
        self.birth, self.events = whole["birth"], whole["events"]

    def __len__(self) -> int:
        return len(self.events)

    @property
    def last_step(self) -> int | None:
        """Training steps before the last growth; None before the first."""
        return self.events[-1]["step"] if self.events else None

    def widths(self, initial: dict[str, int]) -> dict[str, int]:
        """Widths after all growths, from the `initial` ones by site."""
        widths = dict(initial)
        for event in self.events:
            widths.update({name: site["to"] for name, site in event["sites"].items()})
        return widths
