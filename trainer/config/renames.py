"""Bindings under their former names, for one version."""

import re

from absl import logging

# Current parameter by former one.
_PARAMETERS = {("Grower", "initializer"): "method", ("Firefly", "epsilon"): "fraction"}


def with_current_names(text: str, where: str) -> str:
    """Puts the current names of parameters into Gin text, and warns of the former ones.

    Args:
      text: of a file, or a binding.
      where: names it in the warning.
    """
    for (configurable, former), current in _PARAMETERS.items():
        pattern = rf"^(\s*(?:[\w./]*[./])?{configurable}\.){former}(?=\s*[=:])"
        text, count = re.subn(pattern, rf"\g<1>{current}", text, flags=re.MULTILINE)
        if count:
            logging.warning(
                "%s: %s.%s is now %s.%s; the next version will not know the old name",
                *(where, configurable, former, configurable, current),
            )
    return text
