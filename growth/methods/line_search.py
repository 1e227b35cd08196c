"""Any growth method, with the amplitude of its new neurons from a line search."""

from collections.abc import Sequence

import gin
import tensorflow as tf

from growth.methods import method as method_lib
from growth.methods import wrapped
from growth.surgery import trial as trial_lib
from growth.surgery.neurons import NewNeurons, OldNeurons


@gin.configurable
class LineSearch(wrapped.Wrapped):
    """The neurons of another method, moved along their gradient as far as the loss falls.

    A method such as `GradMax` starts new neurons with zeros on one side, and the loss stays. Here
    their weights take a step against the gradient of the loss at once, t times the gradient by all
    of them; t is the best of those that a line search tries on the growth batch, by doubling or
    halving. The output changes, and the loss on the growth batch falls.

    If no t lowers the loss, the growth is refused: no site gets a neuron.

    Args:
      method: makes the neurons.
      first: the t that the search begins with.
      steps: doublings or halvings at most; a forward pass each.
      accept: the fraction of the loss by which it must fall, or else the growth is refused.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self,
        method: method_lib.GrowthMethod = gin.REQUIRED,
        first: float = 1.0,
        steps: int = 12,
        accept: float = 0.0,
    ):
        super().__init__(method, "@GradMax()")
        if not first > 0:
            raise ValueError(f"LineSearch.first = {first} must be above 0, e.g. 1.0")
        if steps < 1:
            raise ValueError(f"LineSearch.steps = {steps} must be at least 1, e.g. 12")
        if not 0 <= accept < 1:
            raise ValueError(f"LineSearch.accept = {accept} must be 0 or more and below 1")
        self._first = first
        self._steps = steps
        self._accept = accept

    def refine(
        self,
        trial: trial_lib.Trial,
        neurons: Sequence[NewNeurons],
        counts: Sequence[tf.Tensor],
    ) -> Sequence[NewNeurons]:
        """See `GrowthMethod.refine`."""
        neurons = self._method.refine(trial, neurons, counts)
        weights = [(new.incoming, new.outgoing) for new in neurons]

        def of(weights):
            return [
                new._replace(incoming=incoming, outgoing=outgoing)
                for new, (incoming, outgoing) in zip(neurons, weights, strict=True)
            ]

        gradients = trial.gradients(of, weights)

        def moved(amplitude):
            return of(
                [
                    tuple(w - amplitude * g for w, g in zip(own, by_own, strict=True))
                    for own, by_own in zip(weights, gradients, strict=True)
                ]
            )

        def loss(amplitude):
            value = trial.loss(moved(amplitude))
            return tf.where(tf.math.is_nan(value), float("inf"), value)

        without = [NewNeurons.none(*_fans(new)) for new in neurons]
        before = trial.loss(without)
        amplitude, after = self._searched(loss)
        is_better = after < before - self._accept * tf.abs(before)
        return [
            tf.cond(is_better, lambda new=new: new, lambda none=none, new=new: _like(none, new))
            for new, none in zip(moved(amplitude), without, strict=True)
        ]

    def _searched(self, loss):
        """The best t that is tried, and the loss there."""
        start = tf.constant(self._first)
        first, second = loss(start), loss(2.0 * start)
        rises = second < first
        factor = tf.where(rises, 2.0, 0.5)
        start = tf.where(rises, 2.0 * start, start)

        def step(i, last, best, amplitude, best_amplitude):
            is_best = last < best
            best, best_amplitude = (
                tf.where(is_best, last, best),
                tf.where(is_best, amplitude, best_amplitude),
            )
            amplitude *= factor
            return i + 1, loss(amplitude), best, amplitude, best_amplitude

        # Doubling ends where the loss rises; halving goes on, as it may have begun far off.
        _, last, best, amplitude, best_amplitude = tf.while_loop(
            lambda i, last, best, *_: (i < self._steps) & ((last < best) | ~rises),
            step,
            (0, tf.where(rises, second, first), float("inf"), start, start),
            parallel_iterations=1,
        )
        is_best = last < best
        return tf.where(is_best, amplitude, best_amplitude), tf.where(is_best, last, best)


def _fans(new: NewNeurons) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.shape(new.incoming)[0], tf.shape(new.outgoing)[0]


def _like(none: NewNeurons, new: NewNeurons) -> NewNeurons:
    """No neurons, and old ones as they are, in the form of `new`."""
    change, factor = new.old
    return none._replace(
        parents=new.parents[:0],
        singular_values=new.singular_values[:0],
        old=OldNeurons(tf.zeros_like(change), tf.ones_like(factor)),
    )
