"""The recipes of docs/recipes.md do what they say."""

import pathlib
import re
import shlex

import gin

from trainer import config, experiment, run_directory, train

_SHORT = [
    "Experiment.steps = 12",
    "PeriodicSchedule.start = 2",
    "PeriodicSchedule.interval = 3",
    "PeriodicSchedule.count = 2",
]


def _section(title, folder):
    """A section of the page, with all that it writes below `folder`."""
    text = pathlib.Path("docs/recipes.md").read_text()
    section = re.search(rf"## {title}\n.*?(?=\n## |\Z)", text, re.DOTALL)[0]
    return section.replace("/tmp/", f"{folder}/")


def _commands(section):
    """The flags of each //:train command by name, with all their values."""
    for line in re.findall(r"^    \./bazelw run //:train -- (.*)$", section, re.MULTILINE):
        given = [argument.partition("=") for argument in shlex.split(line)]
        yield {name: [v for n, _, v in given if n == name] for name, _, _ in given}


def test_start_from_a_network_that_was_trained_elsewhere(tmp_path):
    section = _section("Start from a network that was trained elsewhere", tmp_path)
    (script,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    exec(compile(script, "elsewhere.py", "exec"), {})
    widths = []
    for flags in _commands(section):
        assert flags.keys() == {"--gin_file", "--model_dir", "--gin_bindings"}
        gin.clear_config()
        config.load(flags["--gin_file"], [*flags["--gin_bindings"], *_SHORT])
        built = experiment.Experiment()
        run = train.Run(built, run_directory.RunDirectory(*flags["--model_dir"]))
        run.prepare({})
        run.train(evaluate=False)
        birth, now = built.grower.birth["widths"], built.grower.widths()
        widths.append((birth["hidden_1"], now["hidden_1"]))
    # Two growths by one neuron each.
    assert widths == [(8, 10), (10, 12), (10, 12)]
