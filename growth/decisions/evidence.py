"""Evidence for decisions: the run so far, and a measurement of each site."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from growth.decisions import policies
from growth.records import events


class Point(NamedTuple):
    """A point of a curve.

    Attributes:
      step: training steps done.
      value: in training, the mean over the steps since the point before; in evaluation, after
        `step` steps.
    """

    step: int
    value: float


class Limits(NamedTuple):
    """The largest size that a network may grow to; None for no limit.

    Attributes:
      neurons: of all sites together.
      parameters: trainable ones.
      forward_flops: floating-point operations of the forward pass of one example.
    """

    neurons: float | None = None
    parameters: float | None = None
    forward_flops: float | None = None

    def exceeded(self, size: Sequence[int]) -> str | None:
        """The limit that a network of `size`, see `models.cost.Size`, is beyond, or None.

        Example:
          >>> Limits(parameters=100).exceeded((8, 120, 200))
          '120 parameters, of at most 100'
        """
        for value, limit, what in zip(size, self, _SIZES, strict=True):
            if limit is not None and value > limit:
                return f"{value} {what}, of at most {math.floor(limit)}"
        return None


_SIZES = ("neurons", "parameters", "FLOPs of a forward pass")


@dataclasses.dataclass(frozen=True)
class SiteMeasurement:
    """A site, measured on a growth batch; L is the training loss, A the map of the site.

    Attributes:
      singular_values: the largest of A, largest first, 0 beyond its rank.
      random_norm: root mean square of |A^T u| over random directions u of norm 1: what a singular
        value is where directions are random.
      gains: by new neuron, in the order in which the growth method gives them: the squared norm of
        the gradient by its weights. To first order, a step of gradient descent at the learning rate
        r lowers L by r times the sum over all new neurons.
      old_gradient_norm: norm of the gradient by the incoming weights of the existing neurons.
      activity: mean absolute output of the neurons.
      dormant: share of neurons whose own is at most 0.1 times that.
      effective_rank: of what the neurons put out, over examples and positions: the exponential of
        the entropy of the normalized singular values (Roy and Vetterli, 2007).
    """

    singular_values: tuple[float, ...] = ()
    random_norm: float = 0.0
    gains: tuple[float, ...] = ()
    old_gradient_norm: float = 0.0
    activity: float = 0.0
    dormant: float = 0.0
    effective_rank: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The object of JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "SiteMeasurement":
        """The inverse of `to_json`; ignores other keys."""
        names = [field.name for field in dataclasses.fields(cls)]
        known: dict[str, Any] = {name: values[name] for name in names if name in values}
        for name in ("singular_values", "gains"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


def _unmeasured() -> SiteMeasurement:
    raise ValueError("this site cannot be measured: there is no growth batch")


@dataclasses.dataclass(frozen=True)
class SiteEvidence(policies.SiteWidth):
    """A site as a decision sees it.

    Attributes:
      parameters: of one more neuron.
      forward_flops: of one more neuron.
      measure: measures the site, at the first call for all sites.

    Example:
      >>> measured = SiteMeasurement(singular_values=(3.0, 1.0), effective_rank=2.5)
      >>> site = SiteEvidence("hidden", initial=4, current=5, measure=lambda: measured)
      >>> site.measured.singular_values, site.redundancy
      ((3.0, 1.0), 0.5)
    """

    parameters: int = 0
    forward_flops: int = 0
    measure: Callable[[], SiteMeasurement] = dataclasses.field(
        default=_unmeasured, repr=False, compare=False
    )

    @property
    def measured(self) -> SiteMeasurement:
        """The site on the growth batch of this step; measured once, when it is asked for."""
        return self.measure()

    @property
    def redundancy(self) -> float:
        """The effective rank over the width: 1 if no neuron could be spared; 0 of no neurons."""
        return self.measured.effective_rank / self.current if self.current else 0.0

    @property
    def old_gradient(self) -> float:
        """The norm of the gradient by the incoming weights of an existing neuron, on average."""
        return self.measured.old_gradient_norm / math.sqrt(max(self.current, 1))


@dataclasses.dataclass(frozen=True)
class Evidence:
    """The run so far: the argument of schedules and policies that decide.

    Attributes:
      step: training steps done.
      growths: so far, oldest first.
      sites: from the input of the network to its output.
      training: by name, the loss and the metrics of training so far, and the learning rate
        (`optimizer/learning_rate`).
      evaluation: the same of evaluation.
      earlier: measurements since the last growth, oldest first, each by site.
      limits: the budget.
      size: maps widths by site to the size that the network would have, see `models.cost.size_at`.

    Example:
      >>> curve = [Point(100, 2.0), Point(200, 1.0), Point(300, 0.5)]
      >>> evidence = Evidence(step=300, training={"loss": curve})
      >>> evidence.mean_loss(after=100, until=300)
      0.75
    """

    step: int
    growths: Sequence[events.Growth] = ()
    sites: Sequence[SiteEvidence] = ()
    training: Mapping[str, Sequence[Point]] = dataclasses.field(default_factory=dict)
    evaluation: Mapping[str, Sequence[Point]] = dataclasses.field(default_factory=dict)
    earlier: Sequence[Mapping[str, SiteMeasurement]] = ()
    limits: Limits = Limits()
    size: Callable[[Mapping[str, int]], Sequence[int]] = lambda widths: (0, 0, 0)

    @property
    def last_growth(self) -> int:
        """Training steps before the last growth; 0 before the first."""
        return self.growths[-1].step if self.growths else 0

    @property
    def widths(self) -> dict[str, int]:
        """Neurons by site."""
        return {site.name: site.current for site in self.sites}

    def mean_loss(self, after: int, until: int) -> float | None:
        """The mean training loss over the points within steps `after` to `until`; None of none."""
        total, steps, start = 0.0, 0, 0
        for point in self.training.get("loss", ()):
            if after <= start and point.step <= until:
                total += point.value * (point.step - start)
                steps += point.step - start
            start = point.step
        return total / steps if steps else None

    def fits(self, widths: Mapping[str, int]) -> bool:
        """True if the network, with these `widths`, is within the budget."""
        return self.limits.exceeded(self.size(widths)) is None
