"""Policies that give new neurons to the sites where they are expected to help most."""

import heapq
import math
from collections.abc import Callable, Sequence

import gin

from growth.decisions import adaptive, policies
from growth.decisions import evidence as evidence_lib


@gin.configurable
def cost_in_neurons(site: evidence_lib.SiteEvidence) -> float:
    """1: every neuron costs the same."""
    del site
    return 1.0


@gin.configurable
def cost_in_parameters(site: evidence_lib.SiteEvidence) -> float:
    """The parameters of one more neuron."""
    return float(site.parameters)


@gin.configurable
def cost_in_flops(site: evidence_lib.SiteEvidence) -> float:
    """The FLOPs of one more neuron, of the forward pass of one example."""
    return float(site.forward_flops)


# New neurons of a site at a growth at most: so many singular values are found and recorded.
_MOST_DIRECTIONS = 256


class Ranked(adaptive.AdaptivePolicy):
    """Policies that hand out neurons one by one, each where its value is largest.

    A neuron that would exceed the budget is left out, and the next best one is tried: a growth
    fills the budget up.

    Args:
      neurons: new neurons at a growth, of all sites together, at most; of one site up to 256.
      least: the value below which no neuron is added.
      least_fraction: the same, as a fraction of the largest value at this growth.
      above_random: a direction is left out unless its singular value is above this factor times
        what random directions reach at its site; 0 for all.
      sites: see `AdaptivePolicy`.
      max_width: see `AdaptivePolicy`.
      to_target: whether a site does not grow beyond the width that the architecture foresees.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self,
        neurons: int,
        least: float,
        least_fraction: float,
        above_random: float,
        sites: str | Sequence[str],
        max_width: int | None,
        to_target: bool,
    ):
        super().__init__(sites, max_width)
        name = type(self).__name__
        if not isinstance(neurons, int) or neurons < 1:
            raise ValueError(f"{name}.neurons = {neurons} must be a whole number of at least 1")
        if not 0 <= least < math.inf:
            raise ValueError(f"{name}.least = {least} must be at least 0, and finite")
        if not 0 <= least_fraction <= 1:
            raise ValueError(f"{name}.least_fraction = {least_fraction} must be from 0 to 1")
        if not 0 <= above_random < math.inf:
            raise ValueError(f"{name}.above_random = {above_random} must be at least 0, and finite")
        self._neurons = neurons
        self.directions = min(neurons, _MOST_DIRECTIONS)
        self._least = least
        self._least_fraction = least_fraction
        self._above_random = above_random
        self._to_target = to_target

    def values(self, site: evidence_lib.SiteEvidence) -> Sequence[float]:
        """The value of each new neuron of a site, in the order in which they are added."""
        raise NotImplementedError

    def check(self, sites: Sequence[policies.SiteWidth]) -> None:
        """See `AdaptivePolicy.check`."""
        super().check(sites)
        if self._to_target and (without := [s.name for s in sites if s.target is None]):
            raise ValueError(
                f"{type(self).__name__}.to_target = True needs sites with a target width; "
                f"{without[0]} has none. Leave it False, or bind max_width"
            )

    def room(self, site: policies.SiteWidth) -> int:
        """See `AdaptivePolicy.room`."""
        room = super().room(site)
        if self._to_target and site.target is not None:
            room = max(0, min(room, site.target - site.current))
        return room

    def allot(self, evidence: evidence_lib.Evidence) -> list[int]:
        """See `AdaptivePolicy.allot`."""
        sites = list(evidence.sites)
        values = [list(self.values(site))[: self.room(site)] for site in sites]
        least = self._bound(values)
        counts, widths, granted = [0] * len(sites), evidence.widths, 0
        # The next neuron of each site; the first site wins where values are equal.
        queue = [(-of_site[0], i) for i, of_site in enumerate(values) if of_site]
        heapq.heapify(queue)
        while queue and granted < self._neurons:
            value, i = heapq.heappop(queue)
            if not (-value >= least and -value > 0):
                break
            name = sites[i].name
            if not evidence.fits(widths | {name: widths[name] + 1}):
                continue
            widths[name] += 1
            counts[i] += 1
            granted += 1
            if counts[i] < len(values[i]):
                heapq.heappush(queue, (-values[i][counts[i]], i))
        return counts

    def outlook(self) -> str:
        """See `AdaptivePolicy.outlook`."""
        return f"{super().outlook()}, {self._neurons} neurons a growth at most"

    def _above(self, site, values):
        """`values` of the directions of a site, 0 for those that `above_random` leaves out."""
        if not self._above_random:
            return list(values)
        measured = site.measured
        bound = self._above_random * measured.random_norm
        return [
            value if singular > bound else 0.0
            for value, singular in zip(values, measured.singular_values, strict=True)
        ]

    def _bound(self, values):
        largest = max((value for of_site in values for value in of_site), default=0.0)
        return max(self._least, self._least_fraction * largest)


@gin.configurable
class LargestSingularValues(Ranked):
    """Neurons where the singular values of the map A are largest (section 6 of the paper).

    The n largest singular values of all sites together take a neuron each.

    Args:
      neurons: see `Ranked`.
      least: see `Ranked`.
      least_fraction: see `Ranked`.
      above_random: see `Ranked`.
      sites: see `AdaptivePolicy`.
      max_width: see `AdaptivePolicy`.
      to_target: see `Ranked`.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> def site(name, *values):
      ...     measured = evidence_lib.SiteMeasurement(singular_values=values)
      ...     return evidence_lib.SiteEvidence(name, 4, 4, measure=lambda: measured)
      >>> sites = [site("a", 5.0, 1.0, 0.5), site("b", 4.0, 3.0, 0.1)]
      >>> LargestSingularValues(neurons=3).allot(evidence_lib.Evidence(0, sites=sites))
      [1, 2]
    """

    def __init__(
        self,
        neurons: int = gin.REQUIRED,
        least: float = 0.0,
        least_fraction: float = 0.0,
        above_random: float = 0.0,
        sites: str | Sequence[str] = "*",
        max_width: int | None = None,
        to_target: bool = False,
    ):
        super().__init__(
            *(neurons, least, least_fraction, above_random, sites, max_width, to_target)
        )

    def values(self, site: evidence_lib.SiteEvidence) -> Sequence[float]:
        """See `Ranked.values`."""
        return self._above(site, site.measured.singular_values)


@gin.configurable
class GainPerCost(Ranked):
    """Neurons where the expected decrease of the loss is largest for what they cost.

    The gain of a neuron, see `SiteMeasurement.gains`, is divided by the cost of one more neuron of
    its site. A new layer is a site without neurons, and competes in the same currency.

    Args:
      neurons: see `Ranked`.
      cost: of one more neuron of a site: `@cost_in_parameters`, `@cost_in_flops` or
        `@cost_in_neurons`.
      least: see `Ranked`; in gain per cost.
      least_fraction: see `Ranked`.
      above_random: see `Ranked`.
      sites: see `AdaptivePolicy`.
      max_width: see `AdaptivePolicy`.
      to_target: see `Ranked`.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> def site(name, cost, *gains):
      ...     seen = evidence_lib.SiteMeasurement(gains=gains, singular_values=gains)
      ...     return evidence_lib.SiteEvidence(name, 4, 4, parameters=cost, measure=lambda: seen)
      >>> sites = [site("a", 10, 5.0, 4.0), site("b", 100, 9.0, 8.0)]
      >>> GainPerCost(neurons=3).allot(evidence_lib.Evidence(0, sites=sites))
      [2, 1]
    """

    def __init__(
        self,
        neurons: int = gin.REQUIRED,
        cost: Callable[[evidence_lib.SiteEvidence], float] = cost_in_parameters,
        least: float = 0.0,
        least_fraction: float = 0.0,
        above_random: float = 0.0,
        sites: str | Sequence[str] = "*",
        max_width: int | None = None,
        to_target: bool = False,
    ):
        super().__init__(
            *(neurons, least, least_fraction, above_random, sites, max_width, to_target)
        )
        self._cost = cost

    def values(self, site: evidence_lib.SiteEvidence) -> Sequence[float]:
        """See `Ranked.values`."""
        cost = self._cost(site)
        return self._above(site, [gain / cost for gain in site.measured.gains]) if cost > 0 else []


@gin.configurable
class Votes(adaptive.AdaptivePolicy):
    """All neurons to the site that most measurements since the last growth are for.

    Each measurement votes for the site where one more neuron gains most for its cost; the last one
    decides where votes are equal. A control of `GainPerCost`, which follows one growth batch.

    Args:
      neurons: new neurons at a growth.
      cost: see `GainPerCost`.
      sites: see `AdaptivePolicy`.
      max_width: see `AdaptivePolicy`.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self,
        neurons: int = gin.REQUIRED,
        cost: Callable[[evidence_lib.SiteEvidence], float] = cost_in_parameters,
        sites: str | Sequence[str] = "*",
        max_width: int | None = None,
    ):
        super().__init__(sites, max_width)
        if not isinstance(neurons, int) or neurons < 1:
            raise ValueError(f"Votes.neurons = {neurons} must be a whole number of at least 1")
        self._neurons = neurons
        self._cost = cost

    def allot(self, evidence: evidence_lib.Evidence) -> list[int]:
        """See `AdaptivePolicy.allot`."""
        sites = [site for site in evidence.sites if self.room(site)]
        if not sites:
            return [0] * len(evidence.sites)
        ballots = [*evidence.earlier, {site.name: site.measured for site in sites}]
        winners = [max(sites, key=lambda s: self._value(s, ballot)).name for ballot in ballots]
        # The latest vote breaks ties.
        chosen = max(reversed(winners), key=winners.count)
        counts, widths = [], evidence.widths
        for site in evidence.sites:
            count = self.room(site) if site.name == chosen else 0
            while count and not evidence.fits(widths | {site.name: site.current + count}):
                count -= 1
            counts.append(count)
        return counts

    def room(self, site: policies.SiteWidth) -> int:
        """See `AdaptivePolicy.room`; votes are for the first neuron, and measure no more."""
        room = self._neurons if self._max_width is None else self._max_width - site.current
        return max(0, min(self._neurons, room)) if super().room(site) else 0

    def _value(self, site, ballot):
        gains = ballot[site.name].gains if site.name in ballot else ()
        cost = self._cost(site)
        return gains[0] / cost if gains and cost > 0 else 0.0

    def outlook(self) -> str:
        """See `AdaptivePolicy.outlook`."""
        return f"{super().outlook()}, {self._neurons} neurons a growth at most"
