"""Signals that ask for a stop."""

import os
import signal

import pytest

from trainer.command import interrupts

_ALL = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU),
)


@pytest.fixture(autouse=True)
def counted():
    """The signals that reach the handlers from before the block."""
    reached = []
    usual = {number: signal.signal(number, lambda n, _: reached.append(n)) for number in _ALL}
    yield reached
    for number, handler in usual.items():
        signal.signal(number, handler)


def _send(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", _ALL)
def test_each_asks_for_a_stop(number, counted):
    with interrupts.catch() as interrupt:
        assert not interrupt
        _send(number)
        assert interrupt and interrupt.signal == number
    assert counted == []
    _send(number)
    assert counted == [number]


@pytest.mark.parametrize(
    ("numbers", "reached"),
    [
        ((signal.SIGINT, signal.SIGINT), [signal.SIGINT]),
        ((signal.SIGINT, signal.SIGTERM), [signal.SIGTERM]),
        # A terminal that closes sends it twice; a batch system sends SIGTERM after a notice.
        ((signal.SIGHUP, signal.SIGHUP, signal.SIGUSR1), []),
        ((signal.SIGUSR1, signal.SIGTERM), []),
        ((signal.SIGTERM, signal.SIGUSR1), []),
    ],
)
def test_only_a_second_request_of_a_user_has_its_usual_effect(numbers, reached, counted):
    with interrupts.catch() as interrupt:
        _send(*numbers)
        assert interrupt.signal == numbers[0]
    assert counted == reached


def test_a_sighup_that_nohup_ignores_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupts.catch() as interrupt:
        _send(signal.SIGHUP)
        assert not interrupt
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
