"""Widths in proportion to others, for configurations that go with any task."""

from collections.abc import Sequence

import gin


@gin.configurable
def scaled_widths(
    widths: float | Sequence[int] = gin.REQUIRED, factor: float = gin.REQUIRED
) -> float | tuple[int, ...]:
    """`factor` times `widths`, in the form that an architecture takes them.

    Args:
      widths: neurons of each layer, as in `MLP.hidden_widths`; or one number, as in
        `VGG.width_multiplier`.
      factor: above 0.

    Returns:
      Neurons of each layer, rounded to the nearest number of at least one; or one number.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> scaled_widths((64, 10, 1), factor=0.25)
      (16, 2, 1)
      >>> scaled_widths(1.0, factor=0.25)
      0.25
    """
    if not factor > 0:
        raise ValueError(f"scaled_widths.factor = {factor} must be above 0, e.g. 0.5")
    if isinstance(widths, int | float) and widths > 0:
        return factor * widths
    if not isinstance(widths, list | tuple) or not all(
        isinstance(width, int) and width > 0 for width in widths
    ):
        raise ValueError(
            f"scaled_widths.widths = {widths} must be positive numbers of neurons, e.g. (64, 64), "
            "or a multiplier above 0, e.g. 1.0"
        )
    return tuple(max(1, round(factor * width)) for width in widths)
