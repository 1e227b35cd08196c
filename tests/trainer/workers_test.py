import os
import time

from trainer import workers


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
    done = list(workers.run_all(_square, range(8), 2, _never))
    assert sorted((job, result[0]) for job, result in done) == [(n, n * n) for n in range(8)]
    assert len({result[1] for _, result in done}) <= 2


def test_a_dead_process_takes_only_its_job_along():
    done = dict(workers.run_all(_square, [1, -7, 2], 1, _never))
    assert done[-7] == workers.Died(7)
    assert done[1][0] == 1 and done[2][0] == 4


def test_a_stop_ends_running_jobs_and_starts_no_more():
    start = time.monotonic()
    stops = iter([False, False])
    done = list(workers.run_all(_wait_for_a_signal, [1, 2], 1, lambda: next(stops, True)))
    assert done == [(1, workers.Died(-15))]
    assert time.monotonic() - start < 30
