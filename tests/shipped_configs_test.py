"""Every .gin file that is shipped: its form, and that each task and each method runs."""

import inspect
import json
import pathlib
import re

import gin
import numpy as np
import pytest
import tensorflow as tf

from models.architectures import mobilenet
from tests import tiny_fashion_mnist, tiny_images
from trainer import experiment, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.model_dir import run_directory
from trainer.sweep import expectations

_FOLDER = pathlib.Path("gin_configs")
_METHODS_FOLDER = _FOLDER / "methods"
_FILES = sorted(_FOLDER.rglob("*.gin"))
_TASKS = sorted({pathlib.Path(row.files[0]) for row in expectations.read()})
# Those that go after a task: methods, and variants of them.
_METHODS = [file for file in sorted(_METHODS_FOLDER.iterdir()) if "Grower.m" in file.read_text()]
_RECIPE = _FOLDER / "recipe.gin"
_WARMUP_STABLE_DECAY = _FOLDER / "schedules" / "warmup_stable_decay.gin"
_SHORT_FIREFLY = _FOLDER / "fashion_mnist" / "firefly_opt.gin"
_VARIANTS = [
    *set(_METHODS_FOLDER.iterdir()) - set(_METHODS),
    _RECIPE,
    _SHORT_FIREFLY,
    _WARMUP_STABLE_DECAY,
]
_GRADMAX = _METHODS_FOLDER / "gradmax.gin"
_SMALL = _FOLDER / "teacher_student" / "small.gin"
_BIAS = _FOLDER / "teacher_student" / "bias.gin"
# Section 4.2 of the paper: days of training.
_LARGE = [file for file in _TASKS if file.parts[1] in ("cifar10", "cifar100", "imagenet")]
# Of which the methods' tests, or another task, trace the same network.
_TRACED_ELSEWHERE = [*_LARGE, *(_FOLDER / "teacher_student").glob("*.gin")]


@pytest.mark.parametrize("file", _FILES, ids=str)
def test_a_config_is_short_and_says_what_it_is_for(file):
    lines = file.read_text().splitlines()
    assert lines[0].startswith("# ")
    body = len(file.read_text().partition("\n\n")[2].splitlines())
    assert body <= (55 if file in _TASKS or file.name in ("base.gin", "conv.gin") else 20)
    assert len(lines) <= 75
    for line in lines:
        assert len(line) <= 100 or line.startswith("#   bazel")
        if "= %" not in line and re.match(
            r"(Experiment\.steps|.*\.(start|interval|.*width.*)|\w+_widths) =", line
        ):
            assert "#" in line, f"no unit: {line}"


@pytest.mark.parametrize("file", [*_TASKS, *_METHODS, *_VARIANTS], ids=str)
def test_a_config_that_is_run_gives_its_command_and_what_to_set(file):
    header = file.read_text().partition("\n\n")[0]
    (command,) = re.findall(r"^#   bazel run //:train -- (.*)$", header, re.MULTILINE)
    files = re.findall(r"--gin_file=(\S+)", command)
    assert str(file) in files and "--model_dir=" in command
    assert "# Required: " in header
    reader.load(files, [])
    reader.check_method()
    text = header.replace("\n# ", " ").partition("Commonly overridden: ")[2].partition("\n")[0]
    assert text
    configurable = None
    for name in re.findall(r"[.\w]*\w", text.partition(", of which")[0].replace(" and ", " ")):
        before, _, parameter = name.rpartition(".")
        configurable = before or (configurable if name.startswith(".") else None)
        if configurable:
            known = inspect.signature(gin.get_configurable(configurable)).parameters
            # Configurations of Model Garden take what they have by name.
            assert parameter in known or {"args", "kwargs"} == set(known)
        else:
            gin.query_parameter(f"%{name}")


