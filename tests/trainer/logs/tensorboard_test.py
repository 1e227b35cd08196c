"""Two runs as TensorBoard's server serves them to its pages."""

import json
import time
import urllib.parse
import urllib.request

import gin
import pytest
from tensorboard import program

from tests import compositions
from trainer import experiment, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.model_dir import run_directory

_BINDINGS = (
    "Experiment.steps = 40",
    "Loop.log_interval = 16",
    "Loop.eval_interval = 16",
    "PeriodicSchedule.start = 3",
    "PeriodicSchedule.interval = 17",
    "PeriodicSchedule.count = 2",
    "TeacherStudent.examples = 5000",  # Whole MFLOPs between two steps.
)
_SCALARS = "data/plugin/scalars/scalars"
# What runs may bind to one name: a number or None, a macro or a number.
_METHODS = {
    "gradmax": ("Experiment.growth_batch_size = 100", "Experiment.seed = 1"),
    "random": ("Experiment.growth_batch_size = None", "seed = 3"),
}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The address of a server over a folder with a run of each method."""
    folder = tmp_path_factory.mktemp("runs")
    for method, bindings in _METHODS.items():
        gin.clear_config()
        reader.load(compositions.files(f"small+{method}"), [*_BINDINGS, *bindings])
        directory = run_directory.RunDirectory(folder / method)
        directory.start(gin.config_str(), False)
        run = run_lib.Run(experiment.Experiment(), directory)
        train.Training(run, reader.literals()).train(evaluate=True)
    server = program.TensorBoard()
    # Read once: the files are complete.
    flags = ["--host=127.0.0.1", "--port=0", "--load_fast=false", "--reload_interval=0"]
    server.configure([None, f"--logdir={folder}", *flags])
    address = server.launch()
    # It reads the files in the background.
    until = time.monotonic() + 60
    while not _is_read(address):
        assert time.monotonic() < until
        time.sleep(0.1)
    return address


def _is_read(url):
    runs = [*_METHODS, *(f"{method}/eval" for method in _METHODS)]
    tags = _get(url, "data/plugin/scalars/tags")
    if not all("loss" in tags.get(run, ()) and 40 in _scalar(url, run, "loss") for run in runs):
        return False
    sessions = [group["sessions"] for group in _session_groups(url, [])]
    return [session["status"] for (session,) in sessions] == ["STATUS_SUCCESS"] * len(_METHODS)


def _session_groups(url, metrics, **filters):
    """The rows of HParams; `filters` by parameter, with two underscores for a dot."""
    hparams = [
        {"hparam": name.replace("__", "."), **rule, "excludeMissingValues": True}
        for name, rule in filters.items()
    ]
    body = {
        "experimentName": "",
        "sliceSize": 10,
        "startIndex": 0,
        "allowedStatuses": ["STATUS_SUCCESS", "STATUS_RUNNING"],
        "colParams": [*({"metric": metric} for metric in metrics), *hparams],
    }
    return _get(url, "data/plugin/hparams/session_groups", body=body).get("sessionGroups", [])


def _get(url, path, body=None, **query):
    request = urllib.request.Request(
        f"{url}{path}?{urllib.parse.urlencode(query)}",
        json.dumps(body).encode() if body is not None else None,
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        content = response.read()
        return json.loads(content) if "json" in response.headers["Content-Type"] else content


def _scalar(url, run, tag):
    """The values of a scalar by step."""
    points = _get(url, _SCALARS, run=run, tag=tag)
    return {step: value for _, step, value in points}


def test_runs_and_their_scalars(url):
    # Two lines of the list of runs for each: training, and the test examples.
    assert set(_get(url, "data/runs")) == {"gradmax", "gradmax/eval", "random", "random/eval"}
    tags = _get(url, "data/plugin/scalars/tags")
    # What shows without any set-up: a group a subject, the first two or three of them open.
    assert list(dict.fromkeys(tag.partition("/")[0] for tag in sorted(tags["gradmax"]))) == [
        "loss", "optimizer", "per_growth", "size", "speed", "steps_per_second",
        "vs_training_mflops", "width",
    ]  # fmt: skip
    assert set(tags["gradmax/eval"]) == {"loss", "vs_training_mflops/loss"}
    assert set(_scalar(url, "gradmax", "per_growth/loss")) == {3, 20}
    for what in ("gradient_norm_new/hidden_1", "gradient_norm_old/hidden_1", "milliseconds"):
        values = _scalar(url, "gradmax", f"per_growth/{what}")
        assert set(values) == {3, 20} and all(value > 0 for value in values.values())


@pytest.mark.parametrize(
    ("tag", "sizes"), [("width/hidden_1", (5, 6, 7)), ("size/parameters", (150, 180, 210))]
)
def test_sizes_rise_at_the_step_of_a_growth_also_when_they_are_smoothed(url, tag, sizes):
    points = [tuple(point[1:]) for point in _get(url, _SCALARS, run="gradmax", tag=tag)]
    first, second, third = sizes
    logged = [(3, first), (16, second), (20, second), (32, third), (40, third)]
    # Smoothing keeps 0.6 at each point by default: after ten, less than 1 % of the size before.
    risen = [*((step, second) for step in range(4, 14)), *((s, third) for s in range(21, 31))]
    assert points == sorted(logged + risen)  # Each at a step of its own, in order.


def test_methods_line_up_by_step_and_by_flops(url):
    for split in ("", "/eval"):
        for tag in ("loss", "vs_training_mflops/loss"):
            gradmax, random = (_scalar(url, f"{method}{split}", tag) for method in _METHODS)
            assert list(gradmax) == list(random) and gradmax != random


def test_pictures(url):
    images = _get(url, "data/plugin/images/tags")["gradmax"]
    assert set(images) == {"pictures/curves", "pictures/widths"}
    steps = _get(url, "data/plugin/images/images", run="gradmax", tag="pictures/widths", sample=0)
    assert [image["step"] for image in steps] == [3, 20]
    picture = _get(url, f"data/plugin/images/individualImage?{steps[0]['query']}&_=")
    assert picture.startswith(b"\x89PNG")


def test_the_spectrum_is_a_histogram(url):
    spectrum = _get(
        url,
        "data/plugin/histograms/histograms",
        run="gradmax",
        tag="per_growth/singular_values/hidden_1",
    )
    assert [point[1] for point in spectrum] == [3, 20]


def test_the_configuration_is_a_page_of_text(url):
    (text,) = _get(url, "data/plugin/text/text", run="gradmax", tag="config")
    assert "PeriodicSchedule.count = 2" in text["text"] and "<code>" in text["text"]


def test_hparams_compare_the_runs(url):
    settings = _get(url, "data/plugin/hparams/experiment", body={"experimentName": ""})
    # What differs comes first.
    differs = {info["name"]: info.get("differs", False) for info in settings["hparamInfos"]}
    assert differs["Grower.method"]
    assert list(differs.values()) == sorted(differs.values(), reverse=True)
    # And what came out, of which the first five show.
    metrics = [info["name"] for info in settings["metricInfos"][:2]]
    assert metrics == [{"group": "", "tag": "loss"}, {"group": "eval", "tag": "loss"}]
    groups = _session_groups(url, metrics)
    initializers = {group["hparams"]["Grower.method"] for group in groups}
    assert initializers == {"@GradMax()", "@Random()"}
    for group in groups:
        (session,) = group["sessions"]
        assert session["status"] == "STATUS_SUCCESS"
        found = {(value["name"]["group"], value["name"]["tag"]): value["value"]
                 for value in session["metricValues"]}  # fmt: skip
        method = session["name"]
        assert found["eval", "loss"] == _scalar(url, f"{method}/eval", "loss")[40]
        assert found["", "loss"] == _scalar(url, method, "loss")[40]


def test_each_line_of_hparams_has_the_name_of_its_run(url):
    names = {group["name"]: group["sessions"][0]["name"] for group in _session_groups(url, [])}
    assert names == {method: method for method in _METHODS}


def test_numbers_of_hparams_stay_numbers_and_filters_find_their_runs(url):
    settings = _get(url, "data/plugin/hparams/experiment", body={"experimentName": ""})
    kinds = {info["name"]: info["type"] for info in settings["hparamInfos"]}
    assert kinds["Experiment.seed"] == kinds["TeacherStudent.data_seed"] == "DATA_TYPE_FLOAT64"
    assert kinds["Experiment.growth_batch_size"] == "DATA_TYPE_FLOAT64"
    assert "seed" not in kinds

    def found(name, minimum, maximum):
        interval = {"filterInterval": {"minValue": minimum, "maxValue": maximum}}
        return {group["name"] for group in _session_groups(url, [], **{name: interval})}

    assert found("Experiment__seed", 0, 9) == set(_METHODS)
    assert found("Experiment__seed", 1, 1) == {"gradmax"}
    assert found("TeacherStudent__data_seed", 3, 3) == {"random"}
    assert found("Experiment__growth_batch_size", 50, 200) == {"gradmax"}


def test_the_charts_of_growth_are_on_one_page(url):
    layout = _get(url, "data/plugin/custom_scalars/layout")
    training, growth = layout["category"]
    assert [chart["title"] for chart in training["chart"]] == ["loss", "loss by training MFLOPs"]
    # Each chart finds curves.
    for chart in [*training["chart"], *growth["chart"]]:
        for pattern in chart["multiline"]["tag"]:
            found = _get(url, "data/plugin/custom_scalars/scalars", run="gradmax", tag=pattern)
            assert found["regex_valid"] and found["tag_to_events"]
