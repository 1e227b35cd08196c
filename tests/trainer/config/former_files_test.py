"""All .gin files of the former version keep their paths, and their meaning."""

import csv
import hashlib
import os
import pathlib

import gin
import pytest

import trainer.experiment
import trainer.train  # noqa: F401  Configurations bind them.
from trainer.command import errors
from trainer.config import former_files, meaning, reader, renames

# Of each file, the digest of what `meaning.values` said of it in the former version.
_DIGESTS = pathlib.Path(__file__).with_name("former_configurations.csv")
_FORMER = {row["file"]: row["digest"] for row in csv.DictReader(_DIGESTS.open(newline=""))}
# Needs the learning rate of a file that includes it.
_INCOMPLETE = "gin_configs/cifar/base.gin"
_MOVED = "gin_configs/fashion_mnist/vgg_firefly.gin"
# What they are for is still the same, but other bindings serve it better; see CHANGELOG.md.
_IMPROVED = [
    "gin_configs/recipe.gin",
    "gin_configs/fashion_mnist/conv.gin",
    "gin_configs/fashion_mnist/mlp.gin",
    "gin_configs/fashion_mnist/vgg.gin",
    "gin_configs/fashion_mnist/wrn.gin",
]
# These bind what the improved files bind now and take it back, so that they say more than before.
_TAKEN_BACK = [
    f"gin_configs/fashion_mnist/{task}_{method}.gin"
    for task in ("vgg", "wrn")
    for method in ("baseline_big", "baseline_small", "firefly", "gradmax", "random")
]


# Parameters that were another configurable's, which the digests have by their former names.
_MOVED_FROM = {
    current: former
    for former, current in renames.BINDINGS.items()
    if former.split(".")[0] != current.split(".")[0]
}


def _former_name(name):
    """A name as `meaning.values` gives it, in the former version."""
    selector, parameter = name.split(".")[-2:]
    former = _MOVED_FROM.get(f"{selector.rpartition('/')[2]}.{parameter}")
    return f"Experiment.{former.split('.')[1]}" if former else name


def _values():
    return meaning.values(gin.config_str())


def test_the_table_has_the_files_that_there_are_no_more():
    assert len(_FORMER) == 142
    gone = {file for file in _FORMER if not pathlib.Path(file).exists()}
    assert former_files.current_files().keys() == gone
    named = {file for files, _ in former_files.current_files().values() for file in files}
    assert [file for file in named if not pathlib.Path(file).is_file()] == []


@pytest.mark.parametrize("file", sorted({*_FORMER} - {*_IMPROVED, *_TAKEN_BACK}))
def test_a_former_file_binds_the_same_values(file):
    try:
        reader.load([file], [])
    except errors.UserError:
        assert file == _INCOMPLETE
    former = {_former_name(name): value for name, value in _values().items()}
    text = "".join(f"{name} = {former[name]}\n" for name in sorted(former))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == _FORMER[file]


@pytest.mark.parametrize("file", _TAKEN_BACK)
def test_a_former_file_takes_back_what_was_improved(file):
    reader.load([file], [])
    architecture, rate = ("VGG", 0.05) if "vgg" in file else ("WideResNet", 0.1)
    assert gin.query_parameter(f"{architecture}.activation").selector == "models.activations.relu"
    assert gin.query_parameter("optimizer.warmup") is None
    assert gin.query_parameter("learning_rate/macro.value") == rate


@pytest.mark.parametrize("file", former_files.current_files())
def test_a_former_file_is_a_composition_of_current_ones(file):
    reader.load([file], [])
    former = _values()
    gin.clear_config()
    reader.load(*former_files.current_files()[file])
    assert _values() == former


@pytest.fixture
def warnings(monkeypatch):
    found = []
    monkeypatch.setattr(
        former_files.logging, "warning", lambda text, *parts: found.append(text % parts)
    )
    former_files._text.cache_clear()
    return found


@pytest.mark.parametrize("path", [_MOVED, os.path.abspath(_MOVED)], ids=["relative", "absolute"])
@pytest.mark.parametrize("included", [False, True])
def test_a_former_file_is_found_from_anywhere_with_one_warning(
    path, included, tmp_path, monkeypatch, warnings
):
    (tmp_path / "mine.gin").write_text(f"include '{path}'\nsteps = 7\n")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        gin.clear_config()
        reader.load(["mine.gin" if included else path], [])
    assert gin.query_parameter("Grower.method").selector == "FireflyOpt"
    assert gin.query_parameter("%steps") == (7 if included else 1876)
    assert warnings == [
        f"{_MOVED} is now --gin_file=gin_configs/fashion_mnist/vgg.gin "
        "--gin_file=gin_configs/fashion_mnist/firefly_opt.gin "
        '--gin_bindings="VGG.activation = @models.activations.relu" '
        '--gin_bindings="optimizer.warmup = None" --gin_bindings="learning_rate = 0.05"; '
        "the next version will not know the old file"
    ]


def test_a_file_of_the_user_at_a_former_path_comes_first(tmp_path, monkeypatch, warnings):
    (tmp_path / _MOVED).parent.mkdir(parents=True)
    (tmp_path / _MOVED).write_text("steps = 7\n")
    monkeypatch.chdir(tmp_path)
    reader.load([_MOVED], [])
    assert _values() == {} and gin.query_parameter("%steps") == 7
    assert warnings == []
