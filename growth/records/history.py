"""The growths so far, which checkpoints keep."""

import json
from typing import Any

import tensorflow as tf

from growth.records import events as events_lib


class GrowthHistory(tf.train.experimental.PythonState):
    """The growths of a run.

    Attributes:
      events: the growths, oldest first.
      seed_network: None, unless the run began with the weights of another network: then its size.
    """

    def __init__(self):
        self.events: list[events_lib.Growth] = []
        self.seed_network: events_lib.NetworkSize | None = None

    def serialize(self) -> str:
        """The state that a checkpoint holds."""
        events = [growth.to_json() for growth in self.events]
        if self.seed_network is None:
            return json.dumps(events)
        return json.dumps({"seed_network": self.seed_network.to_json(), "events": events})

    def deserialize(self, string_value: str) -> None:
        """Takes over the state of a checkpoint."""
        state = json.loads(string_value)
        whole: dict[str, Any] = {"events": state} if isinstance(state, list) else state
        # Former versions called it birth.
        size = whole.get("seed_network", whole.get("birth"))
        self.seed_network = None if size is None else events_lib.NetworkSize.from_json(size)
        self.events = [events_lib.Growth.from_json(growth) for growth in whole["events"]]

    def __len__(self) -> int:
        return len(self.events)

    @property
    def last_step(self) -> int | None:
        """Training steps before the last growth; None before the first."""
        return self.events[-1].step if self.events else None
