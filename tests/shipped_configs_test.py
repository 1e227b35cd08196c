"""Every .gin file that is shipped: its form, and that it runs."""

import json
import pathlib
import re

import gin
import pytest
import tensorflow as tf

from models.architectures import mobilenet
from tests import tiny_fashion_mnist, tiny_images
from trainer import experiment, train
from trainer.config import reader
from trainer.model_dir import run_directory

_FOLDER = pathlib.Path("gin_configs")
_FILES = sorted(_FOLDER.rglob("*.gin"))
# Goes after others.
_RECIPE = _FOLDER / "recipe.gin"
# Those that state a growth method are to be run, the others to be included.
_RUNNABLE = [file for file in _FILES if "Grower.method" in file.read_text() and file != _RECIPE]
# Section 4.2 of the paper: days of training.
_LARGE = [file for file in _RUNNABLE if file.parts[1] in ("cifar10", "cifar100", "imagenet")]
# Those of the teacher-student task that differ from others only in numbers; Firefly needs traces.
_NUMBERS = [
    file
    for file in _RUNNABLE
    if re.search("large_|/(bias|more_neurons|seed|start)/", str(file))
    and "@Firefly()" not in file.read_text()
]


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
    assert re.search(r"Expect .*\d", header) and "00.0" not in header


# Makes a run as short as can be: what takes its time is the number of sites, and inner steps.
_SHORT = """
import growth.inner_optimization
import trainer.datasets.image_classification
ImageClassification.batch_size = 4
ProjectedAdam.steps = 2
"""
# The networks of section 4.2, made small.
_TINY = """
import models.mobilenet
import models.vgg
import models.wide_resnet
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
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name, split in _IMAGE_SETS.items():
        tiny_images.write_as(folder, name, {"train": 12, split: 4})
    return tiny_fashion_mnist.prepare(folder)


@pytest.fixture(autouse=True)
def only_what_is_new_is_traced(request):
    """Runs the others eagerly: tracing takes most of the time of a run as short as these.

    The configurations for Fashion-MNIST trace the methods of the large ones in networks of the same
    classes, MobileNet excepted.
    """
    tf.config.run_functions_eagerly(request.node.callspec.params["file"] in [*_LARGE, *_NUMBERS])
    yield
    tf.config.run_functions_eagerly(False)


def _run(file, folder, growths, bindings, *more_files):
    """Runs a file, and checks that it grew as many times, unless it is a baseline."""
    soon = ["PeriodicSchedule.start = 1", "PeriodicSchedule.interval = 1"]
    reader.load([str(file), *map(str, more_files)], [_SHORT, *soon, *bindings])
    built = experiment.Experiment()
    planned = len({growth.step for growth in built.grower.plan(built.steps)})
    run = train.Run(built, run_directory.RunDirectory(str(folder)))
    run.prepare(reader.literals())
    run.train(evaluate=False)
    result = json.loads((folder / "result.json").read_text())
    assert result["steps"] == built.steps
    assert result["growths"] == planned
    assert planned == (growths if gin.query_parameter("Grower.method") else 0)


@pytest.mark.parametrize("file", [file for file in _RUNNABLE if file not in _LARGE], ids=str)
def test_a_small_config_runs_with_its_growths(file, tmp_path, data_dir):
    bindings = ["Experiment.steps = 4"]
    if "fashion_mnist" in str(file):
        bindings.append(f"ImageClassification.data_dir = '{data_dir}'")
    _run(file, tmp_path, 3, bindings)


@pytest.mark.parametrize(
    "file",
    [
        _FOLDER / "teacher_student/small_gradmax.gin",
        _FOLDER / "fashion_mnist/mlp_random.gin",
        _FOLDER / "fashion_mnist/vgg_random.gin",
    ],
    ids=str,
)
def test_the_recipe_goes_with_any_task(file, tmp_path, data_dir):
    bindings = ["Experiment.steps = 4", f"ImageClassification.data_dir = '{data_dir}'"]
    _run(file, tmp_path, 3, bindings, _RECIPE)
    assert gin.query_parameter("Grower.method").selector == "Random"
    names = ("Random.inverse", "Random.epsilon", "mean_norm.factor")
    assert [gin.query_parameter(name) for name in names] == [True, 0.0, 1.0]


@pytest.mark.parametrize("file", _LARGE, ids=str)
def test_a_large_config_runs_with_its_growths(file, tmp_path, data_dir, monkeypatch):
    # One block of each stride; all thirteen are built and grown in
    # growth/growing_architectures_test.py.
    monkeypatch.setattr(mobilenet, "_BLOCKS", mobilenet._BLOCKS[:2])
    data = [
        f"{dataset}.data_dir = '{data_dir}'"
        for dataset in ("ImageClassification", "StreamedImages")
    ]
    _run(file, tmp_path, 1, [_TINY, *data])
