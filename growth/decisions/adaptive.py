"""Base classes of schedules and policies that decide by the state of training."""

import abc
import fnmatch
from collections.abc import Sequence

from growth.decisions import evidence as evidence_lib
from growth.decisions import policies, schedules
from growth.records import events


class AdaptiveSchedule(abc.ABC):
    """Says whether a growth is due, by the state of training.

    A subclass answers `is_due`. It runs on the host, in Python, every `interval` steps. It is a
    function of the evidence alone: a run that is resumed asks a new one, of several workers each
    asks its own, and all must decide alike. What it needs of the past is in the evidence. A step
    is asked about twice, and one that answers differently is refused.

    Args:
      interval: training steps between two questions, which are asked at its multiples.
      cool_down: training steps after a growth, or from the beginning, without a question.
      count: growths at most; None for no limit.

    Attributes:
      needs_evaluation: true if it reads `Evidence.evaluation`, so that the run must evaluate.

    Raises:
      ValueError: an argument is out of range.
    """

    needs_evaluation = False

    def __init__(self, interval: int = 100, cool_down: int = 0, count: int | None = None):
        for name, value, least in (
            ("interval", interval, 1),
            ("cool_down", cool_down, 0),
            ("count", count, 0),
        ):
            if value is not None and (not isinstance(value, int) or value < least):
                raise ValueError(
                    f"{type(self).__name__}.{name} = {value} must be a whole number of at least "
                    f"{least}"
                )
        self._interval = interval
        self._cool_down = cool_down
        self._count = count

    def next_question(self, step: int, growths: Sequence[events.Growth]) -> int | None:
        """The step at which the schedule is asked next, `step` itself if that is now.

        Args:
          step: training steps done.
          growths: so far.

        Returns:
          A step, not before `step`; None if it never asks for a growth again.
        """
        if self._count is not None and len(growths) >= self._count:
            return None
        last = growths[-1].step if growths else 0
        # Before the first step there is nothing to see.
        first = max(step, last + self._cool_down, last + 1)
        return self._interval * -(-first // self._interval)

    @abc.abstractmethod
    def is_due(self, evidence: evidence_lib.Evidence) -> bool:
        """True if the network shall grow now."""

    def because(self, evidence: evidence_lib.Evidence) -> str:
        """The reason of the answer in a few words, for the log; numbers with their bounds."""
        return "it is due" if self.is_due(evidence) else "it is not due"

    def outlook(self) -> str:
        """The bounds that are known before training, for the dry run."""
        parts = [f"{type(self).__name__} is asked every {self._interval} steps"]
        if self._cool_down:
            parts.append(f"not within {self._cool_down} steps after a growth")
        if self._count is not None:
            parts.append(f"for {self._count} growths at most")
        return ", ".join(parts)


class AdaptivePolicy(abc.ABC):
    """Distributes new neurons over the sites, by the state of training.

    A subclass answers `allot`. The contract is that of `AdaptiveSchedule`: a function of the
    evidence alone. It is asked when a growth is due.

    Args:
      sites: names of the sites that grow, or patterns as of a shell, e.g. `("block_3_*",)`.
      max_width: neurons that no site grows beyond; None for no limit.

    Attributes:
      directions: new neurons of a site for which gains and singular values are measured.

    Raises:
      ValueError: an argument is out of range.
    """

    directions = 16

    def __init__(self, sites: str | Sequence[str] = "*", max_width: int | None = None):
        if max_width is not None and max_width < 1:
            raise ValueError(f"{type(self).__name__}.max_width = {max_width} must be at least 1")
        self._patterns = (sites,) if isinstance(sites, str) else tuple(sites)
        self._max_width = max_width

    @abc.abstractmethod
    def allot(self, evidence: evidence_lib.Evidence) -> Sequence[int]:
        """Returns the number of new neurons for each of `evidence.sites`; 0 or more."""

    def check(self, sites: Sequence[policies.SiteWidth]) -> None:
        """Raises ValueError if the policy cannot serve these sites; called before training."""
        policies.check_patterns(type(self).__name__, self._patterns, sites)

    def outlook(self) -> str:
        """The bounds that are known before training, for the dry run."""
        limit = "" if self._max_width is None else f", no site beyond {self._max_width} neurons"
        return f"{type(self).__name__} decides where{limit}"

    def room(self, site: policies.SiteWidth) -> int:
        """New neurons that `site` has room for, by the arguments of the policy."""
        if not any(fnmatch.fnmatchcase(site.name, pattern) for pattern in self._patterns):
            return 0
        if self._max_width is None:
            return self.directions
        return max(0, min(self.directions, self._max_width - site.current))


class Planned(AdaptiveSchedule):
    """A schedule of steps that are known beforehand, as a part of others.

    Args:
      schedule: a pure one.
    """

    def __init__(self, schedule: schedules.Schedule):
        super().__init__()
        self._schedule = schedule

    def next_question(self, step: int, growths: Sequence[events.Growth]) -> int | None:
        """See `AdaptiveSchedule.next_question`."""
        due = self._schedule.next_growth(step, len(growths))
        return due if due is None else max(step, due)

    def is_due(self, evidence: evidence_lib.Evidence) -> bool:
        """See `AdaptiveSchedule.is_due`."""
        return self.next_question(evidence.step, evidence.growths) == evidence.step

    def because(self, evidence: evidence_lib.Evidence) -> str:
        """See `AdaptiveSchedule.because`."""
        due = self.next_question(evidence.step, evidence.growths)
        name = type(self._schedule).__name__
        if due is None:
            return f"{name} plans no more growths"
        return f"{name} plans a growth" if due == evidence.step else f"{name} waits for step {due}"

    def outlook(self) -> str:
        """See `AdaptiveSchedule.outlook`."""
        return f"{type(self._schedule).__name__} plans its steps"


def as_adaptive(schedule: object, argument: str) -> AdaptiveSchedule:
    """An adaptive schedule itself, or a pure one as such.

    Args:
      schedule: either.
      argument: its name, for the message.

    Raises:
      ValueError: it is none of both.
    """
    if isinstance(schedule, AdaptiveSchedule):
        return schedule
    if isinstance(schedule, schedules.Schedule):
        return Planned(schedule)
    raise ValueError(f"{argument} = {schedule!r} must be a schedule, e.g. @Plateau()")
