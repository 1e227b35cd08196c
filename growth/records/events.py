"""Growth events and the seed network, as a run records them; needs no TensorFlow.

On disk (growth.jsonl, run.json, checkpoints) each is an object of JSON. Keys that this version does
not know are kept, and what an earlier version did not record is None.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Look:
    """The health of the new neurons of a site, some training steps after their growth.

    Attributes:
      step: training steps done.
      dormant: share of new neurons with hardly any activity; see `NewbornHealth`.
      log_activity: log of the mean activity of new neurons over that of old ones; None where
        either is zero.
      log_gradient: log of the root mean square of the gradient by the weights of new neurons,
        incoming and outgoing, over that of old ones; None where either is zero.
      incoming_norm: mean norm of the incoming weights of a new neuron.
      outgoing_norm: mean norm of its outgoing weights.
    """

    step: int
    dormant: float | None = None
    log_activity: float | None = None
    log_gradient: float | None = None
    incoming_norm: float | None = None
    outgoing_norm: float | None = None


@dataclasses.dataclass
class SiteGrowth:
    """The growth of one site.

    Attributes:
      from_width: neurons before.
      to_width: neurons after.
      gradient_norm_new: norm of the gradient by all weights of the new neurons, in the training
        step after the growth.
      gradient_norm_old: the same by the incoming weights that the site had before.
      singular_values: those that the growth method found, largest first, 0 where one is below 1e-3
        of the largest; empty if the method knows none.
      random_directions: the number of new neurons whose singular value is 0, so that they start in
        random directions; None where there are no singular values.
      looks: how the new neurons fared until the next growth, oldest first.
      unknown: keys of another version, with their values.
    """

    from_width: int | None = None
    to_width: int | None = None
    gradient_norm_new: float | None = None
    gradient_norm_old: float | None = None
    singular_values: list[float] | None = None
    random_directions: int | None = None
    looks: list[Look] = dataclasses.field(default_factory=list)
    unknown: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def count(self) -> int:
        """New neurons; 0 if a width is not known."""
        if self.from_width is None or self.to_width is None:
            return 0
        return self.to_width - self.from_width

    def to_json(self) -> dict[str, Any]:
        """The object of JSON; without what is None."""
        looks = [dataclasses.asdict(look) for look in self.looks] or None
        return _to_json(dataclasses.replace(self, looks=looks), _SITE_KEYS)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "SiteGrowth":
        """The inverse of `to_json`."""
        known = _from_json(values, _SITE_KEYS)
        names = [field.name for field in dataclasses.fields(Look)]
        known["looks"] = [
            Look(**{name: look[name] for name in names if name in look})
            for look in known.pop("looks", [])
        ]
        return cls(**known)


@dataclasses.dataclass(frozen=True)
class SiteDecision:
    """A site, as the decision about a growth saw it.

    Attributes:
      width: neurons before.
      granted: new neurons.
      parameters: of one more neuron.
      forward_flops: of one more neuron.
      measured: the numbers of `SiteMeasurement`; None if nothing asked for them.
    """

    width: int
    granted: int
    parameters: int
    forward_flops: int
    measured: dict[str, Any] | None = None

    @property
    def gain(self) -> float | None:
        """The expected gain of the granted neurons, see `SiteMeasurement`; None if unmeasured."""
        if self.measured is None:
            return None
        return sum(self.measured["gains"][: self.granted])


@dataclasses.dataclass(frozen=True)
class Decision:
    """An answer to whether, where and by how many neurons a network grows.

    Attributes:
      step: training steps done.
      because: the reason in words.
      sites: by name.
    """

    step: int
    because: str
    sites: dict[str, SiteDecision] = dataclasses.field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """New neurons by site, of the sites that grow."""
        return {name: site.granted for name, site in self.sites.items() if site.granted}

    @property
    def gain(self) -> float | None:
        """The expected gain of all new neurons; None if unmeasured."""
        gains = [site.gain for site in self.sites.values() if site.gain is not None]
        return sum(gains) if gains else None

    def measured(self, by_site: Mapping[str, dict[str, Any]]) -> "Decision":
        """The decision with the measurement behind it, the numbers of each site."""
        sites = {
            name: dataclasses.replace(site, measured=by_site[name])
            for name, site in self.sites.items()
        }
        return dataclasses.replace(self, sites=sites)

    def to_json(self) -> dict[str, Any]:
        """The object of JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Decision":
        """The inverse of `to_json`; ignores other keys."""
        names = [field.name for field in dataclasses.fields(SiteDecision)]
        sites = {
            name: SiteDecision(**{key: site[key] for key in names if key in site})
            for name, site in values.get("sites", {}).items()
        }
        return cls(values["step"], values["because"], sites)


