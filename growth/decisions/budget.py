"""A budget that a network grows within."""

import gin

from growth.decisions import evidence


@gin.configurable
class Budget:
    """The size and the cost beyond which a network does not grow.

    A growth that would exceed a limit does not happen, and growing has ended; policies that rank
    neurons (`GainPerCost` and others) add those that fit.

    Args:
      neurons: of all sites together.
      parameters: trainable ones.
      forward_flops: floating-point operations of the forward pass of one example.
      training_flops: floating-point operations of the whole run: those so far, and those that the
        rest of the run takes at the width after the growth.

    Raises:
      ValueError: none is given, or one is out of range.

    Example:
      >>> Budget(parameters=1000).limits(spent=0, examples_left=1)
      Limits(neurons=None, parameters=1000, forward_flops=None)

      Three FLOPs of training for one of a forward pass:

      >>> Budget(training_flops=3e6).limits(spent=400_000, examples_left=100)
      Limits(neurons=None, parameters=None, forward_flops=6000.0)
    """

    def __init__(
        self,
        neurons: int | None = None,
        parameters: int | None = None,
        forward_flops: int | None = None,
        training_flops: float | None = None,
    ):
        given = {
            "neurons": neurons,
            "parameters": parameters,
            "forward_flops": forward_flops,
            "training_flops": training_flops,
        }
        if all(value is None for value in given.values()):
            names = ", ".join(f"Budget.{name} = None" for name in given)
            raise ValueError(f"{names}: give at least one")
        for name, value in given.items():
            if value is not None and not value > 0:
                raise ValueError(f"Budget.{name} = {value} must be above 0")
        self._size = (neurons, parameters, forward_flops)
        self.training_flops = training_flops

    def limits(self, spent: float, examples_left: int) -> evidence.Limits:
        """The largest size that a growth may lead to.

        Args:
          spent: floating-point operations of forward passes so far.
          examples_left: that training still sees.
        """
        neurons, parameters, flops = self._size
        if self.training_flops is not None and examples_left:
            # A backward pass costs two forward ones.
            rest = (self.training_flops / 3 - spent) / examples_left
            flops = rest if flops is None else min(flops, rest)
        return evidence.Limits(neurons, parameters, flops)

    def outlook(self) -> str:
        """The limits in words, for the dry run."""
        what = ("neurons", "parameters", "FLOPs of a forward pass", "FLOPs of training")
        limits = zip((*self._size, self.training_flops), what, strict=True)
        return "at most " + ", ".join(f"{x:g} {name}" for x, name in limits if x is not None)
