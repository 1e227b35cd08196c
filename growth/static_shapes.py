"""Growth on backends that compile for the shapes of variables, as TPUs do."""

import contextlib
import functools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

import tensorflow as tf

from growth import growth_step
from growth.surgery import surgery, variable_storage


class StaticShapes:
    """Keeps the shapes of growing variables fully defined; a `VariableShapes`.

    A variable whose declared shape has open axes gets storage that is declared with the shape of
    its value, and new storage whenever that shape changes. Functions are then traced anew.

    Args:
      variables: of a network, created under the current strategy.
      slots: gives the optimizer's slots of each.
      trace_anew: functions that drop traces, called when storage has been replaced.
    """

    def __init__(
        self,
        variables: Iterable[tf.Variable],
        slots: Callable[[tf.Variable], Sequence[surgery.Slot]],
        trace_anew: Sequence[Callable[[], None]],
    ):
        variables = list(variables)
        variables += [slot.variable for variable in variables for slot in slots(variable)]
        self._declared = [(v, v.shape) for v in variables if not v.shape.is_fully_defined()]
        self._trace_anew = list(trace_anew)
        self._strategy = tf.distribute.get_strategy()
        tf.get_logger().addFilter(_is_no_warning_of_tracing)
        self._fix()

    def compiled(self, step: growth_step.GrowthStep) -> Callable[..., growth_step.Outcome]:
        """See `VariableShapes.compiled`; two parts, which are compiled for each growth.

        The new values are computed at the old widths. Then the variables get them, and the step
        that follows is compiled at the new widths.
        """
        return functools.partial(self._run, step)

    def traced(self, function: Callable) -> Callable:
        """See `VariableShapes.traced`; traces at each call."""
        return lambda *args: tf.function(function, autograph=False)(*args)

    def _run(self, step, growth_batch, batch, counts, site_seeds, steps_done, trains):
        variables = []

        # Counts are constants in here, so that the compiler knows shapes.
        def propose(growth_batch):
            proposal = step.propose(growth_batch, counts, site_seeds, steps_done)
            variables.extend(variable for variable, _ in proposal.changed)
            return proposal._replace(changed=[value for _, value in proposal.changed])

        proposal = self.traced(propose)(growth_batch)
        if tf.reduce_all(proposal.is_finite):
            self.assign(
                [surgery.Grown(*pair) for pair in zip(variables, proposal.changed, strict=True)]
            )
        measured = growth_step.Measured.nothing(counts)
        if trains:
            measured = self.traced(lambda batch: step.train(batch, proposal.kernel_shapes))(batch)
        return growth_step.Outcome(measured, proposal.singular_values, proposal.is_finite)

    def assign(self, values: Sequence[surgery.Grown]) -> None:
        """See `VariableShapes.assign`."""
        same = [variable.shape == value.shape for variable, value in values]
        with self._strategy.scope():
            for (variable, value), is_same in zip(values, same, strict=True):
                if is_same:
                    variable.assign(value)
                else:
                    variable_storage.replace(variable, value, value.shape)
        if not all(same):
            self._forget_traces()

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """See `VariableShapes.suspended`."""
        with self._strategy.scope():
            for variable, declared in self._declared:
                variable_storage.replace(variable, variable.read_value(), declared)
        try:
            yield
        finally:
            self._fix()
            self._forget_traces()

    def _forget_traces(self):
        for forget in self._trace_anew:
            forget()

    def _fix(self):
        with self._strategy.scope():
            for variable, _ in self._declared:
                value = variable.read_value()
                variable_storage.replace(variable, value, value.shape)


def _is_no_warning_of_tracing(record: logging.LogRecord) -> bool:
    # TensorFlow takes functions that are traced again and again for a mistake.
    return "triggered tf.function retracing" not in str(record.msg)
