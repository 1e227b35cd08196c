"""Variables that can grow by themselves, because their declared shapes leave growing axes open."""

import contextlib
from collections.abc import Callable, Sequence

import tensorflow as tf

from growth import growth_step
from growth.surgery import surgery


class UnspecifiedShapes:
    """A growth is an assignment in a graph that is traced once for the run; a `VariableShapes`."""

    def compiled(self, step: growth_step.GrowthStep) -> Callable[..., growth_step.Outcome]:
        """See `VariableShapes.compiled`; one graph."""

        def run(growth_batch, batch, counts, site_seeds, steps_done, trains):
            proposal = step.propose(growth_batch, counts, site_seeds, steps_done)
            tf.cond(
                tf.reduce_all(proposal.is_finite),
                lambda: surgery.assign(proposal.changed),
                lambda: None,
            )
            measured = tf.cond(
                trains,
                lambda: step.train(batch, proposal.kernel_shapes),
                lambda: growth_step.Measured.nothing(counts),
            )
            return growth_step.Outcome(measured, proposal.singular_values, proposal.is_finite)

        return self.traced(run)

    def traced(self, function: Callable) -> Callable:
        """See `VariableShapes.traced`."""
        # Without AutoGraph, which only makes tracing slow: nothing in a growth depends on values.
        return tf.function(function, autograph=False)

    def assign(self, values: Sequence[surgery.Grown]) -> None:
        """See `VariableShapes.assign`."""
        surgery.assign(values)

    def suspended(self) -> contextlib.AbstractContextManager[None]:
        """See `VariableShapes.suspended`; checkpoints can be restored anywhere."""
        return contextlib.nullcontext()
