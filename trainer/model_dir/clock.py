"""The time a run has taken, over all its restarts."""

import time

import tensorflow as tf


class Clock(tf.train.experimental.PythonState):
    """Counts seconds from its creation, on top of those that a checkpoint brings along."""

    def __init__(self):
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall time so far, in seconds."""
        return time.monotonic() - self._start

    def serialize(self) -> str:
        """The state that a checkpoint holds."""
        return str(self.seconds)

    def deserialize(self, string_value: str) -> None:
        """Takes over the state of a checkpoint."""
        self._start = time.monotonic() - float(string_value)
