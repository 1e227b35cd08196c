"""Paths of flags and bindings: what they may be, and what is said if they are not."""

import os

import pytest
from absl import flags

from trainer import main
from trainer.command import paths
from trainer.config import reader
from trainer.datasets import image_classification
from trainer.sweep import main as sweep
from trainer.warm_start import warm_start

assert main and sweep  # They define the flags.

_PATH_FLAGS = ["model_dir", "output_dir", "gin_file", "gin_search_paths"]
_ADDRESSES = ["gs://bucket/run", "s3://bucket/run", "S3://x", "hdfs://host/run", "host:/folder"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("~/run", "{home}/run"),
        ("~", "{home}"),
        ("run", "run"),
        ("./~", "./~"),
        ("a/~/b", "a/~/b"),
        ("./gs:/x", "./gs:/x"),
        ("a b/ü]", "a b/ü]"),
        ("/x/gs://y", "/x/gs://y"),
        ("C:", "C:"),
    ],
)
def test_home_folders_are_expanded_and_all_else_stays(path, expected, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert paths.expanded(path) == expected.format(home="/home/me")


_WRONG = [
    *((address, "must be a path of this machine, not an address; mount") for address in _ADDRESSES),
    ("file:///tmp/run", r"not an address; write /tmp/run(\n|$)"),
    ("file:/tmp/run", r"not an address; write /tmp/run(\n|$)"),
    ("~nobody_here/run", r"begins with ~nobody_here, the home folder .* \./~nobody_here is"),
    ("", "must be a path, but is empty"),
    ("a\0b", "must be text in UTF-8 without null characters"),
    (os.fsdecode(b"\xff"), "must be text in UTF-8"),
]


@pytest.mark.parametrize(("path", "message"), _WRONG)
@pytest.mark.parametrize("name", _PATH_FLAGS)
def test_flags_refuse_what_is_no_path_of_this_machine(name, path, message):
    parser = flags.FLAGS[name].parser
    with pytest.raises(ValueError, match=message):
        parser.parse(path)


@pytest.mark.parametrize("name", _PATH_FLAGS)
def test_flags_expand_home_folders(name, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert flags.FLAGS[name].parser.parse("~/run") == "/home/me/run"


@pytest.mark.parametrize("character", "*?[\\")
@pytest.mark.parametrize("name", ["model_dir", "output_dir"])
def test_folders_that_tensorflow_takes_for_patterns_are_refused(name, character):
    with pytest.raises(ValueError, match=f"has the character [{character!r}]"):
        flags.FLAGS[name].parser.parse(f"a{character}b/run")


@pytest.mark.parametrize(("path", "message"), _WRONG)
def test_bindings_refuse_what_is_no_path_of_this_machine(path, message):
    with pytest.raises(ValueError, match=f"(?s)WarmStart.path = .*{message}"):
        warm_start.WarmStart(path)
    if not path.startswith("gs://"):  # TensorFlow Datasets reads them.
        with pytest.raises(ValueError, match=f"(?s)ImageClassification.data_dir = .*{message}"):
            image_classification.ImageClassification("fashion_mnist", path, 1)


def test_bindings_expand_home_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ValueError, match=f"is not prepared in {tmp_path}/data/fashion_mnist"):
        image_classification.ImageClassification("fashion_mnist", "~/data", 1)
    with pytest.raises(ValueError, match=f"WarmStart.path = '{tmp_path}/run' .* nothing of that"):
        warm_start.WarmStart("~/run").values(None, None)


def test_a_file_may_include_one_of_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "base.gin").write_text("steps = 7")
    (tmp_path / "own.gin").write_text("include '~/base.gin'")
    reader.load([str(tmp_path / "own.gin")], [])
    assert reader.literals() == {"steps": 7}


@pytest.mark.parametrize("name", ["a[1]", "st*r"])
def test_a_data_dir_that_is_a_pattern_is_refused(name):
    with pytest.raises(ValueError, match="ImageClassification.data_dir = .* has the character"):
        image_classification.ImageClassification("fashion_mnist", f"/data/{name}", 1)