@dataclasses.dataclass
class Growth:
    """A growth of a network, and the training step after it, which is a part of it.

    Attributes:
      step: training steps before the growth.
      loss: in the step after the growth.
      parameters: trainable parameters, after the growth.
      forward_flops: of one example, after the growth.
      sites: the sites that grew, by name.
      refusal: why the network did not grow; None if it did.
      milliseconds: wall time of the growth and the step after it.
      decision: why it grew as it did; None where schedule and policy do not see the training.
      predicted_decrease: of the loss, in a step of gradient descent by the new weights alone: the
        expected gain times the learning rate. None if not measured.
      measured_decrease: the training loss of the last point of its curve before the growth, less
        that of the first one after it; None if there are none.
      unknown: keys of another version, with their values.

    Example:
      >>> growth = Growth(3, loss=0.5, sites={"hidden": SiteGrowth(4, 6)})
      >>> growth.to_json()
      {'step': 3, 'loss': 0.5, 'sites': {'hidden': {'from': 4, 'to': 6}}}
      >>> Growth.from_json(growth.to_json()) == growth
      True
    """

    step: int
    loss: float | None = None
    parameters: int | None = None
    forward_flops: int | None = None
    sites: dict[str, SiteGrowth] = dataclasses.field(default_factory=dict)
    refusal: str | None = None
    milliseconds: float | None = None
    decision: Decision | None = None
    predicted_decrease: float | None = None
    measured_decrease: float | None = None
    unknown: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The object of JSON; without what is None."""
        sites = {name: site.to_json() for name, site in self.sites.items()}
        decision = self.decision and self.decision.to_json()
        return _to_json(dataclasses.replace(self, sites=sites, decision=decision), _KEYS)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Growth":
        """The inverse of `to_json`; needs `step` alone."""
        known = _from_json(values, _KEYS)
        sites = known.pop("sites", {})
        known["sites"] = {name: SiteGrowth.from_json(site) for name, site in sites.items()}
        if "decision" in known:
            known["decision"] = Decision.from_json(known["decision"])
        return cls(**known)


@dataclasses.dataclass
class NetworkSize:
    """The size of a network.

    Attributes:
      widths: neurons by site.
      parameters: trainable parameters.
      forward_flops: floating-point operations of the forward pass of one example.
    """

    widths: dict[str, int]
    parameters: int | None = None
    forward_flops: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The object of JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "NetworkSize":
        """The inverse of `to_json`; ignores other keys."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: values[name] for name in names if name in values})


@dataclasses.dataclass(frozen=True)
class PlannedGrowth:
    """A growth of one site that schedule and policy foresee.

    Attributes:
      step: training steps before it.
      site: name of the site.
      from_width: neurons before.
      to_width: neurons after.
    """

    step: int
    site: str
    from_width: int
    to_width: int


# The keys of JSON by attribute, in the order of growth.jsonl.
_KEYS = {
    name: name
    for name in (
        "step",
        "loss",
        "parameters",
        "forward_flops",
        "sites",
        "refusal",
        "milliseconds",
        "decision",
        "predicted_decrease",
        "measured_decrease",
    )
}
_SITE_KEYS = {
    "from_width": "from",
    "to_width": "to",
    "gradient_norm_new": "gradient_norm_new",
    "gradient_norm_old": "gradient_norm_old",
    "singular_values": "singular_values",
    "random_directions": "random_directions",
    "looks": "looks",
}


def widths_after(growths: Iterable[Growth], widths: Mapping[str, int]) -> dict[str, int]:
    """The widths of all sites after some growths.

    Args:
      growths: oldest first.
      widths: before them, by site.

    Example:
      >>> widths_after([Growth(3, sites={"a": SiteGrowth(4, 6)})], {"a": 4, "b": 5})
      {'a': 6, 'b': 5}
    """
    after = dict(widths)
    for growth in growths:
        for name, site in growth.sites.items():
            if site.to_width is not None:
                after[name] = site.to_width
    return after


def _to_json(record, keys: Mapping[str, str]) -> dict[str, Any]:
    values = {key: getattr(record, name) for name, key in keys.items()}
    return {key: value for key, value in values.items() if value is not None} | record.unknown


def _from_json(values: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of a record."""
    known = {name: values[key] for name, key in keys.items() if key in values}
    return known | {"unknown": {k: v for k, v in values.items() if k not in keys.values()}}
