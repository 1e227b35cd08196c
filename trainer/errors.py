"""Mistakes of a user, told apart from bugs of ours."""

import contextlib
import re
from collections.abc import Iterator


class UserError(Exception):
    """A mistake of the user; its text is the whole message that the user sees."""


@contextlib.contextmanager
def mistakes() -> Iterator[None]:
    """Raises as UserError what is a user's mistake while a run is being put together.

    Constructors say with a ValueError what is wrong with an argument, Gin with a RuntimeError that
    one is missing; a TypeError comes from a configurable that is called with wrong arguments.
    """
    try:
        yield
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        # Gin adds a line for each configurable on the way, with the repr of its class.
        text = re.sub(r"\n  In call to configurable '(\S+)' .*", "", str(error))
        raise UserError(text) from error
