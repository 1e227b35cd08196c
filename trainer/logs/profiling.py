"""Records a TensorBoard profile of some training steps."""

import pathlib

import tensorflow as tf


class Profiler:
    """Records the steps from `first` to before `last`; a training loop has to stop at both.

    Args:
      steps: (first, last), training steps done; None to record nothing.
      folder: where TensorBoard finds it.
    """

    def __init__(self, steps: tuple[int, int] | None, folder: pathlib.Path):
        self._steps = steps or ()
        self._folder = folder
        self._records = False

    def stops(self, step: int) -> list[int]:
        """The steps after `step` at which recording begins or ends."""
        return [each for each in self._steps if each > step]

    def at(self, step: int) -> None:
        """Begins or ends recording if it is time to; to be called at each stop."""
        if not self._steps:
            return
        first, last = self._steps
        if not self._records and first <= step < last:
            tf.profiler.experimental.start(str(self._folder))
            self._records = True
        elif self._records and step >= last:
            self.close()

    def close(self) -> None:
        """Ends recording, if it has begun, and writes the profile."""
        if self._records:
            tf.profiler.experimental.stop()
            self._records = False
