"""The course of training as decisions see it, which checkpoints keep."""

import json
import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from growth.decisions import evidence
from growth.records import events

# Of measurements since the last growth.
_MOST_KEPT = 20


class Observations(tf.train.experimental.PythonState):
    """Curves and measurements of a run.

    Attributes:
      training: points by name of a loss or metric, see `Evidence`.
      evaluation: the same of evaluation.
      earlier: the last measurements since the last growth, oldest first.
      last: the last decision; None before the first.
      ended: why the network will not grow any more; None if it may.
    """

    def __init__(self):
        self.training: dict[str, list[evidence.Point]] = {}
        self.evaluation: dict[str, list[evidence.Point]] = {}
        self.earlier: list[dict[str, evidence.SiteMeasurement]] = []
        self.last: events.Decision | None = None
        self.ended: str | None = None

    def train(self, step: int, means: Mapping[str, float]) -> None:
        """Adds points of training, see `Evidence.training`, unless they are there already."""
        _add(self.training, step, means)

    def evaluate(self, step: int, metrics: Mapping[str, float]) -> None:
        """Adds points of evaluation, unless they are there already."""
        _add(self.evaluation, step, metrics)

    def expected_decrease(self, decision: events.Decision | None) -> float | None:
        """The decrease of the loss that a decision expects of a step; None if it does not say."""
        rates = self.training.get("optimizer/learning_rate")
        if decision is None or decision.gain is None or not rates:
            return None
        return rates[-1].value * decision.gain

    def decrease(self, step: int) -> float | None:
        """The training loss of the last point up to `step`, less that of the first one after it.

        None if there is no such point.
        """
        losses = self.training.get("loss", [])
        before = [point.value for point in losses if point.step <= step]
        after = [point.value for point in losses if point.step > step]
        return before[-1] - after[0] if before and after else None

    def decided(
        self, decision: events.Decision, measured: dict[str, evidence.SiteMeasurement] | None
    ) -> None:
        """Keeps a decision, and the measurement behind it, if there was one."""
        is_again = self.last is not None and self.last.step == decision.step
        self.last = decision
        if decision.counts:
            self.earlier = []
        elif measured is not None and not is_again:
            self.earlier = [*self.earlier, measured][-_MOST_KEPT:]

    def serialize(self) -> str:
        """The state that a checkpoint holds."""
        return json.dumps(
            {
                "training": self.training,
                "evaluation": self.evaluation,
                "earlier": [
                    {name: site.to_json() for name, site in sites.items()} for sites in self.earlier
                ],
                "last": self.last and self.last.to_json(),
                "ended": self.ended,
            }
        )

    def deserialize(self, string_value: str) -> None:
        """Takes over the state of a checkpoint."""
        state: dict[str, Any] = json.loads(string_value)
        for curves, saved in (
            (self.training, state["training"]),
            (self.evaluation, state["evaluation"]),
        ):
            curves.clear()
            curves.update({k: [evidence.Point(*p) for p in v] for k, v in saved.items()})
        self.earlier = [
            {name: evidence.SiteMeasurement.from_json(site) for name, site in sites.items()}
            for sites in state["earlier"]
        ]
        self.last = state["last"] and events.Decision.from_json(state["last"])
        self.ended = state["ended"]


def _add(curves, step, values):
    for name, value in values.items():
        curve = curves.setdefault(name, [])
        if (not curve or curve[-1].step < step) and math.isfinite(value):
            curve.append(evidence.Point(step, value))
