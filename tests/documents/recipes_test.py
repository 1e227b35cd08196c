"""The recipes of docs/recipes.md do what they say."""

import json
import pathlib
import re
import runpy
import subprocess
import sys

import gin
import numpy as np
import pytest
import tensorflow as tf

from tests import documented_commands
from trainer.config import reader
from trainer.model_dir import run_report
from trainer.sweep import configurations, grid

_PAGE = pathlib.Path("docs/recipes.md").read_text()
_SHORT = [
    "Experiment.steps = 12",
    "PeriodicSchedule.start = 2",
    "PeriodicSchedule.interval = 3",
    "PeriodicSchedule.count = 2",
]


class _Recipe:
    """A section of the page, with all that it writes below `folder`."""

    def __init__(self, title, folder):
        section = re.search(rf"## {title}\n.*?(?=\n## |\Z)", _PAGE, re.DOTALL)[0]
        # Models and data of one recipe are used by another.
        for name, text in documented_commands.files(_PAGE).items():
            (folder / name).write_text(text.replace("/tmp/", f"{folder}/"))
        self.text = section.replace("/tmp/", f"{folder}/")
        self.commands = documented_commands.commands(self.text)
        (folder / "grow").mkdir()

    def train(self, short=_SHORT):
        """Runs all its commands of //:train, and returns their folders."""
        folders = []
        for target, arguments in self.commands:
            if target == "//:train":
                documented_commands.train(arguments, short)
                folders += [a.partition("=")[2] for a in arguments if a.startswith("--model_dir=")]
        return folders


