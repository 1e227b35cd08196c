import gin
import pytest

from growth import grower
from growth.methods import firefly, firefly_opt, random  # noqa: F401  Configurations bind them.
from trainer import experiment  # noqa: F401  Configurations bind it.
from trainer.config import meaning, reader, renames
from trainer.sweep import grid
from trainer.upstream import gin_config


@pytest.fixture(autouse=True)
def nothing_is_said_yet():
    renames._warn.cache_clear()


def _bound():
    """Values by scope and full name of the configurable, without macros."""
    return {k: v for k, v in gin_config.bindings().items() if k[1] != "gin.macro"}


@pytest.mark.parametrize("prefix", ["", "growth.grower.", "grower.", "scope/"])
def test_a_former_parameter_is_bound_under_its_current_name(prefix, caplog):
    reader.load([], [f"{prefix}Grower.initializer = @Random()"])
    scope = prefix.rstrip("/") if "/" in prefix else ""
    assert _bound()[scope, "growth.grower.Grower"].keys() == {"method"}
    assert "Grower.initializer is now Grower.method; the next version will not" in caplog.text


def test_epsilon_of_firefly_is_a_fraction(caplog):
    reader.load([], ["Firefly.epsilon = 0.1", "FireflyOpt.epsilon = 0.2"])
    assert gin.query_parameter("Firefly.fraction") == 0.1
    assert gin.query_parameter("FireflyOpt.epsilon") == 0.2
    assert caplog.text.count("Firefly.epsilon is now Firefly.fraction") == 1


def test_a_file_with_a_former_parameter_is_read(tmp_path, caplog):
    file = tmp_path / "old.gin"
    file.write_text(
        "import growth.initializers.random\n"
        "Grower.initializer = @Random()\n"
        "Random.inverse = True  # Not Grower.initializer = None.\n"
    )
    reader.load([str(file)], [])
    assert "@Random()" in str(gin.query_parameter("Grower.method"))
    assert caplog.text.count("is now Grower.method") == 1
    assert str(file) in caplog.text
    assert grower.Grower


_LOOP, _DEVICES = "trainer.loop.Loop", "trainer.distribution.devices.Devices"
# What was bound by the names of the former version, and what is.
_MOVED = {
    "a value": (
        "Experiment.log_interval = 5",
        {("", _LOOP): {"log_interval": 5}},
    ),
    "no spaces": (
        "Experiment.distribution_strategy='mirrored'",
        {("", _DEVICES): {"distribution_strategy": "mirrored"}},
    ),
    "with its module": (
        "trainer.experiment.Experiment.mixed_precision = 'float16'",
        {("", _DEVICES): {"mixed_precision": "float16"}},
    ),
    "in a scope": (
        "a/b/experiment.Experiment.eval_interval = None",
        {("a/b", _LOOP): {"eval_interval": None}},
    ),
    "over lines": (
        "\n  # Often.\nExperiment.checkpoint_interval = (\n  7)",
        {("", _LOOP): {"checkpoint_interval": 7}},
    ),
    "in a block": (
        "a/Experiment:  # Mine.\n  logical_cpus = 2\n\n  # No steps.\n  seed = 3\n"
        "Loop.log_interval = 4",
        {
            ("a", _DEVICES): {"logical_cpus": 2},
            ("a", "trainer.experiment.Experiment"): {"seed": 3},
            ("", _LOOP): {"log_interval": 4},
        },
    ),
    "the last one wins": (
        "Loop.log_interval = 4\nExperiment.log_interval = 5",
        {("", _LOOP): {"log_interval": 5}},
    ),
}


@pytest.mark.parametrize(("text", "expected"), _MOVED.values(), ids=_MOVED)
@pytest.mark.parametrize("way", ["file", "include", "gin_bindings", "grid"])
def test_a_binding_moves_to_another_configurable(text, expected, way, tmp_path, caplog):
    file = tmp_path / "old.gin"
    file.write_text(text)
    (tmp_path / "new.gin").write_text(f"include '{file}'\n")
    arguments = {
        "file": ([str(file)], []),
        "include": ([str(tmp_path / "new.gin")], []),
        "gin_bindings": ([], [text]),
        "grid": ([], [], [], [text]),
    }
    for _ in range(2):  # As a sweep does.
        gin.clear_config()
        reader.load(*arguments[way])
    assert _bound() == expected
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"--{way}=" if way in ("gin_bindings", "grid") else f"{file}: ")
    assert said.endswith("; the next version will not know the old name")


@pytest.mark.parametrize("former", renames.BINDINGS)
def test_every_current_name_is_a_parameter(former):
    value = "@Random()" if former == "Grower.initializer" else "None"
    gin.parse_config(renames.with_current_names(f"{former} = {value}", former))
    assert f"{renames.BINDINGS[former]} = {value}" in gin.config_str()


def test_several_former_names_are_one_warning(caplog):
    text = "Experiment.log_interval = %often\noften = 5\nExperiment.jit_compile = True"
    expected = "Loop.log_interval = %often\noften = 5\nDevices.jit_compile = True"
    assert renames.with_current_names(text, "old.gin") == expected
    assert [record.getMessage() for record in caplog.records] == [
        "old.gin: Experiment.log_interval is now Loop.log_interval, Experiment.jit_compile is now "
        "Devices.jit_compile; the next version will not know the old name"
    ]
    assert meaning.are_equal(text, "often = 5\n" + expected, "old.gin")


@pytest.mark.parametrize(
    "text",
    ["my.Experiment.log_interval = 5", "MyExperiment.seed = 1", "# Experiment.log_interval = 5"],
)
def test_what_is_no_former_name_stays(text, caplog):
    assert renames.with_current_names(text, "new.gin") == text
    assert not caplog.records


def test_a_grid_names_its_points_as_before():
    points = grid.points(["Experiment.log_interval=5,10"])
    assert [point.label for point in points] == ["log_interval=5", "log_interval=10"]
