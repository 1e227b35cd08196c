"""The commands that a page shows, run as they stand there."""

import re
import shlex
from collections.abc import Sequence

import gin
from absl import flags
from absl.testing import flagsaver

from trainer import main

# Fenced blocks that begin with the name of a file.
_FILE = re.compile(r"```\w*\n# (\w+\.\w+)\n(.*?)```", re.DOTALL)
_COMMAND = re.compile(r"^ {4}\./bazelw run (//\S+)(?: -- (.*))?$", re.MULTILINE)


def files(text: str) -> dict[str, str]:
    """Contents of the files that a text shows, by name."""
    return dict(_FILE.findall(text))


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Target and arguments of each `./bazelw run` in a text; of those on several lines, too."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [(target, shlex.split(rest)) for target, rest in _COMMAND.findall(joined)]


def train(arguments: Sequence[str], bindings: Sequence[str] = ()) -> None:
    """Does what //:train does with `arguments`, and with `bindings` that come after them."""
    gin.clear_config()
    with flagsaver.flagsaver():
        flags.FLAGS([main.__name__, *arguments, *(f"--gin_bindings={b}" for b in bindings)])
        main._check_flags()
        main.main([main.__name__])
