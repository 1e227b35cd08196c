"""Mistakes of a user, told apart from bugs of ours."""

import contextlib
from collections.abc import Iterator

from trainer.command import error_reasons, user_code


class UserError(Exception):
    """A mistake of the user; its text is the whole message that the user sees."""


class RunFailure(Exception):
    """A failure of a run that is no mistake of the user; its text is the whole message."""


class UnexpectedError(UserError):
    """An error of a library, or a bug of ours, that a mistake of the user likely caused."""


@contextlib.contextmanager
def mistakes() -> Iterator[None]:
    """Raises as UserError what goes wrong while a run is being put together.

    Constructors say with a ValueError what is wrong with an argument, Gin with a RuntimeError that
    one is missing; a TypeError comes from a configurable that is called with wrong arguments. What
    else is raised, by a library that was given a value it did not expect, is told with its class.
    """
    try:
        yield
    # A number that is not finite says that training went wrong, not what was bound; a pipe that
    # nobody reads, that what is printed is not wanted.
    except (UserError, RunFailure, FloatingPointError, BrokenPipeError):
        raise
    except SystemExit as error:
        if (place := user_code.place(error)) is None:
            raise
        raise UserError(f"sys.exit({error.code!r}) is called\n  at {place}") from error
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        raise UserError(error_reasons.reason(error)) from error
    except Exception as error:
        text = f"{type(error).__name__}: {error_reasons.reason(error)}\n  --verbosity=1 shows where"
        raise UnexpectedError(text) from error
