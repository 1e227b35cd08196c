"""How convolutions and poolings pass over a map."""

from typing import NamedTuple


class Window(NamedTuple):
    """How a convolution passes over an axis of a map, in pixels.

    Attributes:
      size: taps of the kernel.
      strides: from one output to the next.
      padding: "SAME" or "VALID".
      dilation: from one tap to the next.
    """

    size: int
    strides: int
    padding: str
    dilation: int

    def output_size(self, input_size: int) -> tuple[int, int]:
        """Outputs from `input_size` inputs, and the zeros in front of the inputs."""
        extent = self.dilation * (self.size - 1) + 1
        if self.padding == "VALID":
            return (input_size - extent) // self.strides + 1, 0
        outputs = -(-input_size // self.strides)
        return outputs, max((outputs - 1) * self.strides + extent - input_size, 0) // 2


def checked_padding(padding: str) -> str:
    """`padding` as TensorFlow spells it; raises ValueError unless it is "same" or "valid"."""
    if padding not in ("same", "valid"):
        raise ValueError(f'padding = {padding!r} must be "same" or "valid"')
    return padding.upper()
