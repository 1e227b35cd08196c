"""Claims of the paper, and tests of them on numbers by seed."""

import dataclasses
from collections.abc import Mapping, Sequence

from trainer.sweep import comparison

TRUE = "true"
FALSE = "false"
UNDECIDED = "not decided"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A claim, and what became of it.

    Attributes:
      claim: a sentence without a full stop, with its threshold.
      verdict: `TRUE`, `FALSE` or `UNDECIDED`.
      detail: the numbers that decide it.
    """

    claim: str
    verdict: str
    detail: str

    def __str__(self) -> str:
        return f"{self.claim}: {self.verdict}, {self.detail}"


def holds(claim: str, condition: bool, detail: str) -> Verdict:
    """The verdict on a claim that a condition decides."""
    return Verdict(claim, TRUE if condition else FALSE, detail)


def below(claim: str, values: Mapping[int, float], others: Mapping[int, float]) -> Verdict:
    """Tests whether `values` are below `others`, by the paired difference over common seeds.

    Args:
      claim: what it would mean.
      values: by seed.
      others: by seed.

    Returns:
      True if the whole 95 % interval of the mean difference (Student's t) is below zero, false if
      it is above, else not decided.
    """
    return _on_one_side(claim, values, others, -1)


def above(claim: str, values: Mapping[int, float], others: Mapping[int, float]) -> Verdict:
    """Tests whether `values` are above `others`; see `below`."""
    return _on_one_side(claim, values, others, 1)


def not_above(claim: str, values: Mapping[int, float], others: Mapping[int, float]) -> Verdict:
    """Tests whether the seeds leave open that `values` are no higher than `others`.

    Returns:
      False if the whole 95 % interval of the paired difference is above zero, else true.
    """
    found = comparison.paired_difference(values, others)
    if found.pairs < 2:
        return _too_few(claim, found.pairs)
    return holds(claim, found.mean - found.half_width <= 0.0, _difference(found))


def _on_one_side(claim, values, others, side):
    found = comparison.paired_difference(values, others)
    if found.pairs < 2:
        return _too_few(claim, found.pairs)
    detail = _difference(found)
    if side * found.mean > found.half_width:
        return Verdict(claim, TRUE, detail)
    if side * found.mean < -found.half_width:
        return Verdict(claim, FALSE, detail)
    return Verdict(claim, UNDECIDED, f"the interval includes zero: {detail}")


def _too_few(claim, pairs):
    return Verdict(claim, UNDECIDED, f"an interval needs two repeats; there is {pairs}")


def _difference(found):
    return (
        f"difference {found.mean:+.3g} ± {found.half_width:.2g} (95 %), below on {found.lower} of "
        f"{found.pairs}"
    )


def span(values: Sequence[float]) -> str:
    """`LEAST to MOST` of `values`."""
    return f"{min(values):.3g} to {max(values):.3g}"
