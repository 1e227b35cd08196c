"""Assigning bigger values to growing variables: the part of a growth that backends differ in."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

from growth import growth_step
from growth.surgery import surgery


class VariableShapes(Protocol):
    """Traces what reads or writes growing variables, and gives them values of other sizes.

    `UnspecifiedShapes` does it in a graph that is traced once for the run, `StaticShapes` with a
    trace for each growth. Both compute the same numbers.
    """

    def compiled(self, step: growth_step.GrowthStep) -> Callable[..., growth_step.Outcome]:
        """A function that grows the network and then trains a step.

        It calls `step.propose`, assigns the changed values if they are finite, and calls
        `step.train`.

        Args:
          step: the two halves of a growth.

        Returns:
          A function of (growth_batch, batch, counts, site_seeds, steps_done, trains), called on the
          host: the arguments of `GrowthStep.propose`, the batch of `GrowthStep.train` in second
          place, and a bool scalar: False leaves the training step out.
        """
        ...

    def traced(self, function: Callable) -> Callable:
        """`function` of the variables, traced whenever their shapes are not those of a trace."""
        ...

    def assign(self, values: Sequence[surgery.Grown]) -> None:
        """Assigns values of any size, on the host."""
        ...

    def suspended(self) -> contextlib.AbstractContextManager[None]:
        """Within the block a checkpoint with any widths can be restored."""
        ...
