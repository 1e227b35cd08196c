"""When and where a network grows: a schedule and a policy together."""

from collections.abc import Mapping, Sequence

from growth.decisions import checks, policies, schedules
from growth.records import events

# Of a plan that is looked at as a whole before the run: a schedule need not have an end.
_MOST_GROWTHS = 100_000


class Planner:
    """Asks a schedule and a policy about growths that are due, and about all growths of a run.

    Args:
      schedule: when to grow.
      policy: where to grow, and by how many neurons.
      target_widths: of the sites, in order and by name; None for a site without one.
    """

    def __init__(
        self,
        schedule: schedules.Schedule,
        policy: policies.Policy,
        target_widths: Mapping[str, int | None],
    ):
        self._schedule = schedule
        self._policy = policy
        self._target_widths = dict(target_widths)

    def next_growth(self, step: int, growths: int, last: int | None) -> int | None:
        """The training steps before the next growth, or None.

        Args:
          step: the growth is not before this one.
          growths: so far.
          last: training steps before the last growth, after which it is.
        """
        due = checks.next_growth(self._schedule, step, growths)
        return None if due is None else max(due, step, -1 if last is None else last + 1)

    def allot(
        self, growth: int, widths: Mapping[str, int], initial: Mapping[str, int]
    ) -> dict[str, int]:
        """New neurons by site, of the sites that grow.

        Args:
          growth: growths so far.
          widths: neurons of each site.
          initial: neurons of each site in the seed network.
        """
        sites = [
            policies.SiteWidth(name, initial[name], widths[name], target)
            for name, target in self._target_widths.items()
        ]
        counts = checks.allot(self._policy, growth, sites)
        return {name: count for name, count in counts.items() if count}

    def plan(
        self,
        steps: int,
        past: Sequence[events.Growth],
        widths: Mapping[str, int],
        initial: Mapping[str, int],
    ) -> tuple[list[events.PlannedGrowth], dict[str, int]]:
        """The growths still to come in a run of `steps` training steps, and the widths after them.

        Args:
          steps: of the run.
          past: the growths so far.
          widths: neurons of each site now.
          initial: neurons of each site in the seed network.

        Raises:
          ValueError: there are too many, or schedule and policy are not functions of what they are
            asked, or give what they must not.
        """
        who = f"{type(self._schedule).__name__} or {type(self._policy).__name__}"
        return checks.same_twice(
            f"{who}, asked for all growths of the run,",
            lambda: self._planned(steps, past, dict(widths), initial),
        )

    def _planned(self, steps, past, widths, initial):
        planned, growths = [], len(past)
        step = self.next_growth(0, growths, past[-1].step if past else None)
        while step is not None and step < steps:
            if growths >= _MOST_GROWTHS:
                raise ValueError(
                    f"{type(self._schedule).__name__} plans more than {_MOST_GROWTHS} growths "
                    f"within {steps} steps; let there be fewer, or further apart"
                )
            for name, count in self.allot(growths, widths, initial).items():
                width = widths[name]
                planned.append(events.PlannedGrowth(step, name, width, width + count))
                widths[name] += count
            growths += 1
            step = self.next_growth(step, growths, step)
        return planned, widths
