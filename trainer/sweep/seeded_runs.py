"""Many seeded runs: looked through before the first of them starts, told of as they end."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from trainer.command import console_text, errors, interrupts
from trainer.sweep import processes as workers
from trainer.sweep import seeded_run


def check(groups: Iterable[list[seeded_run.SeededRun]], interrupt: interrupts.Interrupt) -> None:
    """Looks for mistakes in configurations, in another process.

    Args:
      groups: the runs of each configuration.
      interrupt: ends it early.

    Raises:
      UserError: for the first mistake.
    """
    for _, mistake in workers.run_all(seeded_run.check, list(groups), 1, lambda: interrupt):
        # If the process died here, the runs will say so, and where to read more.
        if isinstance(mistake, str):
            raise errors.UserError(mistake)


def perform(
    function: Callable[[seeded_run.SeededRun], str | None],
    runs: Sequence[seeded_run.SeededRun],
    processes: int,
    interrupt: interrupts.Interrupt,
    outcome: Callable[[seeded_run.SeededRun], str],
) -> Iterator[tuple[seeded_run.SeededRun, str | None]]:
    """Calls `function` on each of `runs`, and prints a line when it ends.

    Args:
      function: importable by name; returns what went wrong, or None.
      runs: started in this order.
      processes: how many of them run at the same time.
      interrupt: stops the runs, which then have not failed: they go on when they are run again.
      outcome: what the line says of a run that did not fail.

    Yields:
      Each run with what went wrong, or None, as they end.
    """
    start = time.monotonic()
    done = workers.run_all(function, runs, processes, lambda: interrupt)
    for count, (run, failure) in enumerate(done, 1):
        if isinstance(failure, workers.Died):
            if interrupt:
                continue
            failure = f"its process ended with status {failure.exit_code}"
        left = (time.monotonic() - start) / count * (len(runs) - count)
        said = f"failed: {failure}" if failure else outcome(run)
        line = f"{count}/{len(runs)}  {run.config} seed {run.seed}  {said}  {left:.0f} s left"
        print(console_text.escaped(line), flush=True)
        yield run, failure
