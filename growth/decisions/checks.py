"""Asks schedules and policies, and checks that they are functions of their arguments."""

import operator
import reprlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from growth.decisions import adaptive, policies, schedules
from growth.decisions import evidence as evidence_lib
from growth.records import events


def next_growth(schedule: schedules.Schedule, step: int, growths: int) -> int | None:
    """Calls `Schedule.next_growth` twice, and checks the answers.

    Raises:
      ValueError: it is neither None nor a step, or not the same both times.
    """
    asked = f"{type(schedule).__name__}.next_growth(step={step}, growths={growths})"
    due = same_twice(asked, lambda: schedule.next_growth(step, growths))
    if due is None:
        return None
    whole = _whole(due)
    if whole is None or whole < 0:
        raise ValueError(
            f"{asked} gave {due!r}; it must give a step, a whole number of 0 or more, or None if "
            "no growth is left"
        )
    return whole


def allot(
    policy: policies.Policy, growth: int, sites: Sequence[policies.SiteWidth]
) -> dict[str, int]:
    """Calls `Policy.allot` twice; the new neurons of each site, by name.

    Raises:
      ValueError: it is not a number of 0 or more for each site, or not the same both times, or it
        changed the list of sites.
    """
    name, sites = type(policy).__name__, list(sites)

    def ask():
        given = list(sites)
        answer: Any = policy.allot(growth, given)
        if given != sites:
            raise ValueError(
                f"{name}.allot changed its argument `sites`, in whose order its counts are; it "
                "must leave it as it is, e.g. by sorted(sites) in place of sites.sort()"
            )
        if isinstance(answer, Iterator):
            return list(answer)
        # NumPy compares its arrays number by number.
        return answer.tolist() if hasattr(answer, "tolist") else answer

    answer = same_twice(f"{name}.allot(growth={growth}, ...)", ask)
    return _by_site(name, answer, sites)


def next_question(
    schedule: adaptive.AdaptiveSchedule, step: int, growths: Sequence[events.Growth]
) -> int | None:
    """Calls `AdaptiveSchedule.next_question` twice, and checks the answers.

    Raises:
      ValueError: it is neither None nor a step from `step` on, or not the same both times.
    """
    asked = f"{type(schedule).__name__}.next_question(step={step}, ...)"
    answer = same_twice(asked, lambda: schedule.next_question(step, growths))
    if answer is None:
        return None
    whole = _whole(answer)
    if whole is None or whole < step:
        raise ValueError(
            f"{asked} gave {answer!r}; it must give a step, a whole number of {step} or more, or "
            "None if no growth is left"
        )
    return whole


def is_due(schedule: adaptive.AdaptiveSchedule, evidence: evidence_lib.Evidence) -> bool:
    """Calls `AdaptiveSchedule.is_due` twice, and checks the answers.

    Raises:
      ValueError: it is neither True nor False, or not the same both times.
    """
    asked = f"{type(schedule).__name__}.is_due(step {evidence.step})"
    answer: Any = same_twice(asked, lambda: schedule.is_due(evidence))
    answer = answer.item() if hasattr(answer, "item") else answer
    if not isinstance(answer, bool):
        raise ValueError(f"{asked} gave {answer!r}; it must give True or False")
    return answer


def allot_adaptively(
    policy: adaptive.AdaptivePolicy, evidence: evidence_lib.Evidence
) -> dict[str, int]:
    """Calls `AdaptivePolicy.allot` twice; the new neurons of each site, by name.

    Raises:
      ValueError: it is not a number of 0 or more for each site, or not the same both times.
    """

    def ask():
        answer: Any = policy.allot(evidence)
        return answer.tolist() if hasattr(answer, "tolist") else answer

    name = type(policy).__name__
    answer = same_twice(f"{name}.allot(step {evidence.step})", ask)
    return _by_site(name, answer, evidence.sites)


def same_twice(asked: str, ask: Callable[[], Any]) -> Any:
    """Calls `ask` twice, and compares the answers.

    Args:
      asked: the question, for the message.
      ask: called twice.

    Raises:
      ValueError: the answers differ.
    """
    answer = ask()
    try:
        again = ask()
    except Exception as error:  # A list that the first call has used up.
        again = error
    if again != answer:
        raise ValueError(
            f"{asked} gave {reprlib.repr(answer)} and, asked again, {reprlib.repr(again)}; it must "
            "be a function of its arguments: the plan of growths and a run that is resumed ask as "
            "well, so that one that counts its calls, or draws random numbers, would grow otherwise"
        )
    return answer


def _by_site(name: str, answer: Any, sites: Sequence[policies.SiteWidth]) -> dict[str, int]:
    """The numbers of new neurons by site; raises ValueError if they are not such."""
    counts = _counts(answer)
    if counts is None or len(counts) != len(sites):
        raise ValueError(
            f"{name}.allot gave {answer!r}; it must give a list of numbers of new neurons, whole "
            f"numbers of 0 or more, for each of the sites {', '.join(s.name for s in sites)}"
        )
    return {site.name: count for site, count in zip(sites, counts, strict=True)}


def _counts(answer: Any) -> list[int] | None:
    """The numbers of new neurons; None if they are not such."""
    if not isinstance(answer, list | tuple):
        return None
    counts = [whole for whole in map(_whole, answer) if whole is not None and whole >= 0]
    return counts if len(counts) == len(answer) else None


def _whole(number: Any) -> int | None:
    """A whole number, also one of NumPy's; None for all else."""
    try:
        return None if isinstance(number, bool) else operator.index(number)
    except TypeError:
        return None
