"""Schedules that grow when the state of training says so."""

import math
from collections.abc import Callable

import gin

from growth.decisions import adaptive
from growth.decisions import evidence as evidence_lib


@gin.configurable
class Plateau(adaptive.AdaptiveSchedule):
    """A growth when the training loss has stopped falling.

    The mean loss over the last `steps` steps is compared with that over the `steps` before them,
    both after the last growth.

    Args:
      steps: n, training steps of each of the two means.
      least_fall: the fraction by which the mean must have fallen, or else it is a plateau.
      interval: see `AdaptiveSchedule`; n if None.
      cool_down: see `AdaptiveSchedule`.
      count: see `AdaptiveSchedule`.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> loss = [evidence_lib.Point(100, 1.0), evidence_lib.Point(200, 0.995)]
      >>> evidence = evidence_lib.Evidence(step=200, training={"loss": loss})
      >>> plateau = Plateau(steps=100, least_fall=0.01)
      >>> plateau.is_due(evidence), plateau.because(evidence)
      (True, 'the loss fell by 0.5 % in 100 steps, less than 1 %')
    """

    def __init__(
        self,
        steps: int = gin.REQUIRED,
        least_fall: float = 0.01,
        interval: int | None = None,
        cool_down: int = 0,
        count: int | None = None,
    ):
        if not isinstance(steps, int) or steps < 1:
            raise ValueError(f"Plateau.steps = {steps} must be at least 1, e.g. 200")
        if not -math.inf < least_fall < 1:
            raise ValueError(f"Plateau.least_fall = {least_fall} must be below 1, e.g. 0.01")
        super().__init__(steps if interval is None else interval, cool_down, count)
        self._steps = steps
        self._least_fall = least_fall

    def is_due(self, evidence: evidence_lib.Evidence) -> bool:
        """See `AdaptiveSchedule.is_due`."""
        fall = self._fall(evidence)
        return fall is not None and fall < self._least_fall

    def because(self, evidence: evidence_lib.Evidence) -> str:
        """See `AdaptiveSchedule.because`."""
        fall = self._fall(evidence)
        if fall is None:
            return f"there are no two means over {self._steps} steps since the last growth"
        bound = "less than" if fall < self._least_fall else "at least"
        return (
            f"the loss fell by {100 * fall:.3g} % in {self._steps} steps, {bound} "
            f"{100 * self._least_fall:.3g} %"
        )

    def _fall(self, evidence):
        """The fraction by which the loss has fallen; None if that cannot be said."""
        middle, start = evidence.step - self._steps, evidence.step - 2 * self._steps
        if start < evidence.last_growth:
            return None
        before = evidence.mean_loss(start, middle)
        after = evidence.mean_loss(middle, evidence.step)
        if before is None or after is None:
            return None
        return (before - after) / abs(before) if before else 0.0


@gin.configurable
def largest_singular_value(site: evidence_lib.SiteEvidence) -> float:
    """The largest singular value of A."""
    return site.measured.singular_values[0] if site.measured.singular_values else 0.0


@gin.configurable
def gain_of_one(site: evidence_lib.SiteEvidence) -> float:
    """The norm of the gradient by the weights of the first new neuron, the root of its gain."""
    return math.sqrt(site.measured.gains[0]) if site.measured.gains else 0.0