@pytest.fixture
def recipe(request, tmp_path, monkeypatch):
    found = _Recipe(request.param, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return found


def _of(title):
    return pytest.mark.parametrize("recipe", [title], indirect=True, ids=[""])


def _widths(folder):
    return json.loads(pathlib.Path(folder, "result.json").read_text())["widths"]


@_of("Data of your own")
def test_data_of_your_own(recipe):
    assert "\n    python3 make_rings.py\n" in recipe.text
    subprocess.run([sys.executable, "make_rings.py"], check=True)
    (folder,) = recipe.train(short=[])
    result = json.loads(pathlib.Path(folder, "result.json").read_text())
    assert result["widths"] == {"hidden_1": 12}
    assert result["test"]["accuracy"] > 0.95


@_of("A CSV")
def test_a_csv(recipe):
    assert "\n    python3 make_machines.py\n" in recipe.text
    runpy.run_path("make_machines.py")
    (folder,) = recipe.train(["Experiment.steps = 300"])
    assert json.loads(pathlib.Path(folder, "result.json").read_text())["test"]["auc"] > 0.85
    documented_commands.train(
        ["--gin_file=machines.gin", f"--model_dir={folder}", "--mode=export"],
        ["Experiment.steps = 300"],
    )
    served = tf.saved_model.load(f"{folder}/export/300").signatures["serving_default"]
    columns = {"hours": [9e3, 0.0], "room_temperature": [30.0, 20.0], "maker": ["Busch", "Claas"]}
    failing, fine = served(**{name: tf.constant(x) for name, x in columns.items()})["probabilities"]
    assert failing > 0.5 > fine


@_of("A folder of images")
def test_a_folder_of_images(recipe):
    assert "\n    python3 make_stripes.py\n" in recipe.text
    runpy.run_path("make_stripes.py")
    (folder,) = recipe.train(short=[])
    result = json.loads(pathlib.Path(folder, "result.json").read_text())
    assert result["widths"] == {"hidden_1": 12}
    assert result["test"]["accuracy"] > 0.95


@_of("An objective of your own")
def test_an_objective_of_your_own(recipe):
    runpy.run_path("make_machines.py")
    (folder,) = recipe.train(["Experiment.steps = 300"])
    result = json.loads(pathlib.Path(folder, "result.json").read_text())
    assert result["test"].keys() == {"loss", "accuracy", "auc", "precision"}
    best = run_report.read(folder)["best"]
    assert best["step"] in (100, 200, 300)


@_of("A model of your own")
def test_a_model_of_your_own(recipe):
    subprocess.run([sys.executable, "make_rings.py"], check=True)
    (folder,) = recipe.train(short=[])
    result = json.loads(pathlib.Path(folder, "result.json").read_text())
    assert result["widths"] == {"block_1": 2 + 4 * 2, "block_2": 2 + 4 * 2}
    assert result["test"]["accuracy"] > 0.95


@_of("A layer of your own")
def test_a_layer_of_your_own(recipe):
    subprocess.run([sys.executable, "make_rings.py"], check=True)
    runpy.run_path("prelu_test.py")["test_prelu_keeps_the_contract"]()
    # With a method that tries values of the layer's parameters.
    firefly = ["import growth.methods.firefly_opt", "Grower.method = @FireflyOpt()"]
    (folder,) = recipe.train([*_SHORT, *firefly])
    assert _widths(folder) == {"hidden": 4 + 2 * 2}
    reader = tf.train.load_checkpoint(f"{folder}/checkpoints/ckpt-12")
    (slopes,) = [
        reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if "/slopes/" in name and "SLOT" not in name
    ]
    # All have learned, new ones as well.
    assert slopes.shape == (8,) and np.all(slopes != 0.25)


@_of("A method of your own")
def test_a_method_of_your_own(recipe, tmp_path):
    # The sweep, whose commands tests/sweep_test.py runs, on one configuration for one seed.
    ((target, arguments),) = recipe.commands
    assert target == "//:sweep" and "orthogonal" in "".join(arguments)
    documented_commands.train(
        [
            f"--gin_file={pathlib.Path(__file__).parents[2]}/gin_configs/teacher_student/large.gin",
            "--gin_file=orthogonal.gin",
            f"--model_dir={tmp_path}/run",
        ],
        [*_SHORT, "Experiment.steps = 3", "AllAtOnce.neurons = 12"],
    )
    assert _widths(tmp_path / "run") == {"hidden_1": 25 + 12}
    reader = tf.train.load_checkpoint(f"{tmp_path}/run/checkpoints/ckpt-3")
    (kernel,) = [
        reader.get_tensor(name)
        for name, shape in reader.get_variable_to_shape_map().items()
        if shape == [25 + 12, 10] and "SLOT" not in name
    ]
    new = kernel[25:] / np.linalg.norm(kernel[25:], axis=1, keepdims=True)
    # After the first growth and a step, which moves outgoing weights little.
    np.testing.assert_allclose(new[:10] @ new[:10].T, np.eye(10), atol=0.05)


@_of("A grid of values")
def test_a_grid_of_values(recipe):
    ((_, arguments),) = recipe.commands
    flags = [argument.removeprefix("--").partition("=")[::2] for argument in arguments]
    points = grid.points([value for name, value in flags if name == "grid"])
    root = pathlib.Path(__file__).parents[2]
    files = [
        value.replace("gin_configs", f"{root}/gin_configs")
        for name, value in flags
        if name == "gin_file"
    ]
    found = configurations.compose(files, points)
    assert f"`{found[0].name}/seed_0/`" in recipe.text
    assert configurations.baselines(found, dict(flags)["baseline"])
    for each in found:
        gin.clear_config()
        reader.load(each.files, [], grid=each.point.bindings)
        reader.check_method()
    assert gin.query_parameter("MLP.hidden_widths") == (5,)


@_of("A schedule of your own")
def test_a_schedule_of_your_own(recipe):
    (folder,) = recipe.train(["Experiment.steps = 12", "Doubling.start = 2"])
    lines = pathlib.Path(folder, "growth.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4, 8]


@_of("A policy of your own")
def test_a_policy_of_your_own(recipe):
    starts = ["PeriodicSchedule.start = 1", "PeriodicSchedule.interval = 1"]
    (folder,) = recipe.train(["Experiment.steps = 12", *starts])
    lines = pathlib.Path(folder, "growth.jsonl").read_text().splitlines()
    (grown,) = zip(*(json.loads(line)["sites"] for line in lines), strict=True)
    assert grown == ("hidden_1", "hidden_1", "hidden_2", "hidden_1", "hidden_2")


@_of("A schedule that sees the training")
def test_a_schedule_that_sees_the_training(recipe):
    (folder,) = recipe.train(["Experiment.steps = 200", "Loop.log_interval = 20"])
    growths = [json.loads(x) for x in pathlib.Path(folder, "growth.jsonl").read_text().splitlines()]
    assert 1 <= len(growths) <= 4 and all(growth["step"] % 20 == 0 for growth in growths)
    assert all(growth["decision"]["because"] == "it is due" for growth in growths)


@_of("A policy that sees the training")
def test_a_policy_that_sees_the_training(recipe):
    starts = ["PeriodicSchedule.start = 10", "PeriodicSchedule.interval = 10"]
    (folder,) = recipe.train(["Experiment.steps = 60", *starts])
    growths = [json.loads(x) for x in pathlib.Path(folder, "growth.jsonl").read_text().splitlines()]
    assert len(growths) == 4
    for growth in growths:
        decided = growth["decision"]["sites"]
        values = {name: site["measured"]["singular_values"][0] for name, site in decided.items()}
        assert list(growth["sites"]) == [max(values, key=values.get)]


@pytest.mark.parametrize("recipe", ["Several GPUs", "A TPU"], indirect=True)
def test_devices(recipe):
    (folder,) = recipe.train()
    assert _widths(folder) == {"hidden_1": 7}


@_of("Stop, go on, go on for longer")
def test_go_on_for_longer(recipe):
    (_, first), (_, longer) = recipe.commands
    documented_commands.train(first)
    folder = next(a.partition("=")[2] for a in first if a.startswith("--model_dir="))
    assert _widths(folder) == {"hidden_1": 10}
    documented_commands.train(longer)
    result = json.loads(pathlib.Path(folder, "result.json").read_text())
    assert (result["steps"], result["growths"]) == (2000, 7)
    assert result["widths"] == {"hidden_1": 12}


@_of("Evaluate and export")
def test_evaluate_and_export(recipe, capsys):
    (_, train), (_, evaluate), (_, export), (target, inspect) = recipe.commands
    short = ["Experiment.steps = 1000"]
    documented_commands.train(train, short)
    capsys.readouterr()
    documented_commands.train(evaluate, short)
    evaluated = json.loads(capsys.readouterr().out)
    assert evaluated["step"] in (500, 1000)
    documented_commands.train(export, short)
    folder, _ = capsys.readouterr().out.splitlines()
    served = tf.saved_model.load(folder).signatures["serving_default"]
    assert served(inputs=tf.zeros([3, 20]))["outputs"].shape == (3, 10)
    assert target == "//:inspect"
    (model_dir,) = (a.partition("=")[2] for a in inspect)
    assert run_report.read(model_dir)["best"]["step"] == evaluated["step"]


@_of("Start from a network that was trained elsewhere")
def test_start_from_a_network_that_was_trained_elsewhere(recipe):
    (script,) = re.findall(r"```python\n# elsewhere.py\n(.*?)```", recipe.text, re.DOTALL)
    exec(compile(script, "elsewhere.py", "exec"), {})
    reports = [run_report.read(folder) for folder in recipe.train()]
    # Two growths by one neuron each.
    widths = [(r["widths"]["initial"]["hidden_1"], r["widths"]["now"]["hidden_1"]) for r in reports]
    assert widths == [(8, 10), (10, 12), (10, 12)]


def test_every_recipe_is_tested():
    titles = re.findall(r"^## (.*)$", _PAGE, re.MULTILINE)
    titles.remove("ONNX")  # Needs packages that the project does not have.
    text = pathlib.Path(__file__).read_text()
    assert [title for title in titles if f'"{title}"' not in text] == []
