"""The figures that can be remade, by name."""

import difflib
from collections.abc import Sequence

from reproduction import appendix_d, figure, section_4
from trainer.command import errors

FIGURES = {each.name: each for each in [*section_4.FIGURES, *appendix_d.FIGURES]}


def chosen(names: Sequence[str]) -> list[figure.Figure]:
    """The figures of `names`, in the order of the paper, each once.

    Args:
      names: of figures; "9" stands for 9a, 9b and 9c, "all" for all there are.

    Raises:
      UserError: a name is unknown.
    """
    found = set()
    for name in names:
        parts = {key for key in FIGURES if name in ("all", key) or name == key.rstrip("abcd")}
        if not parts:
            near = difflib.get_close_matches(name, FIGURES, n=1, cutoff=0.5)
            raise errors.UserError(
                f"--figure={name} must be one of {', '.join(FIGURES)}, a number for all of its "
                "parts, or all" + (f"; did you mean {near[0]}?" if near else "")
            )
        found |= parts
    return [each for name, each in FIGURES.items() if name in found]
