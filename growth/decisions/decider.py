"""Decides about growths: schedule, policy and budget together, pure ones and adaptive ones."""

import dataclasses
import itertools
import typing
from collections.abc import Callable, Mapping, Sequence

from growth.decisions import adaptive, checks, planner, policies, schedules
from growth.decisions import budget as budget_lib
from growth.decisions import evidence as evidence_lib
from growth.decisions import observations as observations_lib
from growth.records import events


@dataclasses.dataclass(frozen=True)
class RunLength:
    """The length of a run, as far as it was planned.

    Attributes:
      steps: training steps.
      batch_size: examples of a step.
    """

    steps: int
    batch_size: int


class Decider:
    """Asks schedule, policy and budget.

    Args:
      schedule: when to grow.
      policy: where to grow, and by how many neurons.
      budget: the limits of growth; None for none.
      targets: neurons that the architecture foresees by site, or None.
      size: maps widths by site to a size, see `models.cost.size_at`.

    Attributes:
      is_adaptive: whether schedule or policy sees the training.
      observations: the course of training; belongs in checkpoints. Without an adaptive part it
        stays empty.
      directions: see `AdaptivePolicy`.
      needs_evaluation: see `AdaptiveSchedule`.

    Raises:
      ValueError: `schedule` or `policy` is none.
    """

    def __init__(
        self,
        schedule: schedules.Schedule | adaptive.AdaptiveSchedule,
        policy: policies.Policy | adaptive.AdaptivePolicy,
        budget: budget_lib.Budget | None,
        targets: Mapping[str, int | None],
        size: Callable[[Mapping[str, int]], Sequence[int]],
    ):
        self._names = type(schedule).__name__, type(policy).__name__
        self._budget = budget
        self._when = schedule if isinstance(schedule, adaptive.AdaptiveSchedule) else None
        self._where = policy if isinstance(policy, adaptive.AdaptivePolicy) else None
        # It is asked for what is not adaptive alone.
        self._planner = planner.Planner(
            typing.cast(schedules.Schedule, schedule), typing.cast(policies.Policy, policy), targets
        )
        self._targets = dict(targets)
        self._size = size
        self.is_adaptive = self._when is not None or self._where is not None
        self.directions = getattr(policy, "directions", adaptive.AdaptivePolicy.directions)
        self.needs_evaluation = getattr(schedule, "needs_evaluation", False)
        self.observations = observations_lib.Observations()

    @property
    def decides(self) -> bool:
        """True if a growth that is due may turn out not to happen."""
        return self.is_adaptive or self._budget is not None

    @property
    def grows_anyway(self) -> bool:
        """True if a growth that is due takes place even if no site gets a neuron.

        So it is where the schedule counts growths, and would plan the same one again.
        """
        return self._when is None and self.observations.ended is None

    def check(self, widths: Mapping[str, int], initial: Mapping[str, int]) -> None:
        """Raises ValueError if an adaptive policy cannot serve the sites."""
        if self._where is not None:
            self._where.check(self._sites(widths, initial))

    def next_growth(self, step: int, growths: Sequence[events.Growth]) -> int | None:
        """The step of the next growth, or at which an adaptive schedule is asked; or None."""
        if self.observations.ended is not None:
            return None
        last = growths[-1].step if growths else None
        if self._when is None:
            return self._planner.next_growth(step, len(growths), last)
        first = step if last is None else max(step, last + 1)
        return checks.next_question(self._when, first, growths)

    def allot(self, growths: int, widths: Mapping[str, int], initial: Mapping[str, int]):
        """See `Planner.allot`; of a policy that does not see the training."""
        return self._planner.allot(growths, widths, initial)

    def evidence(
        self,
        step: int,
        growths: Sequence[events.Growth],
        widths: Mapping[str, int],
        initial: Mapping[str, int],
        limits: evidence_lib.Limits,
        measured: Callable[[], Mapping[str, evidence_lib.SiteMeasurement]],
    ) -> evidence_lib.Evidence:
        """The arguments of the answers of schedule and policy.

        Args:
          step: training steps done.
          growths: so far.
          widths: neurons of each site.
          initial: neurons of each site in the seed network.
          limits: the budget now.
          measured: measures all sites, when it is called first.
        """
        now = self._size(widths)
        sites = []
        for name, target in self._targets.items():
            more = self._size({**widths, name: widths[name] + 1})
            sites.append(
                evidence_lib.SiteEvidence(
                    *(name, initial[name], widths[name], target),
                    parameters=more[1] - now[1],
                    forward_flops=more[2] - now[2],
                    measure=lambda name=name: measured()[name],
                )
            )
        seen = self.observations
        return evidence_lib.Evidence(
            *(step, tuple(growths), tuple(sites)),
            *(seen.training, seen.evaluation, tuple(seen.earlier)),
            *(limits, self._size),
        )

    def limits(self, step: int, forward_flops: int, run: RunLength | None) -> evidence_lib.Limits:
        """The budget after `step` training steps.

        Args:
          step: training steps done.
          forward_flops: of one example, in all of them.
          run: how long the run is.

        Raises:
          ValueError: the budget is one of training, and `run` is None.
        """
        if self._budget is None:
            return evidence_lib.Limits()
        if run is None:
            if self._budget.training_flops is not None:
                raise ValueError(
                    f"Budget.training_flops = {self._budget.training_flops} needs to know how "
                    "long the run is: set Grower.run"
                )
            return self._budget.limits(0, 0)
        left = max(0, run.steps - step)
        return self._budget.limits(run.batch_size * forward_flops, run.batch_size * left)

    def decide(
        self, evidence: evidence_lib.Evidence, initial: Mapping[str, int]
    ) -> events.Decision:
        """Asks whether, where and by how many neurons the network grows now.

        Args:
          evidence: see `evidence`.
          initial: neurons of each site in the seed network.
        """
        counts, because, is_due = {}, "the schedule plans a growth", True
        if self._when is not None:
            is_due = checks.is_due(self._when, evidence)
            because = self._when.because(evidence)
        if is_due:
            counts = self._counts(evidence, initial)
            if not any(counts.values()):
                because += f"; {self._names[1]} adds no neuron"
                self.observations.ended = self._used_up(evidence)
            elif exceeded := self._exceeded(evidence, counts):
                self.observations.ended = because = (
                    f"the growth after step {evidence.step} would lead to {exceeded}"
                )
                counts = {}
        return events.Decision(evidence.step, because, self._of_sites(evidence, counts))

    def _counts(self, evidence, initial):
        if self._where is not None:
            return checks.allot_adaptively(self._where, evidence)
        return self._planner.allot(len(evidence.growths), evidence.widths, initial)

    def _exceeded(self, evidence, counts):
        """The limit that the network would be beyond, or None."""
        after = {name: width + counts.get(name, 0) for name, width in evidence.widths.items()}
        return evidence.limits.exceeded(evidence.size(after))

    def _used_up(self, evidence):
        """Says that the budget has no room for one more neuron anywhere; None if it has."""
        widths = evidence.widths
        if self._budget is None or self._where is None:
            return None
        if any(evidence.fits(widths | {name: width + 1}) for name, width in widths.items()):
            return None
        return f"one more neuron would exceed the budget ({self._budget.outlook()})"

    def _of_sites(self, evidence, counts):
        return {
            site.name: events.SiteDecision(
                *(site.current, counts.get(site.name, 0), site.parameters, site.forward_flops)
            )
            for site in evidence.sites
        }

    def why_ended(self, step: int, growths: Sequence[events.Growth]) -> str | None:
        """The reason why the network is not larger; None if growths were just planned.

        Args:
          step: training steps done, at the end of a run.
          growths: so far.
        """
        if not self.decides:
            return None
        if self.observations.ended is not None:
            return self.observations.ended
        last = self.observations.last
        if self.next_growth(step, growths) is None:
            return f"{self._names[0]} has no growth left after {len(growths)}"
        if last is None or last.counts:
            return "the run ended before the next decision"
        return f"at step {last.step} {last.because}"

    def outlook(self) -> list[str]:
        """The bounds that are known before training of growths that depend on it, in lines."""
        if not self.decides:
            return []
        lines = []
        if self._when is not None:
            lines.append(f"when: {self._when.outlook()}")
        if self._where is not None:
            lines.append(f"where: {self._where.outlook()}")
        if self._budget is not None:
            lines.append(f"budget: {self._budget.outlook()}")
        return lines

    def plan(
        self,
        steps: int,
        past: Sequence[events.Growth],
        widths: Mapping[str, int],
        initial: Mapping[str, int],
        forward_flops: int,
        run: RunLength | None,
    ) -> tuple[list[events.PlannedGrowth], dict[str, int]]:
        """See `Planner.plan`; without growths where they depend on training or exceed the budget.

        Args:
          steps: of the run.
          past: the growths so far.
          widths: neurons of each site now.
          initial: neurons of each site in the seed network.
          forward_flops: of one example, up to the last growth.
          run: how long the run is.
        """
        if self.is_adaptive or self.observations.ended is not None:
            return [], dict(widths)
        planned, after = self._planner.plan(steps, past, widths, initial)
        if self._budget is None:
            return planned, after
        within, now = [], dict(widths)
        spent, last = forward_flops, past[-1].step if past else 0
        for step, group in itertools.groupby(planned, key=lambda growth: growth.step):
            growths = list(group)
            spent += self._size(now)[2] * (step - last)
            wider = now | {growth.site: growth.to_width for growth in growths}
            if self.limits(step, spent, run).exceeded(self._size(wider)):
                break
            within, now, last = within + growths, wider, step
        return within, now

    def _sites(self, widths, initial):
        return [
            policies.SiteWidth(name, initial[name], widths[name], target)
            for name, target in self._targets.items()
        ]
