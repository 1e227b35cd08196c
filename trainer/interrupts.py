"""Asks a training loop to stop at its next safe point when the process gets a signal."""

import contextlib
import signal
from collections.abc import Iterator


class Interrupt:
    """Whether a signal has asked for a stop.

    Attributes:
      signal: the signal, or None.
    """

    def __init__(self):
        self.signal: signal.Signals | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


@contextlib.contextmanager
def catch() -> Iterator[Interrupt]:
    """Turns the first SIGINT or SIGTERM within the block into a request to stop.

    A second one has its usual effect, for those who cannot wait.
    """
    interrupt = Interrupt()
    signals = (signal.SIGINT, signal.SIGTERM)
    usual = {number: signal.getsignal(number) for number in signals}

    def request(number, frame):
        del frame
        interrupt.signal = signal.Signals(number)
        for each in signals:
            signal.signal(each, usual[each])

    for number in signals:
        signal.signal(number, request)
    try:
        yield interrupt
    finally:
        for number in signals:
            signal.signal(number, usual[number])
