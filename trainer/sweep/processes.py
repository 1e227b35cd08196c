"""Processes that do one job after another, so that TensorFlow is imported once for many jobs."""

import collections
import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from trainer.command import garbage

Job = TypeVar("Job")

# Seconds after which a pool looks whether it has been asked to stop.
_POLL_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Died:
    """In the place of a result: the process ended before it had one.

    Attributes:
      exit_code: of the process; -n if signal n killed it.
    """

    exit_code: int | None


def run_all(
    function: Callable[[Job], Any],
    jobs: Sequence[Job],
    processes: int,
    stopped: Callable[[], Any],
) -> Iterator[tuple[Job, Any]]:
    """Calls `function` on each of `jobs`, in `processes` processes.

    A process that dies takes only its job along: another one goes on in its place.

    Args:
      function: importable by name; called in another process.
      jobs: started in this order.
      processes: how many jobs run at the same time.
      stopped: when true, running jobs get SIGTERM and no more are started.

    Yields:
      Each job with its result, or with `Died`, as they end.
    """
    waiting = collections.deque(jobs)
    workers = [_Worker(function) for _ in range(min(processes, len(jobs)))]
    busy = {}
    try:
        while busy or (waiting and not stopped()):
            for worker in workers:
                if worker not in busy and waiting and not stopped():
                    busy[worker] = waiting.popleft()
                    worker.send(busy[worker])
            ready = multiprocessing.connection.wait(
                [worker.connection for worker in busy], _POLL_SECONDS
            )
            for worker in [worker for worker in busy if worker.connection in ready]:
                yield busy.pop(worker), worker.receive()
            if stopped():
                for worker in busy:
                    worker.terminate()
    finally:
        for worker in workers:
            if worker in busy:
                worker.terminate()
            worker.close()


class _Worker:
    """A process that is started when it is needed, also again after it has died."""

    def __init__(self, function: Callable[[Any], Any]):
        self._function = function
        self._process = None
        self._terminated = False

    def send(self, job: Any) -> None:
        """Starts a job."""
        if self._process is None or not self._process.is_alive():
            # Spawned, because TensorFlow does not survive a fork.
            context = multiprocessing.get_context("spawn")
            self.connection, other = context.Pipe()
            self._process = context.Process(
                target=_serve, args=(self._function, other), daemon=True
            )
            # A Ctrl-C is for this program alone, and the new process is not ready for any.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            try:
                self._process.start()
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
            other.close()  # So that the end of the process is the end of the pipe.
        self.connection.send(job)

    def receive(self) -> Any:
        """The result of the job, once `connection` is ready."""
        try:
            return self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            died = Died(self._process.exitcode)
            self._process = None
            return died

    def close(self) -> None:
        """Waits for the end of the process, which comes after its job."""
        if self._process is not None:
            self.connection.close()
            self._process.join()

    def terminate(self) -> None:
        """Sends SIGTERM, once: how soon its job ends the process is the job's choice."""
        if self._process is not None and not self._terminated:
            self._process.terminate()
            self._terminated = True


def _serve(
    function: Callable[[Any], Any], connection: multiprocessing.connection.Connection
) -> None:
    """Does jobs until the other end of the pipe is closed."""
    _be_apart()
    garbage.collect_rarely()
    threading.Thread(target=_end_with_the_program, daemon=True).start()
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        connection.send(function(job))


def _be_apart() -> None:
    """Leaves a Ctrl-C on the terminal to the program, which passes on what its workers have to do.

    SIGINT is blocked since before the process began; one that came meanwhile is forgotten.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_with_the_program() -> None:
    """Has the job save and end once the program is gone, even if SIGKILL has ended it."""
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)
