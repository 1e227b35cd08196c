"""Growth policies: which sites grow, and by how many neurons."""

import abc
import dataclasses
import difflib
import fnmatch
import random
from collections.abc import Sequence

import gin


@dataclasses.dataclass(frozen=True)
class SiteWidth:
    """A site as a policy sees it.

    Attributes:
      name: the site's name.
      initial: neurons of the seed network.
      current: neurons now.
      target: neurons that the architecture foresees for the grown network, or None.
    """

    name: str
    initial: int
    current: int
    target: int | None = None


class Policy(abc.ABC):
    """Distributes new neurons over the sites of a network.

    A policy runs on the host, in Python. It is a function of its arguments and has no state: before
    training it is asked for the whole plan of growths, and a run that is resumed asks a new one.
    One that counts its calls or draws random numbers is refused: `growth` counts the growths.
    """

    @abc.abstractmethod
    def allot(self, growth: int, sites: Sequence[SiteWidth]) -> list[int]:
        """Returns the number of new neurons for each site.

        Args:
          growth: number of growths before this one.
          sites: the sites, from the input of the network to its output; not to be changed.

        Returns:
          A number of new neurons (0 or more) for each site.
        """


def check_patterns(name: str, patterns: Sequence[str], sites: Sequence[SiteWidth]) -> None:
    """Raises ValueError if a name or a pattern means no site.

    Args:
      name: of the policy, for the message.
      patterns: its argument `sites`.
      sites: those that there are.
    """
    names = [site.name for site in sites]
    if not patterns:
        raise ValueError(f"{name}.sites = () must name one of the sites {', '.join(names)}")
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(site, pattern) for site in names):
            near = difflib.get_close_matches(pattern, names, n=1)
            raise ValueError(
                f"{name}.sites = {patterns}: {pattern!r} names none of the sites "
                f"{', '.join(names)}" + (f". Did you mean {near[0]!r}?" if near else "")
            )


class Quota(Policy):
    """Policies that give a site a fixed or relative number of neurons, up to a maximum width.

    Args:
      neurons: new neurons of a site at a growth. Give one of this and the two fractions.
      fraction: new neurons of a site at a growth, as a fraction of its initial width, rounded to
        the nearest number of at least one.
      target_fraction: as `fraction`, but of the width that the architecture foresees for the grown
        network (section 4.2 of the paper), beyond which a site then does not grow.
      max_width: neurons that no site grows beyond; None for no limit.
      sites: names of the sites that grow, or patterns as of a shell, e.g. `("block_3_*",)`.

    Raises:
      ValueError: not exactly one of the first three is given, or one is out of range. Names that
        match no site are an error when the growths are planned.
    """

    def __init__(
        self,
        neurons: int | None = None,
        fraction: float | None = None,
        target_fraction: float | None = None,
        max_width: int | None = None,
        sites: str | Sequence[str] = "*",
    ):
        name = type(self).__name__
        quotas = {"neurons": neurons, "fraction": fraction, "target_fraction": target_fraction}
        if sum(value is not None for value in quotas.values()) != 1:
            given = [
                f"{name}.{key} = {value}" for key, value in quotas.items() if value is not None
            ]
            names = " and ".join(given) or ", ".join(f"{name}.{key} = None" for key in quotas)
            raise ValueError(f"{names}: give exactly one")
        if neurons is not None and neurons < 1:
            raise ValueError(f"{name}.neurons = {neurons} must be at least 1")
        for key in ("fraction", "target_fraction"):
            if quotas[key] is not None and quotas[key] <= 0:
                raise ValueError(f"{name}.{key} = {quotas[key]} must be above 0, e.g. 0.25")
        if max_width is not None and max_width < 1:
            raise ValueError(f"{name}.max_width = {max_width} must be at least 1")
        self._neurons = neurons
        self._fraction = fraction
        self._target_fraction = target_fraction
        self._max_width = max_width
        self._patterns = (sites,) if isinstance(sites, str) else tuple(sites)

    def _quota(self, site: SiteWidth) -> int:
        """New neurons for `site` when it is its turn."""
        if not self._is_chosen(site):
            return 0
        limits = [self._max_width]
        if self._neurons is not None:
            neurons = self._neurons
        elif self._fraction is not None:
            neurons = max(1, round(self._fraction * site.initial))
        else:
            assert self._target_fraction is not None
            if site.target is None:
                raise ValueError(
                    f"{type(self).__name__}.target_fraction = {self._target_fraction} needs sites "
                    f"with a target width; {site.name} has none. Give `neurons` or `fraction`"
                )
            neurons = max(1, round(self._target_fraction * site.target))
            limits.append(site.target)
        room = [limit - site.current for limit in limits if limit is not None]
        return max(0, min([neurons, *room]))

    def _check_patterns(self, sites: Sequence[SiteWidth]) -> None:
        """Raises ValueError if a name or a pattern means no site."""
        check_patterns(type(self).__name__, self._patterns, sites)

    def _is_chosen(self, site: SiteWidth) -> bool:
        return any(fnmatch.fnmatchcase(site.name, pattern) for pattern in self._patterns)


