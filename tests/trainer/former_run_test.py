"""A run that a version before the folders of trainer/ began, and that this one goes on with."""

import json
import pathlib
import shutil

import gin
import pytest

from tests import training_processes
from trainer import experiment, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.model_dir import run_directory

_FORMER = pathlib.Path(__file__).parent / "data" / "run_of_the_former_layout"


@pytest.fixture(autouse=True)
def _no_bindings():
    gin.clear_config()
    yield
    gin.clear_config()


def test_a_run_that_was_killed_then_ends_with_the_numbers_of_one_that_was_not(tmp_path):
    # Killed after the checkpoint of step 30 of 45, before its evaluation; three growths by GradMax,
    # the last of them still to come, and Adam. The numbers are close rather than equal, because
    # processors other than that of the recording round otherwise.
    folder = tmp_path / "run"
    shutil.copytree(_FORMER / "killed", folder)
    reader.load([str(folder / "config.gin")], [])
    directory = run_directory.RunDirectory(str(folder))
    directory.start(gin.config_str(), overwrite_config=True)
    run = run_lib.Run(experiment.Experiment(), directory)
    assert run.step == 30
    train.Training(run, {}).train(evaluate=True)
    result, expected = directory.result(), json.loads((_FORMER / "result.json").read_text())
    for key in ("train", "test", "best"):
        assert result[key] == pytest.approx(expected[key], rel=1e-6)
    for key in ("steps", "seed", "widths", "parameters", "training_flops", "growths"):
        assert result[key] == expected[key]
    events, before = training_processes.growths(folder), training_processes.growths(_FORMER)
    for event, former in zip(events, before, strict=True):
        sites = {name: site.pop("singular_values") for name, site in event["sites"].items()}
        for name, site in former["sites"].items():
            assert sites[name] == pytest.approx(site.pop("singular_values"), rel=1e-5)
            assert event["sites"][name] == pytest.approx(site, rel=1e-5)
        assert event.pop("sites").keys() == former.pop("sites").keys()
        assert event == pytest.approx(former, rel=1e-6)
