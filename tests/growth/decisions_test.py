"""Schedules and policies that are no functions of what they are asked are refused."""

import numpy as np
import pytest

from growth.decisions import checks, planner, policies, schedules

_SITES = [policies.SiteWidth(name, 4, width) for name, width in (("a", 6), ("b", 4))]


class _Schedule(schedules.Schedule):
    """Answers with what a function says of the arguments."""

    def __init__(self, answer):
        self._answer = answer

    def next_growth(self, step, growths):
        return self._answer(step, growths)


class _Policy(policies.Policy):
    """Answers with what a function says of the sites."""

    def __init__(self, answer):
        self._answer = answer

    def allot(self, growth, sites):
        return self._answer(sites)


def _counting():
    calls = []

    def count(*_):
        calls.append(0)
        return 10 * len(calls)

    return count


@pytest.mark.parametrize(
    "answer, expected", [(7, 7), (np.int64(7), 7), (0, 0), (None, None), (3, 3)]
)
def test_a_step_is_a_whole_number_or_none(answer, expected):
    step = checks.next_growth(_Schedule(lambda *_: answer), 5, 1)
    assert step == expected and type(step) in (int, type(None))


@pytest.mark.parametrize("answer", [-1, 7.0, np.float32(7), True, "7", [7], float("nan")])
def test_a_schedule_that_gives_something_else_is_named(answer):
    message = r"_Schedule.next_growth\(step=5, growths=1\) gave .* (whole number of 0 or|function)"
    with pytest.raises(ValueError, match=message):
        checks.next_growth(_Schedule(lambda *_: answer), 5, 1)


@pytest.mark.parametrize(
    "answer", [[1, 0], (1, 0), np.array([1, 0]), [np.int32(1), np.int64(0)], iter([1, 0, 1, 0])]
)
def test_counts_are_whole_numbers_for_each_site(answer):
    def allot(sites):
        return (next(answer) for _ in sites) if hasattr(answer, "__next__") else answer

    assert checks.allot(_Policy(allot), 0, _SITES) == {"a": 1, "b": 0}


@pytest.mark.parametrize(
    "answer",
    [[1], [1, 0, 0], [1.0, 0], [True, 0], [-1, 0], 1, None, {"a": 1, "b": 0}, "10", [None, 1]],
)
def test_a_policy_that_gives_something_else_is_named(answer):
    with pytest.raises(ValueError, match="_Policy.allot gave .* for each of the sites a, b"):
        checks.allot(_Policy(lambda _: answer), 0, _SITES)


def test_a_policy_that_sorts_its_sites_in_place_is_refused():
    def sort(sites):
        sites.sort(key=lambda site: site.current)
        return [2, 0]

    with pytest.raises(ValueError, match="_Policy.allot changed its argument `sites`"):
        checks.allot(_Policy(sort), 0, _SITES)


def test_what_counts_its_calls_is_refused():
    with pytest.raises(ValueError, match=r"next_growth\(.* gave 10 and, asked again, 20; it must"):
        checks.next_growth(_Schedule(_counting()), 0, 0)
    count = _counting()
    with pytest.raises(ValueError, match=r"allot\(growth=3, ...\) gave \[10, 1\] and, asked again"):
        checks.allot(_Policy(lambda sites: [count(), 1]), 3, _SITES)
    used_up = [[1, 1]]
    with pytest.raises(ValueError, match=r"gave \[1, 1\] and, asked again, IndexError"):
        checks.allot(_Policy(lambda sites: used_up.pop()), 0, _SITES)


class _Remembering(policies.Policy):
    """Says the same as long as it is asked about the same growth, and more the next time round."""

    def __init__(self):
        self._last, self._rounds = None, 0

    def allot(self, growth, sites):
        if growth != self._last:
            self._rounds += 1
        self._last = growth
        return [self._rounds] * len(sites)


def test_a_state_that_shows_in_a_second_plan_only_is_refused():
    widths = {"hidden_1": 5}
    plan = planner.Planner(schedules.PeriodicSchedule(0, 1, 2), _Remembering(), {"hidden_1": None})
    with pytest.raises(ValueError, match="PeriodicSchedule or _Remembering, asked for all growths"):
        plan.plan(10, [], widths, widths)
