"""Variables that can grow by themselves, because their declared shapes leave growing axes open."""

import contextlib
from collections.abc import Callable, Sequence

import tensorflow as tf

from growth import growth_step
from growth.surgery import surgery


class UnspecifiedShapes:
    """A growth is an assignment in a graph that is traced once for the run."""

    def compiled(self, step: growth_step.GrowthStep) -> Callable:
        """`step.run`, compiled."""
        return self.traced(step.run)

    def traced(self, function: Callable) -> Callable:
        """`function` of the variables, traced when it has to be."""
        # Without AutoGraph, which only makes tracing slow: nothing in a growth depends on values.
        return tf.function(function, autograph=False)

    def assign(self, values: Sequence[surgery.Grown]) -> None:
        """Assigns values of any size."""
        surgery.assign(values)

    def suspended(self) -> contextlib.AbstractContextManager[None]:
        """Within the block a checkpoint with any widths can be restored, as anywhere."""
        return contextlib.nullcontext()
