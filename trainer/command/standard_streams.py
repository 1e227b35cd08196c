"""Standard streams that may be closed, full, or read by nobody any more."""

import contextlib
import os
import signal
import sys
from typing import NoReturn, TextIO


def open_missing() -> None:
    """Opens the null device in the place of standard streams that are closed.

    The next files to be opened would take their place, and what libraries print.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        os.set_inheritable(descriptor, True)
        descriptor = os.dup(descriptor)
    os.close(descriptor)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))


def flush_output() -> None:
    """Writes what has been printed; ends the program as `end_unread` does if it cannot."""
    try:
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)
    try:
        sys.stdout.flush()
    except OSError as error:
        end_unread(error)


def end_unread(error: OSError) -> NoReturn:
    """Ends the program after an error of standard output.

    Without a word and as SIGPIPE does if nobody reads it any more, as with `| head`.
    """
    _discard(sys.stdout)
    if isinstance(error, BrokenPipeError):
        raise SystemExit(128 + signal.SIGPIPE) from None
    say(f"error: standard output cannot be written: {error.strerror}")
    raise SystemExit(1) from None


def say(line: str) -> None:
    """Writes a line on standard error, if it can be written."""
    print(line, file=Console(sys.stderr), flush=True)


class Console:
    """A stream of text that is not worth a run: what cannot be written is left out.

    A terminal that is closed, a full disk below a log, or a program that read what was printed and
    has ended, must not end a run.

    Args:
      stream: standard error, or another stream.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes `text`; see `io.TextIOBase`."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """See `io.TextIOBase`."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        """See `io.TextIOBase`."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """See `io.TextIOBase`; tqdm asks for the width of the terminal."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str | None:
        """Of the stream; tqdm asks whether it has Unicode."""
        return getattr(self._stream, "encoding", None)


def _discard(stream: TextIO) -> None:
    """Has the null device take what `stream` still holds, so that its end is quiet."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