@gin.configurable
class SingularValues(adaptive.AdaptiveSchedule):
    """A growth when a new neuron would learn faster than the existing ones by some factor.

    The largest singular value of a site's map A is the gradient that the best new neuron gets; it
    is compared with that of an existing neuron of the site on average, both by incoming weights
    (the proposal of section 6 of the paper). A growth is due when one site is above the threshold.

    Args:
      threshold: the ratio above which the network grows.
      of: the quantity: `@largest_singular_value`, or `@gain_of_one` for what the growth method
        gets, which counts the norm of new weights.
      interval: see `AdaptiveSchedule`.
      cool_down: see `AdaptiveSchedule`.
      count: see `AdaptiveSchedule`.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self,
        threshold: float = gin.REQUIRED,
        of: Callable[[evidence_lib.SiteEvidence], float] = largest_singular_value,
        interval: int = 100,
        cool_down: int = 0,
        count: int | None = None,
    ):
        if not threshold >= 0:
            raise ValueError(f"SingularValues.threshold = {threshold} must be at least 0, e.g. 2.0")
        super().__init__(interval, cool_down, count)
        self._threshold = threshold
        self._of = of

    def is_due(self, evidence: evidence_lib.Evidence) -> bool:
        """See `AdaptiveSchedule.is_due`."""
        return self._largest(evidence)[0] > self._threshold

    def because(self, evidence: evidence_lib.Evidence) -> str:
        """See `AdaptiveSchedule.because`."""
        ratio, site = self._largest(evidence)
        bound = "above" if ratio > self._threshold else "at most"
        return (
            f"a new neuron of site {site} gets {ratio:.3g} times the gradient of an existing one, "
            f"{bound} {self._threshold:g}"
        )

    def _largest(self, evidence):
        return max((self._ratio(site), site.name) for site in evidence.sites)

    def _ratio(self, site):
        value, old = self._of(site), site.old_gradient
        return value / old if old else math.inf if value else 0.0


@gin.configurable
class Redundancy(adaptive.AdaptiveSchedule):
    """A growth when the neurons of a site are used up.

    They are where the effective rank of what they put out is above a fraction of their number
    (NORTH*: Maile et al., 2022).

    Args:
      threshold: the fraction above which the network grows, below 1.
      interval: see `AdaptiveSchedule`.
      cool_down: see `AdaptiveSchedule`.
      count: see `AdaptiveSchedule`.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self,
        threshold: float = gin.REQUIRED,
        interval: int = 100,
        cool_down: int = 0,
        count: int | None = None,
    ):
        if not 0 <= threshold < 1:
            raise ValueError(
                f"Redundancy.threshold = {threshold} must be 0 or more and below 1, e.g. 0.9"
            )
        super().__init__(interval, cool_down, count)
        self._threshold = threshold

    def is_due(self, evidence: evidence_lib.Evidence) -> bool:
        """See `AdaptiveSchedule.is_due`."""
        return self._largest(evidence)[0] > self._threshold

    def because(self, evidence: evidence_lib.Evidence) -> str:
        """See `AdaptiveSchedule.because`."""
        fraction, site = self._largest(evidence)
        bound = "above" if fraction > self._threshold else "at most"
        return (
            f"the effective rank of site {site} is {fraction:.3g} of its width, {bound} "
            f"{self._threshold:g}"
        )

    def _largest(self, evidence):
        return max((site.redundancy, site.name) for site in evidence.sites)


@gin.configurable
class Gap(adaptive.AdaptiveSchedule):
    """Growths that come the more slowly the wider the gap between test and training loss is.

    The next growth is due `every` * (1 + `slope` * gap) steps after the last one, where the gap is
    (test - training) / training loss at the last evaluation, and 0 if it is negative (FRAGrow).

    Args:
      every: training steps between two growths where there is no gap.
      slope: how much a gap of 1 slows growth down.
      interval: see `AdaptiveSchedule`.
      cool_down: see `AdaptiveSchedule`.
      count: see `AdaptiveSchedule`.

    Raises:
      ValueError: an argument is out of range.
    """

    needs_evaluation = True

    def __init__(
        self,
        every: int = gin.REQUIRED,
        slope: float = 1.0,
        interval: int = 100,
        cool_down: int = 0,
        count: int | None = None,
    ):
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"Gap.every = {every} must be at least 1, e.g. 500")
        if not 0 <= slope < math.inf:
            raise ValueError(f"Gap.slope = {slope} must be at least 0, and finite")
        super().__init__(interval, max(cool_down, every), count)
        self._every = every
        self._slope = slope

    def is_due(self, evidence: evidence_lib.Evidence) -> bool:
        """See `AdaptiveSchedule.is_due`."""
        wait = self._wait(evidence)
        return wait is not None and evidence.step - evidence.last_growth >= wait

    def because(self, evidence: evidence_lib.Evidence) -> str:
        """See `AdaptiveSchedule.because`."""
        wait = self._wait(evidence)
        if wait is None:
            return "there has been no evaluation since the last growth"
        return (
            f"{evidence.step - evidence.last_growth} steps since the last growth, of the "
            f"{wait:.0f} that the gap between test and training loss asks for"
        )

    def _wait(self, evidence):
        """Training steps from the last growth to the next; None if that cannot be said."""
        tests = [p for p in evidence.evaluation.get("loss", ()) if p.step > evidence.last_growth]
        if not tests:
            return None
        test = tests[-1]
        train = [p.value for p in evidence.training.get("loss", ()) if p.step <= test.step]
        if not train or not train[-1]:
            return None
        gap = max(0.0, (test.value - train[-1]) / abs(train[-1]))
        return self._every * (1 + self._slope * gap)
