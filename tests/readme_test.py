"""What the README shows works as it stands there."""

import json
import pathlib
import re

import gin
import pytest
from absl import flags

from trainer import config, experiment, run_directory, train

_README = pathlib.Path("README.md").read_text()
# Fenced blocks that begin with the name of a file.
_FILES = dict(re.findall(r"```\w*\n# (\w+\.\w+)\n(.*?)```", _README, re.DOTALL))


def test_your_own_model_dataset_and_method(tmp_path, monkeypatch):
    assert _FILES.keys() == {"my_model.py", "my_data.py", "my_method.py", "mine.gin"}
    for name, text in _FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    config.load([str(tmp_path / "mine.gin")], [])
    run = train.Run(experiment.Experiment(), run_directory.RunDirectory(str(tmp_path)))
    run.prepare(config.literals())
    run.train(evaluate=True)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["widths"] == {"wide": 8 + 4 * 2}
    # The mean square of a sine over (-3, 3) is 0.55.
    assert result["test"]["loss"] < 0.1


@pytest.mark.parametrize("name", re.findall(r"--gin_file=(gin_configs/\S+\.gin)", _README))
def test_configs_that_are_named_exist(name):
    assert pathlib.Path(name).is_file()


def test_flags_are_those_of_the_program():
    from trainer import main

    named = set(re.findall(r"^\| `--(\w+)`", _README, re.MULTILINE))
    modules = (main.__name__, "trainer.command_line")
    by_module = flags.FLAGS.flags_by_module_dict()
    assert named == {flag.name for module in modules for flag in by_module[module]}


@pytest.mark.parametrize("name", re.findall(r"`@?([A-Z]\w+)(?:\(\))?`", _README))
def test_classes_that_are_named_can_be_bound(name):
    config.load(["gin_configs/teacher_student/small_gradmax.gin"], [])
    if name not in ("None",):
        assert gin.get_configurable(name)


@pytest.mark.parametrize("path", re.findall(r"`((?:\w+/)+\w+\.\w+)`|\]\((docs/[^)]+)\)", _README))
def test_files_that_are_named_exist(path):
    assert pathlib.Path("".join(path)).is_file()
