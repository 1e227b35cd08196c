"""Schedules made of schedules: any of, all of, at the earliest, at the latest."""

from collections.abc import Sequence

import gin

from growth.decisions import adaptive, schedules
from growth.decisions import evidence as evidence_lib
from growth.records import events

AnySchedule = schedules.Schedule | adaptive.AdaptiveSchedule


class _Combination(adaptive.AdaptiveSchedule):
    """Several schedules.

    Args:
      parts: the schedules, adaptive or pure.
    """

    _word = ""  # Stands between the parts.

    def __init__(self, parts: Sequence[AnySchedule]):
        super().__init__()
        name = f"{type(self).__name__}.schedules"
        if not isinstance(parts, list | tuple) or not parts:
            raise ValueError(
                f"{name} = {parts} must be a list of schedules, at least one, e.g. (@Plateau(), "
                "@PeriodicSchedule())"
            )
        self._parts = [adaptive.as_adaptive(part, name) for part in parts]
        self.needs_evaluation = any(part.needs_evaluation for part in self._parts)

    def _questions(self, step, growths) -> list[int | None]:
        return [part.next_question(step, growths) for part in self._parts]

    def because(self, evidence: evidence_lib.Evidence) -> str:
        """See `AdaptiveSchedule.because`."""
        return "; ".join(part.because(evidence) for part in self._parts)

    def outlook(self) -> str:
        """See `AdaptiveSchedule.outlook`."""
        return f" {self._word} ".join(part.outlook() for part in self._parts)


@gin.configurable
class AnyOf(_Combination):
    """A growth when one of several schedules asks for it.

    Args:
      schedules: adaptive or pure ones. Each is asked at its own steps; each sees all growths.

    Raises:
      ValueError: there are none.

    Example:
      >>> both = AnyOf([schedules.PeriodicSchedule(100, 100, 1),
      ...               schedules.PeriodicSchedule(70, 200, 2)])
      >>> both.next_question(0, []), both.is_due(evidence_lib.Evidence(step=70))
      (70, True)
    """

    _word = "or"

    def __init__(self, schedules: Sequence[AnySchedule] = gin.REQUIRED):
        super().__init__(schedules)

    def next_question(self, step: int, growths: Sequence[events.Growth]) -> int | None:
        """See `AdaptiveSchedule.next_question`."""
        return min((x for x in self._questions(step, growths) if x is not None), default=None)

    def is_due(self, evidence: evidence_lib.Evidence) -> bool:
        """See `AdaptiveSchedule.is_due`."""
        return any(part.is_due(evidence) for part in self._asked(evidence))

    def because(self, evidence: evidence_lib.Evidence) -> str:
        """See `AdaptiveSchedule.because`."""
        asked = self._asked(evidence)
        due = [part for part in asked if part.is_due(evidence)]
        return "; ".join(part.because(evidence) for part in due or asked)

    def _asked(self, evidence):
        """The parts whose turn it is."""
        questions = self._questions(evidence.step, evidence.growths)
        pairs = zip(self._parts, questions, strict=True)
        return [part for part, question in pairs if question == evidence.step]


@gin.configurable
class AllOf(_Combination):
    """A growth when all of several schedules ask for it.

    A pure schedule asks from the step of its next growth on.

    Args:
      schedules: adaptive or pure ones.

    Raises:
      ValueError: there are none.
    """

    _word = "and"

    def __init__(self, schedules: Sequence[AnySchedule] = gin.REQUIRED):
        super().__init__(schedules)

    def next_question(self, step: int, growths: Sequence[events.Growth]) -> int | None:
        """See `AdaptiveSchedule.next_question`: a step at which it is everyone's turn."""
        while True:
            questions = [q for q in self._questions(step, growths) if q is not None]
            if len(questions) < len(self._parts):
                return None
            latest = max(questions)
            if latest == step:
                return step
            step = latest

    def is_due(self, evidence: evidence_lib.Evidence) -> bool:
        """See `AdaptiveSchedule.is_due`."""
        return all(part.is_due(evidence) for part in self._parts)


@gin.configurable
class AtEarliest(_Combination):
    """Another schedule, which is not asked before some step.

    Args:
      schedule: adaptive or pure.
      step: training steps before the first question.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(self, schedule: AnySchedule = gin.REQUIRED, step: int = gin.REQUIRED):
        super().__init__([schedule])
        if not isinstance(step, int) or step < 0:
            raise ValueError(f"AtEarliest.step = {step} must be a whole number of 0 or more")
        self._step = step

    def next_question(self, step: int, growths: Sequence[events.Growth]) -> int | None:
        """See `AdaptiveSchedule.next_question`."""
        return self._parts[0].next_question(max(step, self._step), growths)

    def is_due(self, evidence: evidence_lib.Evidence) -> bool:
        """See `AdaptiveSchedule.is_due`."""
        return self._parts[0].is_due(evidence)

    def outlook(self) -> str:
        """See `AdaptiveSchedule.outlook`."""
        return f"{self._parts[0].outlook()}, not before step {self._step}"


@gin.configurable
class AtLatest(_Combination):
    """Another schedule, with a growth in any case when one is overdue, and none after the end.

    Args:
      schedule: adaptive or pure.
      steps: training steps since the last growth, or from the beginning, after which a growth is
        due in any case; None for no such growth.
      end: training steps from which on the network does not grow any more; None for no end.

    Raises:
      ValueError: an argument is out of range, or neither is given.
    """

    def __init__(
        self,
        schedule: AnySchedule = gin.REQUIRED,
        steps: int | None = None,
        end: int | None = None,
    ):
        super().__init__([schedule])
        if steps is None and end is None:
            raise ValueError("AtLatest.steps = None and .end = None: give at least one")
        for name, value in (("steps", steps), ("end", end)):
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ValueError(f"AtLatest.{name} = {value} must be a whole number of at least 1")
        self._steps = steps
        self._end = end

    def next_question(self, step: int, growths: Sequence[events.Growth]) -> int | None:
        """See `AdaptiveSchedule.next_question`."""
        question = self._parts[0].next_question(step, growths)
        # Where the other one has had all its growths, nothing is overdue.
        deadline = self._deadline(growths)
        if question is not None and deadline is not None:
            question = min(question, max(step, deadline))
        is_over = question is None or (self._end is not None and question >= self._end)
        return None if is_over else question

    def is_due(self, evidence: evidence_lib.Evidence) -> bool:
        """See `AdaptiveSchedule.is_due`."""
        return self._is_overdue(evidence) or self._parts[0].is_due(evidence)

    def because(self, evidence: evidence_lib.Evidence) -> str:
        """See `AdaptiveSchedule.because`."""
        if self._is_overdue(evidence):
            return f"{self._steps} steps without a growth"
        return self._parts[0].because(evidence)

    def outlook(self) -> str:
        """See `AdaptiveSchedule.outlook`."""
        parts = [self._parts[0].outlook()]
        if self._steps is not None:
            parts.append(f"at the latest {self._steps} steps after a growth")
        if self._end is not None:
            parts.append(f"not from step {self._end} on")
        return ", ".join(parts)

    def _deadline(self, growths):
        """The step at which a growth is overdue; None for never."""
        last = growths[-1].step if growths else 0
        return None if self._steps is None else last + self._steps

    def _is_overdue(self, evidence):
        deadline = self._deadline(evidence.growths)
        return deadline is not None and evidence.step >= deadline
