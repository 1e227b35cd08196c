"""The place of an export: as a whole, and in the place of an earlier export alone."""

import os
import platform
import subprocess

import pytest

from trainer.command import errors
from trainer.export import saved_model

_FILES = ["saved_model.pb", "model.h5", "fingerprint.pb", "variables/variables.index"]
_FILES += ["variables/variables.data-00000-of-00001"]


def _write(folder, text):
    for name in _FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _export(folder, text):
    with saved_model._appearing(folder) as temporary:
        _write(temporary, text)
        (temporary / "assets").mkdir()


def _texts(folder):
    return {path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_an_export_replaces_an_earlier_one(tmp_path):
    for text in ("first", "second"):
        _export(tmp_path / "40", text)
        assert _texts(tmp_path) == {text} and os.listdir(tmp_path) == ["40"]


@pytest.mark.parametrize(
    "name", ["notes.txt", "saved_model.pb.bak", "variables/mine", "1/model.h5"]
)
def test_a_file_that_is_not_of_an_export_is_not_lost(name, tmp_path):
    _write(tmp_path / "40", "first")
    file = tmp_path / "40" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("a user's own")
    with pytest.raises(errors.UserError, match=f"not all of it is of an earlier one: {name}. Move"):
        _export(tmp_path / "40", "second")
    assert _texts(tmp_path) == {"first", "a user's own"} and os.listdir(tmp_path) == ["40"]


@pytest.mark.parametrize("make", [lambda path: path.touch(), lambda path: path.symlink_to("else")])
def test_what_is_no_folder_is_not_replaced(make, tmp_path):
    make(tmp_path / "40")
    with pytest.raises(errors.UserError, match="not all of it is of an earlier one: 40"):
        _export(tmp_path / "40", "first")
    assert os.listdir(tmp_path) == ["40"]


def test_an_export_removes_what_killed_ones_left(tmp_path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    machine, running = platform.node(), os.getppid()
    left = [f".40.{machine}.{ended.pid}", f".40.outdone.{machine}.{ended.pid}"]
    others = [f".40.{machine}.{running}", f".7.elsewhere.{ended.pid}", f".7.{ended.pid}", "7"]
    for name in left + others:
        _write(tmp_path / name, "half")
    _export(tmp_path / "40", "first")
    assert sorted(os.listdir(tmp_path)) == sorted(["40", *others])


def test_an_export_that_is_stopped_while_it_replaces_another_one(tmp_path, monkeypatch):
    _export(tmp_path / "40", "first")

    with pytest.raises(KeyboardInterrupt), saved_model._appearing(tmp_path / "40") as temporary:
        _write(temporary, "second")
        rename = type(temporary).rename

        def stopped(path, target):
            if path == temporary:
                raise KeyboardInterrupt
            return rename(path, target)

        monkeypatch.setattr(type(temporary), "rename", stopped)
    assert _texts(tmp_path) == {"first"} and os.listdir(tmp_path) == ["40"]
