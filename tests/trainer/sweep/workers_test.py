import multiprocessing
import os
import signal
import threading
import time

from trainer.sweep import processes


def _square(job):
    if job < 0:
        os._exit(-job)
    return job * job, os.getpid()


def _wait_for_a_signal(job):
    del job
    time.sleep(60)


def _never():
    return False


def test_every_job_gets_its_result_from_reused_processes():
    done = list(processes.run_all(_square, range(8), 2, _never))
    assert sorted((job, result[0]) for job, result in done) == [(n, n * n) for n in range(8)]
    assert len({result[1] for _, result in done}) <= 2


def test_a_dead_process_takes_only_its_job_along():
    done = dict(processes.run_all(_square, [1, -7, 2], 1, _never))
    assert done[-7] == processes.Died(7)
    assert done[1][0] == 1 and done[2][0] == 4


def test_a_stop_ends_running_jobs_and_starts_no_more():
    start = time.monotonic()
    stops = iter([False, False])
    done = list(processes.run_all(_wait_for_a_signal, [1, 2], 1, lambda: next(stops, True)))
    assert done == [(1, processes.Died(-15))]
    assert time.monotonic() - start < 30


def _wait_in_turn(job):
    """Says that it runs, and on SIGTERM that it ends."""
    signal.signal(signal.SIGTERM, lambda *_: (job / "ended").touch() or os._exit(0))
    (job / "pid").write_text(str(os.getpid()))
    time.sleep(60)


def _program(folder):
    list(processes.run_all(_wait_in_turn, [folder], 1, _never))


def _await(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_worker_ends_with_its_program_even_if_that_is_killed(tmp_path):
    program = multiprocessing.get_context("spawn").Process(target=_program, args=[tmp_path])
    program.start()
    _await((tmp_path / "pid").exists)
    program.kill()
    _await((tmp_path / "ended").exists)


def _program_on_a_terminal(folder):
    """Gets a Ctrl-C while the processes of its workers begin."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, lambda *_: None)
    threading.Timer(0.1, os.killpg, [os.getpgrp(), signal.SIGINT]).start()
    done = processes.run_all(_square, [1, 2, 3], 2, _never)
    (folder / "done").write_text(str(sorted((job, result[0]) for job, result in done)))


def test_a_ctrl_c_before_a_worker_is_ready_is_for_the_program_alone(tmp_path):
    context = multiprocessing.get_context("spawn")
    program = context.Process(target=_program_on_a_terminal, args=[tmp_path])
    program.start()
    program.join()
    assert (tmp_path / "done").read_text() == "[(1, 1), (2, 4), (3, 9)]"
