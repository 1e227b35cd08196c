"""What training a network that grows has cost, from its growths alone."""

from collections.abc import Mapping, Sequence
from typing import Any


def forward_flops(birth: int, events: Sequence[Mapping[str, Any]], steps: int) -> int:
    """Floating-point operations of the forward passes of one example in `steps` training steps.

    Args:
      birth: of one forward pass before the first growth.
      events: the growths before `steps`, as in growth/history.py.
      steps: training steps.
    """
    starts = [0, *(event["step"] for event in events)]
    rates = [birth, *(event["forward_flops"] for event in events)]
    ends = [*starts[1:], steps]
    return sum(rate * (end - start) for rate, start, end in zip(rates, starts, ends, strict=True))


def training_flops(forward: int, batch_size: int) -> int:
    """Floating-point operations of training, from the `forward_flops` of one example.

    Three times those of the forward pass, as is usual: the backward pass computes a gradient by
    the inputs and one by the weights. The optimizer's share and the growths are left out.
    """
    return 3 * batch_size * forward
