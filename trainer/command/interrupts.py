"""Asks a training loop to stop at its next safe point when the process gets a signal."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

# A second one of these has its usual effect.
_OF_USERS = (signal.SIGINT, signal.SIGTERM)
# Notices, which may come more than once: of a batch system that needs the machine or has given all
# of its time, and of a terminal that closes.
_NOTICES = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU, signal.SIGHUP)


class Interrupt:
    """A request to stop, which signals set.

    Attributes:
      signal: the first one, or None.
    """

    def __init__(self):
        self.signal: signal.Signals | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


@contextlib.contextmanager
def catch() -> Iterator[Interrupt]:
    """Turns signals that ask for an end within the block into a request to stop.

    These are SIGINT and SIGTERM, and SIGUSR1, SIGUSR2, SIGXCPU and SIGHUP, which batch systems and
    terminals send. A second SIGINT or SIGTERM has its usual effect, for those who cannot wait. A
    SIGHUP that is ignored, as by nohup, stays so.
    """
    interrupt = Interrupt()
    usual = {number: signal.getsignal(number) for number in (*_OF_USERS, *_NOTICES)}
    if usual[signal.SIGHUP] == signal.SIG_IGN:
        del usual[signal.SIGHUP]

    def request(number, frame):
        del frame
        interrupt.signal = interrupt.signal or signal.Signals(number)
        if number in _OF_USERS:
            for each in _OF_USERS:
                signal.signal(each, usual[each])

    for number in usual:
        signal.signal(number, request)
    try:
        yield interrupt
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def end_at_once() -> None:
    """Has a SIGINT outside of `catch` end the process with one line and status 130.

    A KeyboardInterrupt in the import of a library, or in tracing, would come with its stack.
    """

    def end(number, frame) -> NoReturn:
        del frame
        # Not by print: the signal may have come while a stream was writing, which then refuses.
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        with contextlib.suppress(OSError):
            os.write(2, b"\nerror: stopped by SIGINT; the same command goes on\n")
        os._exit(128 + number)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)
