"""When to grow: the step of the next growth, a pure function of how often the network has grown."""

import abc

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
