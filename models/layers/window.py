"""Windows of convolutions and poolings."""

from typing import NamedTuple


class Window(NamedTuple):
    """The window of a layer along one axis of a map, in pixels.

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
        """Outputs from `input_size` inputs, and the zeros in front of the inputs.

        Example:
          >>> Window(size=3, strides=2, padding="SAME", dilation=1).output_size(7)
          (4, 1)
          >>> Window(size=3, strides=2, padding="VALID", dilation=1).output_size(7)
          (3, 0)
        """
        extent = self.dilation * (self.size - 1) + 1
        if self.padding == "VALID":
            return (input_size - extent) // self.strides + 1, 0
        outputs = -(-input_size // self.strides)
        return outputs, max((outputs - 1) * self.strides + extent - input_size, 0) // 2


def checked(size: int, strides: int, padding: str, dilation: int = 1) -> Window:
    """The window; raises ValueError where an argument is out of range."""
    for name, value in [("size", size), ("strides", strides), ("dilation", dilation)]:
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} = {value} of a window must be a number of pixels, 1 or more")
    if padding not in ("same", "valid"):
        raise ValueError(f'padding = {padding!r} must be "same" or "valid"')
    return Window(size, strides, padding.upper(), dilation)


def check_map(window: Window, input_shape: tuple[int | None, ...], name: str) -> None:
    """Raises ValueError unless the layer `name` can pass over inputs of `input_shape`."""
    if len(input_shape) != 4:
        raise ValueError(
            f"layer {name!r} reads maps [batch, height, width, channels], not inputs of the shape "
            f"{tuple(input_shape)}; use a dense network, e.g. @MLP, for vectors"
        )
    for size in input_shape[1:3]:
        if size is not None and window.output_size(size)[0] < 1:
            raise ValueError(
                f"layer {name!r} has a window of {window.dilation * (window.size - 1) + 1} pixels, "
                f'which does not fit into a map of {size}: use padding = "same", or smaller windows'
            )
