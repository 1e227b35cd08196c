"""Training FLOPs of a growing network, computed from its growths."""

from collections.abc import Sequence

from growth.records import events


def forward_flops(seed_network: int, growths: Sequence[events.Growth], steps: int) -> int:
    """Floating-point operations of the forward passes of one example in `steps` training steps.

    Args:
      seed_network: of one forward pass before the first growth.
      growths: those before `steps`.
      steps: training steps.

    Example:
      Ten steps at 20, and five at 30:

      >>> growths = [events.Growth(step=10, forward_flops=30)]
      >>> forward_flops(20, growths, steps=15)
      350
    """
    starts = [0, *(growth.step for growth in growths)]
    rates = [seed_network, *(growth.forward_flops for growth in growths)]
    ends = [*starts[1:], steps]
    return sum(rate * (end - start) for rate, start, end in zip(rates, starts, ends, strict=True))


def training_flops(forward: int, batch_size: int) -> int:
    """Floating-point operations of training, from the `forward_flops` of one example.

    Three times those of the forward pass, as is usual: the backward pass computes a gradient by
    the inputs and one by the weights. The optimizer's share and the growths are left out.

    Example:
      >>> training_flops(forward=350, batch_size=32)
      33600
    """
    return 3 * batch_size * forward