# Makes a run as short as can be: what takes its time is the number of sites, and inner steps.
_SHORT = """
import growth.methods.inner_optimization
import trainer.datasets.image_classification
ImageClassification.batch_size = 4
ProjectedAdam.steps = 2
PeriodicSchedule.start = 1
PeriodicSchedule.interval = 1
"""
# The networks of section 4.2, made small.
_TINY = """
import models.architectures.mobilenet
import models.architectures.vgg
import models.architectures.wide_resnet
import trainer.datasets.streamed_images
WideResNet.depth = 10
VGG.widths = (4, 4, 8, 8, 8)
MobileNet.width_multiplier = 0.0625
StreamedImages.batch_size = 4
StreamedImages.image_size = 32
Experiment.steps = 2
PeriodicSchedule.count = 1
"""
# The name of the split for testing.
_IMAGE_SETS = {"cifar10": "test", "cifar100": "test", "imagenet2012": "validation"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Bindings of the folder with the images."""
    folder = tmp_path_factory.mktemp("data")
    for name, split in _IMAGE_SETS.items():
        tiny_images.write_as(folder, name, {"train": 12, split: 4})
    tiny_fashion_mnist.prepare(folder)
    return [
        "import trainer.datasets.image_classification\nimport trainer.datasets.streamed_images"
    ] + [
        f"{dataset}.data_dir = '{folder}'" for dataset in ("ImageClassification", "StreamedImages")
    ]


@pytest.fixture
def eagerly():
    """Tracing takes most of the time of a run as short as these."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def _load(files, bindings):
    reader.load(list(map(str, files)), bindings)
    return experiment.Experiment()


def _run(files, folder, growths, bindings):
    """Runs files that compose, and checks that the network grew as many times."""
    built = _load(files, [_SHORT, *bindings])
    planned = len({growth.step for growth in built.grower.plan(built.steps)})
    run = run_lib.Run(built, run_directory.RunDirectory(str(folder)))
    train.Training(run, reader.literals()).train(evaluate=False)
    result = json.loads((folder / "result.json").read_text())
    assert result["steps"] == built.steps
    assert result["growths"] == planned == growths


@pytest.mark.parametrize("task", [task for task in _TASKS if task not in _LARGE], ids=str)
def test_a_small_task_runs_with_its_growths(task, tmp_path, data, request):
    if task in _TRACED_ELSEWHERE:
        request.getfixturevalue("eagerly")
    # Its first growth: traced code is the same however often a network grows.
    method = _SHORT_FIREFLY if task.stem == "vgg" else _GRADMAX
    _run([task, method], tmp_path, 1, ["Experiment.steps = 2", "PeriodicSchedule.count = 1", *data])


@pytest.mark.parametrize("task", _LARGE, ids=str)
def test_a_large_task_runs_with_its_growths(task, tmp_path, data, monkeypatch, eagerly):
    # One block of each stride; all thirteen are built and grown in
    # growth/growing_architectures_test.py.
    monkeypatch.setattr(mobilenet, "_BLOCKS", mobilenet._BLOCKS[:2])
    _run([task, _GRADMAX], tmp_path, 1, [_TINY, *data])


@pytest.mark.parametrize("method", _METHODS, ids=lambda file: file.stem)
def test_a_method_runs_with_its_growths(method, tmp_path):
    growths = 0 if method.stem.startswith("baseline") else 3
    task = _BIAS if method.stem == "all_zero" else _SMALL
    _run([task, method], tmp_path, growths, ["Experiment.steps = 4"])


@pytest.mark.parametrize("task", [task for task in _TASKS if task not in _LARGE], ids=str)
def test_a_big_baseline_is_as_wide_as_others_grow(task, data):
    built = _load([task, _GRADMAX], data)
    grown = built.grower.widths()
    grown |= {growth.site: growth.to_width for growth in built.grower.plan(built.steps)}
    gin.clear_config()
    big = _load([task, _METHODS_FOLDER / "baseline_big.gin"], data)
    assert list(big.grower.plan(big.steps)) == []
    assert big.grower.widths() == grown


def test_variants_bind_what_they_say():
    files = [_SMALL, _METHODS_FOLDER / "gradmax_opt.gin"]
    reader.load([*map(str, files), str(_METHODS_FOLDER / "inverse.gin")], [])
    assert gin.query_parameter("GradMaxOpt.inverse")
    gin.clear_config()
    reader.load([*map(str, files), str(_METHODS_FOLDER / "short_outgoing.gin")], [])
    assert gin.query_parameter("mean_norm.factor") == 0.03


@pytest.mark.parametrize(
    "task", ["teacher_student/small.gin", "fashion_mnist/mlp.gin", "fashion_mnist/vgg.gin"]
)
def test_the_recipe_goes_with_any_task(task, tmp_path, data, eagerly):
    """From half of the widths to all of them at once, with new neurons that are alive."""
    big = _load([_FOLDER / task, _METHODS_FOLDER / "baseline_big.gin"], data).grower.widths()
    gin.clear_config()
    _run([_FOLDER / task, _RECIPE], tmp_path, 1, ["Experiment.steps = 4", *data])
    history = json.loads((tmp_path / "growth.jsonl").read_text().splitlines()[-1])
    assert {name: s["to"] for name, s in history["sites"].items()} == big
    assert [2 * s["from"] for s in history["sites"].values()] == list(big.values())
    assert gin.query_parameter("Grower.method").selector == "Random"
    names = ("Random.inverse", "Random.epsilon", "mean_norm.factor")
    assert [gin.query_parameter(name) for name in names] == [True, 0.0, 1.0]


@pytest.mark.parametrize("task", ["teacher_student/small.gin", "fashion_mnist/wrn.gin"])
def test_warm_up_stable_decay_goes_with_any_task(task, data, eagerly):
    own = [] if "small" in task else ["schedule_steps = %steps", "peak_rate = %learning_rate"]
    built = _load([_FOLDER / task, _GRADMAX, _WARMUP_STABLE_DECAY], [*data, *own])
    steps = 938 if own else 1500  # Those of the task.
    assert built.steps == steps
    rate = built.optimizer.learning_rate
    found = [float(rate(step)) for step in (0, 50, 100, 0.5 * steps, 0.8 * steps, 0.9 * steps)]
    shape, peak = np.array([0.0, 0.5, 1.0, 1.0, 1.0, 0.5]), 0.2 if own else 0.1
    np.testing.assert_allclose(found, peak * shape, rtol=1e-3)
    assert float(rate(steps)) == 0.0
    assert max(growth.step for growth in built.grower.plan(steps)) < 0.8 * steps
