"""Mistakes of a user, told apart from bugs of ours."""

import contextlib
import re
from collections.abc import Iterator

# Of a message: Gin lists every file of an include, and adds values of any length.
_MOST_LINES = 8
_LONGEST_LINE = 400
# Gin adds a line for each configurable on the way, with the repr of its class.
_CALL = r"\n  In call to configurable '(\S+)' .*"
# What Keras says before and after the reason, and TensorFlow of the operation and the pipeline.
_NOISE = (
    r"Exception encountered when calling layer .*",
    r"Call arguments received by layer (?s:.*)",
    r"\{\{.*?\}\} ?",
    r"Error in user-defined function passed to \S+ transformation with iterator: \S+: ",
    r" ?\[Op:.*",
)


class UserError(Exception):
    """A mistake of the user; its text is the whole message that the user sees."""


class RunFailure(Exception):
    """What broke a run off that is no mistake in it; its text is the whole message."""


class UnexpectedError(UserError):
    """What a library raised, or a bug of ours, where a mistake of the user is the likely cause."""


def brief(text: str) -> str:
    """The first lines of `text` that differ, each cut where it gets too long to read."""
    lines = list(dict.fromkeys(filter(str.strip, text.splitlines())))
    lines = lines[:_MOST_LINES] + ["  ..."] * (len(lines) > _MOST_LINES)
    return "\n".join(
        line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..." for line in lines
    )


@contextlib.contextmanager
def mistakes() -> Iterator[None]:
    """Raises as UserError what goes wrong while a run is being put together.

    Constructors say with a ValueError what is wrong with an argument, Gin with a RuntimeError that
    one is missing; a TypeError comes from a configurable that is called with wrong arguments. What
    else is raised, by a library that was given a value it did not expect, is told with its class.
    """
    try:
        yield
    # A number that is not finite says that training went wrong, not what was bound.
    except (UserError, RunFailure, FloatingPointError):
        raise
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        raise UserError(reason(error)) from error
    except Exception as error:
        text = f"{type(error).__name__}: {reason(error)}\n  --verbosity=1 shows where"
        raise UnexpectedError(text) from error


def reason(error: Exception) -> str:
    """The text of `error`, without what Gin, Keras and TensorFlow add about themselves."""
    places = re.findall(_CALL, str(error))
    text = brief(re.sub("|".join((_CALL, *_NOISE)), "", str(error))) or "no reason given"
    if places and places[0] not in text:
        text += f"\n  in {places[0]}"
    return text
