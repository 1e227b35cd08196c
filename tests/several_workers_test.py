"""The same configuration on one device, on two, and in two processes."""

import os
import pathlib

import numpy as np
import pytest

from tests import compositions, decision_bindings, training_processes
from trainer.logs import run_curves

pytestmark = pytest.mark.slow

_BINDINGS = [
    "Experiment.steps = 50",
    "Loop.log_interval = 5",
    "Loop.eval_interval = 20",
    "PeriodicSchedule.start = 10",
    "PeriodicSchedule.interval = 20",
    "PeriodicSchedule.count = 2",
]
# It says that it has started a server.
_OF_TENSORFLOW = ("WARNING: All log messages before absl", "I0000")
_MIRRORED = ["Devices.distribution_strategy = 'mirrored'", "Devices.logical_cpus = 2"]


@pytest.fixture(scope="module")
def server():
    with training_processes.Server() as started:
        yield started


@pytest.mark.parametrize(
    "name", ["small+gradmax", "small+gradmax_opt", "batch_norm+gradmax+short_outgoing"]
)
def test_losses_and_growths_do_not_depend_on_the_number_of_devices(server, tmp_path, name):
    files, runs = compositions.files(name), []
    for devices, bindings, workers in [
        ("one", [], 1),
        ("mirrored", _MIRRORED, 1),
        ("two_workers", [], 2),
    ]:
        folder = tmp_path / devices
        statuses = server.run(folder, files, [*_BINDINGS, *bindings], [None] * workers)
        log = pathlib.Path(f"{folder}.log0").read_text()
        assert statuses == [0] * workers and "deprecated" not in log, log
        runs.append((run_curves.read(name, 0, folder).metrics, training_processes.growths(folder)))
    (expected, expected_growths), *others = runs
    assert len(expected["train/loss"]) == 10 and len(expected_growths) == 2
    for curves, growths in others:
        for split in ("train/loss", "test/loss"):
            assert list(curves[split]) == list(expected[split])
            np.testing.assert_allclose(
                list(curves[split].values()), list(expected[split].values()), rtol=1e-5
            )
        for growth, wanted in zip(growths, expected_growths, strict=True):
            assert growth["step"] == wanted["step"]
            (site,), (wanted_site,) = growth["sites"].values(), wanted["sites"].values()
            assert (site["from"], site["to"]) == (wanted_site["from"], wanted_site["to"])
            for key in ("gradient_norm_new", "gradient_norm_old", "singular_values"):
                np.testing.assert_allclose(site[key], wanted_site[key], rtol=1e-3)


@pytest.mark.parametrize("decisions", decision_bindings.ALL.values(), ids=decision_bindings.ALL)
def test_decisions_do_not_depend_on_the_number_of_devices(server, tmp_path, decisions):
    found = []
    for devices, bindings, workers in [
        ("one", [], 1),
        ("mirrored", _MIRRORED, 1),
        ("two_workers", [], 2),
    ]:
        folder = tmp_path / devices
        bindings = [*decision_bindings.TASK, *decisions, *bindings]
        statuses = server.run(folder, decision_bindings.FILES, bindings, [None] * workers)
        assert statuses == [0] * workers, pathlib.Path(f"{folder}.log0").read_text()
        found.append(
            [
                (each["step"], {name: site["to"] for name, site in each["sites"].items()})
                for each in training_processes.growths(folder)
            ]
        )
    assert len(found[0]) >= 2 and found[0] == found[1] == found[2]


def test_the_chief_alone_writes_and_speaks(server, tmp_path):
    folder, files = tmp_path / "run", compositions.files("batch_norm+gradmax+short_outgoing")
    logs = [pathlib.Path(f"{folder}.log{i}") for i in range(2)]
    for mode in ("train", "eval", "export"):
        assert server.run(folder, files, _BINDINGS, [None, None], [f"--mode={mode}"]) == [0, 0]
        lines = [log.read_text().splitlines() for log in logs]
        spoken = [[line for line in of if not line.startswith(_OF_TENSORFLOW)] for of in lines]
        assert spoken[0] and not spoken[1]
        for log in logs:
            log.unlink()  # Processes append to them.
    assert spoken[0] == [f"{folder}/export/50", f"{folder}/export/50/model.h5"]
    assert os.listdir(folder / "export") == ["50"]
