"""Progress on the console: a bar on a terminal, lines in a file."""

import sys
import time
from typing import Any, TextIO

import tensorflow as tf
import tqdm

from trainer.command import console_text, standard_streams


class Progress:
    """An Orbit train action that shows step, metrics, examples/s and the time left.

    Args:
      global_step: training steps done.
      steps: training steps of the run.
      batch_size: examples in a training batch.
      stream: where to write.

    Attributes:
      rate: examples/s in the last training loop, with what came before it.
    """

    def __init__(
        self,
        global_step: tf.Variable,
        steps: int,
        batch_size: int,
        stream: TextIO = sys.stderr,
    ):
        self._global_step = global_step
        self._steps = steps
        self._batch_size = batch_size
        self._stream = stream = standard_streams.Console(stream)
        self._first_step = self._last_step = int(global_step.numpy())
        self._first_time = self._last_time = time.monotonic()
        self.rate = 0.0
        self._bar = None
        if stream.isatty():
            self._bar = tqdm.tqdm(
                total=steps, initial=self._first_step, file=stream, unit="step", dynamic_ncols=True
            )

    def __call__(self, output: dict[str, tf.Tensor]) -> None:
        """Shows the output of a training loop."""
        step, now = int(self._global_step.numpy()), time.monotonic()
        steps, seconds = step - self._last_step, max(now - self._last_time, 1e-9)
        rate = self.rate = self._batch_size * steps / seconds
        metrics = " ".join(
            f"{name.rpartition('/')[2]}={float(value):.5g}" for name, value in output.items()
        )
        if self._bar is not None:
            self._bar.set_postfix_str(f"{metrics} {rate:.0f} examples/s", refresh=False)
            self._bar.update(step - self._last_step)
        else:
            elapsed = now - self._first_time
            left = elapsed / max(step - self._first_step, 1) * (self._steps - step)
            self.say(
                f"step {step}/{self._steps}  {metrics}  {rate:.0f} examples/s  {left:.0f} s left"
            )
        self._last_step, self._last_time = step, now

    def growth(self, event: dict[str, Any]) -> None:
        """Shows a growth in a line of its own."""
        sites = ", ".join(
            f"{name} {site['from']} -> {site['to']} (gradient norm of new neurons "
            f"{site['gradient_norm_new']:.3g}, of old {site['gradient_norm_old']:.3g})"
            for name, site in event["sites"].items()
        )
        nothing = f"nothing: {event.get('refusal', 'all sites are at their maximum')}"
        self.say(f"step {event['step']}  grew {sites or nothing}")

    def say(self, line: str) -> None:
        """Writes a line, above the bar if there is one."""
        tqdm.tqdm.write(console_text.escaped_lines(line), file=self._stream)

    def close(self) -> None:
        """Leaves the bar as it is."""
        if self._bar is not None:
            self._bar.close()
