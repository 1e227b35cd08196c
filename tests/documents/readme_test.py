"""The README and the pages beside it: what they show works as it stands there."""

import importlib
import json
import pathlib
import pkgutil
import re

import gin
import numpy as np
import pytest
import tensorflow as tf
from absl import flags

from growth.methods import check_method
from tests import site_table
from trainer import experiment, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.model_dir import run_directory

_PAGES = ("README", "docs/running", "docs/shipped", "docs/extending")
_TEXT = "".join(pathlib.Path(f"{page}.md").read_text() for page in _PAGES)
_GROWTH = pathlib.Path("docs/growth.md").read_text()
_DATA = pathlib.Path("docs/data.md").read_text()
_PACKAGES = ("models", "growth", "trainer")
# Fenced blocks that begin with the name of a file.
_FILES = dict(re.findall(r"```\w*\n# (\w+\.\w+)\n(.*?)```", _TEXT, re.DOTALL))


def test_your_own_model_dataset_and_method(tmp_path, monkeypatch):
    assert _FILES.keys() == {"my_model.py", "my_data.py", "my_method.py", "mine.gin"}
    for name, text in _FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    reader.load([str(tmp_path / "mine.gin")], [])
    run = run_lib.Run(experiment.Experiment(), run_directory.RunDirectory(str(tmp_path)))
    train.Training(run, reader.literals()).train(evaluate=True)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["widths"] == {"wide": 8 + 4 * 2}
    # The mean square of a sine over (-3, 3) is 0.55.
    assert result["test"]["loss"] < 0.1
    check_method.check_method(importlib.import_module("my_method").SteepestIncoming())


@pytest.mark.parametrize("page", ["README.md", "docs/measurements.md"])
def test_the_number_of_sites_in_the_text_is_that_of_the_tests(page):
    text = pathlib.Path(page).read_text()
    counts = re.findall(r"(\d+) kinds of site", text)
    assert counts == [str(len(site_table.SITES))]


def test_your_own_augmentation(tmp_path, monkeypatch):
    ((name, text),) = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", _DATA, re.DOTALL)
    (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    negative = importlib.import_module(name[: -len(".py")]).Negative()
    images = np.arange(12, dtype=np.uint8).reshape([2, 2, 3, 1])
    pictures = negative(tf.constant(images), tf.constant([[4, 1], [5, 2]]))
    np.testing.assert_array_equal(pictures, [images[0], 255 - images[1]])


@pytest.mark.parametrize("block", re.findall(r"```\n(import .*?)```", _DATA, re.DOTALL))
def test_bindings_of_data_that_are_shown_are_right(block):
    reader.load([], [block])


@pytest.mark.parametrize("name", re.findall(r"--gin_file=(gin_configs/\S+\.gin)", _TEXT + _GROWTH))
def test_configs_that_are_named_exist(name):
    assert all(pathlib.Path(file).is_file() for file in name.split("+"))


def test_flags_are_those_of_the_program():
    from trainer import main

    named = set(re.findall(r"^\| `--(\w+)`", _TEXT, re.MULTILINE))
    modules = (main.__name__, "trainer.command.command_line")
    by_module = flags.FLAGS.flags_by_module_dict()
    assert named == {flag.name for module in modules for flag in by_module[module]}


# Classes, with or without an argument, and layers, which a configuration does not name.
_NAMES = set(re.findall(r"`@?([A-Z]\w+)(?:\.\w+)?(?:\(\))?`", _TEXT + _GROWTH + _DATA)) - {"None"}
_LAYERS = {"Conv2D", "Dense", "DepthwiseConv2D", "GrowthSite"}


@pytest.mark.parametrize("name", sorted(_NAMES - _LAYERS))
def test_classes_that_are_named_can_be_bound(name):
    for package in map(importlib.import_module, _PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    assert gin.get_configurable(name)


def test_new_layers_grow_by_the_command_that_is_named(tmp_path):
    bindings = re.findall(r'--gin_bindings="(.*?)"', _GROWTH)
    assert len(bindings) == 2
    short = ["Experiment.steps = 4", "PeriodicSchedule.start = 1", "PeriodicSchedule.interval = 1"]
    files = ["gin_configs/teacher_student/small.gin", "gin_configs/methods/gradmax.gin"]
    reader.load(files, [*bindings, *short])
    run = run_lib.Run(experiment.Experiment(), run_directory.RunDirectory(str(tmp_path)))
    train.Training(run, reader.literals()).train(evaluate=False)
    widths = json.loads((tmp_path / "result.json").read_text())["widths"]
    assert widths == {"hidden_1": 8, "hidden_1_new": 3, "output_new": 0}


@pytest.mark.parametrize("path", re.findall(r"`((?:\w+/)+\w+\.\w+)`", _TEXT + _GROWTH))
def test_files_that_are_named_exist(path):
    assert pathlib.Path(path).is_file()


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *map(str, sorted(pathlib.Path("docs").glob("*.md")))]
)
def test_links_lead_to_files_and_headings(page):
    prose = re.sub(
        r"^```.*?^```$", "", pathlib.Path(page).read_text(), flags=re.DOTALL | re.MULTILINE
    )
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not link.startswith(("http", "mailto")):
            path, _, anchor = link.partition("#")
            target = pathlib.Path(page).parent / path if path else pathlib.Path(page)
            assert target.is_file(), link
            if anchor:
                headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
                words = [re.sub(r"[^\w\- ]", "", heading).lower() for heading in headings]
                assert anchor in [word.replace(" ", "-") for word in words], link
