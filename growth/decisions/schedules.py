"""When to grow: the step of the next growth, a pure function of how often the network has grown."""

import abc
import itertools
from collections.abc import Sequence

import gin


class Schedule(abc.ABC):
    """Says at which step the next growth is due.

    Growth n at step s happens after s training steps, before step s + 1.

    A schedule runs on the host, in Python. It is a function of its arguments and has no state: it
    is asked more often than the network grows, in any order. Before training it is asked for the
    whole plan of growths, in training at each pause, and a run that is resumed asks a new one. One
    that counts its calls or draws random numbers is refused: `growths` counts the growths.
    """

    @abc.abstractmethod
    def next_growth(self, step: int, growths: int) -> int | None:
        """The step of the next growth.

        Args:
          step: training steps done.
          growths: growths done.

        Returns:
          A step, 0 or more; the growth is due now if it is not after `step`. None if no growth is
          left.
        """


@gin.configurable
class PeriodicSchedule(Schedule):
    """Growths at `start`, `start + interval`, `start + 2 * interval`, ...

    Args:
      start: training steps before the first growth.
      interval: training steps between two growths.
      count: number of growths.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> schedule = PeriodicSchedule(start=100, interval=50, count=3)
      >>> [schedule.next_growth(step=0, growths=n) for n in range(4)]
      [100, 150, 200, None]
    """

    def __init__(
        self, start: int = gin.REQUIRED, interval: int = gin.REQUIRED, count: int = gin.REQUIRED
    ):
        for name, value, least in (
            ("start", start, 0),
            ("interval", interval, 1),
            ("count", count, 0),
        ):
            if value < least:
                raise ValueError(f"PeriodicSchedule.{name} = {value} must be at least {least}")
        self._start = start
        self._interval = interval
        self._count = count

    def next_growth(self, step: int, growths: int) -> int | None:
        """See `Schedule.next_growth`."""
        del step  # The next growth depends on how many there were, not on when.
        if growths >= self._count:
            return None
        return self._start + growths * self._interval


@gin.configurable
class FractionalSchedule(Schedule):
    """Growths after given fractions of a run, however long it is.

    Args:
      fractions: of the training steps, ascending, 0 or more and below 1.
      steps: training steps of the run; None for what `Experiment.steps` is bound to.

    Raises:
      ValueError: an argument is out of range, or nothing says how long the run is.

    Example:
      >>> schedule = FractionalSchedule(fractions=(0.2, 0.5), steps=1000)
      >>> [schedule.next_growth(step=0, growths=n) for n in range(3)]
      [200, 500, None]
    """

    def __init__(self, fractions: Sequence[float] = gin.REQUIRED, steps: int | None = None):
        if not isinstance(fractions, list | tuple) or not all(
            isinstance(fraction, int | float) and 0 <= fraction < 1 for fraction in fractions
        ):
            raise ValueError(
                f"FractionalSchedule.fractions = {fractions} must be numbers of 0 or more and "
                "below 1, e.g. (0.5,)"
            )
        steps = _steps_of_run() if steps is None else steps
        if not isinstance(steps, int) or steps < 1:
            raise ValueError(f"FractionalSchedule.steps = {steps} must be at least 1")
        self._growths = [round(fraction * steps) for fraction in fractions]
        if any(a >= b for a, b in itertools.pairwise(self._growths)):
            raise ValueError(
                f"FractionalSchedule.fractions = {fractions} must ascend, and be a step apart: of "
                f"{steps} steps they give {self._growths}"
            )

    def next_growth(self, step: int, growths: int) -> int | None:
        """See `Schedule.next_growth`."""
        del step  # The next growth depends on how many there were, not on when.
        return self._growths[growths] if growths < len(self._growths) else None


def _steps_of_run():
    try:
        value = gin.query_parameter("Experiment.steps")
    except ValueError:
        raise ValueError(
            "FractionalSchedule.steps = None needs Experiment.steps to be bound; bind one of them, "
            "e.g. FractionalSchedule.steps = 1000"
        ) from None
    # A macro is a reference to a function that returns its value.
    return value.scoped_configurable_fn() if hasattr(value, "scoped_configurable_fn") else value
