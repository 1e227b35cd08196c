"""Runs that are killed at random points, and go on by the same command."""

import os
import pathlib
import random

import pytest

from tests import compositions, decision_bindings, training_process, training_processes

pytestmark = pytest.mark.slow

_FILES = compositions.files("batch_norm+gradmax+short_outgoing")
_BINDINGS = [
    "Experiment.steps = 150",
    "Loop.log_interval = 4",
    "Loop.eval_interval = 25",
    "Loop.checkpoint_interval = 9",
    "PeriodicSchedule.start = 8",
    "PeriodicSchedule.interval = 15",
    "PeriodicSchedule.count = 9",
    "TeacherStudent.examples = 100",
    "TeacherStudent.batch_size = 32",
    "optimizer.config = @AdamConfig()",
    "ConstantLrConfig.learning_rate = 0.01",
    "optimizer.ema = @EMAConfig()",
    "import growth.newborn_rates",
    "Grower.newborn_rate = @WarmUpRate()",
    "WarmUpRate.factor = 2.0",
    "WarmUpRate.steps = 20",
]
# Kills in all: one in each place, and some. The long target has more.
_KILLS = int(os.environ.get("KILLS", "12"))
_SEED = int(os.environ.get("KILL_SEED", "0"))
# How a run ends that did not crash: done, or stopped at a safe point by SIGINT or SIGTERM. A signal
# before or after training, where nothing has to be saved, ends the process as signals do.
_STATUSES = {"SIGKILL": {-9}, "SIGTERM": {143, -15}, "SIGINT": {130}}


@pytest.fixture(scope="module")
def server():
    with training_processes.Server() as started:
        yield started


# What a process does once: there is no second time to kill it at.
_ONCE = ("start", "tracing", "result")


def _drawn(generator, choices):
    """Draws without end; each of `choices` comes once before any comes again."""
    while True:
        yield from generator.sample(choices, k=len(choices))


def _kills(generator):
    """Kills without end: soon in each place, and by each signal."""
    places = _drawn(generator, training_process.PLACES)
    names = _drawn(generator, ["SIGKILL", "SIGKILL", "SIGTERM", "SIGINT"])
    for place, name in zip(places, names, strict=True):
        yield {
            "place": place,
            "number": 1 if place in _ONCE else generator.choice([1, 1, 2, 3]),
            "milliseconds": generator.choice([0, 1, 3, 10, 30]),
            "after": generator.random() < 0.25,
            "name": name,
        }


@pytest.mark.parametrize(("workers", "kills"), [(1, _KILLS), (2, max(1, _KILLS // 6))])
def test_a_run_that_is_killed_anywhere_ends_with_the_same_bits(server, tmp_path, workers, kills):
    assert _survives(server, tmp_path, _FILES, _BINDINGS, workers, kills)["growths"] == 9


@pytest.mark.parametrize("decisions", decision_bindings.ALL.values(), ids=decision_bindings.ALL)
def test_a_run_that_is_killed_anywhere_decides_alike(server, tmp_path, decisions):
    bindings = [*decision_bindings.TASK, "Loop.checkpoint_interval = 9", *decisions]
    result = _survives(server, tmp_path, decision_bindings.FILES, bindings, 1, max(2, _KILLS // 6))
    assert result["growths"] >= 2 and sum(result["widths"].values()) > 8


def _survives(server, tmp_path, files, bindings, workers, kills):
    """Kills runs until `kills` have been survived, compares all, and returns the result."""
    assert server.run(tmp_path / "whole", files, bindings, [None] * workers) == [0] * workers
    expected = training_processes.outcome(tmp_path / "whole")
    generator = random.Random(_SEED)
    drawn, survived, folders = _kills(generator), 0, []
    while survived < kills:
        folder = tmp_path / f"killed_{len(folders)}"
        folders.append(folder)
        while not (folder / "result.json").exists():
            kill = next(drawn) if survived < kills else None
            each = [None] * workers
            each[generator.randrange(workers)] = kill
            statuses = server.run(folder, files, bindings, each)
            allowed = {0} | (_STATUSES[kill["name"]] if kill else set())
            # A worker that has lost another one.
            allowed |= {1} if workers > 1 and kill else set()
            assert set(statuses) <= allowed, (kill, pathlib.Path(f"{folder}.log0").read_text())
            survived += any(statuses)
        if any(statuses):  # The result was there already: what is left is to say so.
            assert server.run(folder, files, bindings, [None] * workers) == [0] * workers
    for folder in folders:
        for found, wanted in zip(training_processes.outcome(folder), expected, strict=True):
            assert found == wanted
    return expected[0]
