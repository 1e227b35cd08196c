"""Every .gin file that is shipped: its form, and that it runs."""

import json
import pathlib
import re

import gin
import pytest

from tests import tiny_fashion_mnist
from trainer import config, experiment, run_directory, train

_FOLDER = pathlib.Path("gin_configs")
_FILES = sorted(_FOLDER.rglob("*.gin"))
# Those that state a growth method are to be run, the others to be included.
_RUNNABLE = [file for file in _FILES if "Grower.initializer" in file.read_text()]


@pytest.mark.parametrize("file", _FILES, ids=str)
def test_a_config_is_short_and_says_what_it_is_for(file):
    lines = file.read_text().splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) <= (20 if file in _RUNNABLE else 60)
    for line in lines:
        assert len(line) <= 100 or line.startswith("#   bazel")
        if "= %" not in line and re.match(
            r"(Experiment\.steps|.*\.(start|interval|.*width.*)) =", line
        ):
            assert "#" in line, f"no unit: {line}"


@pytest.mark.parametrize("file", _RUNNABLE, ids=str)
def test_a_runnable_config_gives_its_command_and_what_to_expect(file):
    header = file.read_text().partition("\n\n")[0]
    assert f"bazel run //:train -- --gin_file={file} --model_dir=" in header
    assert re.search(r"Expect .*\d", header)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tiny_fashion_mnist.prepare(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("file", _RUNNABLE, ids=str)
def test_a_runnable_config_runs_with_its_growths(file, tmp_path, data_dir):
    bindings = [
        "Experiment.steps = 4",
        "PeriodicSchedule.start = 1",
        "PeriodicSchedule.interval = 1",
    ]
    if "fashion_mnist" in str(file):
        bindings.append(f"ImageClassification.data_dir = '{data_dir}'")
    config.load([str(file)], bindings)
    built = experiment.Experiment()
    planned = len({growth.step for growth in built.grower.plan(4)})
    run = train.Run(built, run_directory.RunDirectory(str(tmp_path)))
    run.prepare(config.literals())
    run.train(evaluate=False)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["steps"] == 4
    assert result["growths"] == planned
    assert planned == (3 if gin.query_parameter("Grower.initializer") else 0)
