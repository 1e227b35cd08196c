"""Errors of scaled_widths; its docstring shows what it gives."""

import pytest

from models.architectures import scaled_widths


@pytest.mark.parametrize("widths", [0, (64, 0), (0.5, 2), "64"])
def test_wrong_widths_are_told(widths):
    with pytest.raises(ValueError, match=r"scaled_widths.widths = .* must be positive"):
        scaled_widths.scaled_widths(widths, factor=0.5)


def test_a_wrong_factor_is_told():
    with pytest.raises(ValueError, match="scaled_widths.factor = 0 must be above 0"):
        scaled_widths.scaled_widths((64,), factor=0)