@gin.configurable
class AllAtOnce(Quota):
    """Every site grows at every growth. Arguments are those of `Quota`.

    Example:
      >>> sites = [SiteWidth("a", initial=4, current=5), SiteWidth("b", initial=8, current=12)]
      >>> AllAtOnce(fraction=0.25).allot(0, sites)
      [1, 2]
    """

    def allot(self, growth: int, sites: Sequence[SiteWidth]) -> list[int]:
        """See `Policy.allot`."""
        del growth  # Every growth is alike.
        self._check_patterns(sites)
        return [self._quota(site) for site in sites]


@gin.configurable
class RoundRobin(Quota):
    """One site grows at each growth, in turn; sites at their maximum are skipped.

    Arguments are those of `Quota`.

    Example:
      >>> sites = [SiteWidth("a", initial=4, current=5), SiteWidth("b", initial=8, current=12)]
      >>> [RoundRobin(neurons=2).allot(growth, sites) for growth in range(3)]
      [[2, 0], [0, 2], [2, 0]]
      >>> [RoundRobin(neurons=2, max_width=12).allot(growth, sites) for growth in range(3)]
      [[2, 0], [2, 0], [2, 0]]
    """

    def allot(self, growth: int, sites: Sequence[SiteWidth]) -> list[int]:
        """See `Policy.allot`."""
        self._check_patterns(sites)
        quotas = [self._quota(site) for site in sites]
        chosen = [i for i, site in enumerate(sites) if self._is_chosen(site)]
        start = growth % len(chosen)
        turn = next((i for i in chosen[start:] + chosen[:start] if quotas[i]), None)
        return [quota if i == turn else 0 for i, quota in enumerate(quotas)]


@gin.configurable
class InTurn(Policy):
    """Several policies, one at each growth: the first, the second, ..., and the first again.

    For instance a growth of new layers after every two that make layers wider.

    Args:
      policies: in order. Each counts its own growths.

    Raises:
      ValueError: there are none.

    Example:
      >>> sites = [SiteWidth("a", initial=4, current=5), SiteWidth("b", initial=8, current=12)]
      >>> policy = InTurn([RoundRobin(neurons=1), AllAtOnce(neurons=2)])
      >>> [policy.allot(growth, sites) for growth in range(4)]
      [[1, 0], [2, 2], [0, 1], [2, 2]]
    """

    def __init__(self, policies: Sequence[Policy] = gin.REQUIRED):
        if not isinstance(policies, list | tuple) or not policies:
            raise ValueError(
                f"InTurn.policies = {policies} must be a list of policies, at least one, e.g. "
                "(@AllAtOnce(), @RoundRobin())"
            )
        self._policies = list(policies)

    def allot(self, growth: int, sites: Sequence[SiteWidth]) -> list[int]:
        """See `Policy.allot`."""
        turn, index = divmod(growth, len(self._policies))
        return self._policies[index].allot(turn, sites)


@gin.configurable
class RandomPlacement(Policy):
    """Neurons at random sites, each neuron by itself: the control of policies that choose.

    Args:
      neurons: new neurons at a growth, of all sites together.
      sites: names of the sites that may grow, or patterns as of a shell.
      max_width: neurons that no site grows beyond; None for no limit.
      seed: of the choice.

    Raises:
      ValueError: an argument is out of range. Names that match no site are an error when the
        growths are planned.

    Example:
      >>> sites = [SiteWidth("a", initial=4, current=4), SiteWidth("b", initial=8, current=8)]
      >>> sum(RandomPlacement(neurons=5).allot(0, sites))
      5
    """

    def __init__(
        self,
        neurons: int = gin.REQUIRED,
        sites: str | Sequence[str] = "*",
        max_width: int | None = None,
        seed: int = 0,
    ):
        for key, value in (("neurons", neurons), ("max_width", max_width)):
            if value is not None and value < 1:
                raise ValueError(f"RandomPlacement.{key} = {value} must be at least 1")
        self._neurons = neurons
        self._patterns = (sites,) if isinstance(sites, str) else tuple(sites)
        self._max_width = max_width
        self._seed = seed

    def allot(self, growth: int, sites: Sequence[SiteWidth]) -> list[int]:
        """See `Policy.allot`."""
        check_patterns(type(self).__name__, self._patterns, sites)
        # Of its own for each growth: it is a function of its arguments.
        draws = random.Random(f"{self._seed} {growth}")
        counts = [0] * len(sites)
        for _ in range(self._neurons):
            rooms = [i for i, site in enumerate(sites) if self._has_room(site, counts[i])]
            if not rooms:
                break
            counts[draws.choice(rooms)] += 1
        return counts

    def _has_room(self, site, count):
        if not any(fnmatch.fnmatchcase(site.name, pattern) for pattern in self._patterns):
            return False
        return self._max_width is None or site.current + count < self._max_width
