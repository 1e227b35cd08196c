"""What a schedule and a policy foresee."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class PlannedGrowth:
    """A growth of one site that the schedule and the policy foresee.

    Attributes:
      step: training steps before it.
      site: name of the site.
      from_width: neurons before.
      to_width: neurons after.
    """

    step: int
    site: str
    from_width: int
    to_width: int
