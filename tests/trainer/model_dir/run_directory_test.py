"""The files of a run: whole or not there, and refused where they are not this run's."""

import contextlib
import json
import logging
import os
import pathlib
import platform
import resource
import shutil
import signal
import subprocess

import pytest

from trainer.command import errors
from trainer.model_dir import recovery, run_directory


def _start(path, config="a = 1\n"):
    directory = run_directory.RunDirectory(str(path))
    directory.start(config, overwrite_config=False)
    with directory.starting():
        directory.begin()
    return directory


@contextlib.contextmanager
def _largest_file(size):
    """As on a disk with no more room: what is written beyond `size` bytes of a file fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    usual = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, usual)


def test_a_run_says_its_format_and_is_read_again(tmp_path):
    _start(tmp_path)
    assert json.loads((tmp_path / "format.json").read_text()) == {"format": 1}
    run_directory.RunDirectory(str(tmp_path)).check("a = 1\n")


def test_a_run_from_before_there_were_formats_is_read(tmp_path):
    (tmp_path / "config.gin").write_text("a = 1\n")
    _start(tmp_path)
    assert (tmp_path / "format.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"format": 2}',
            r"has the format 2, of a newer version .* formats up to 1\. Run the newer",
        ),
        ('{"format": "x"}', "has the format x"),
        ('{"form', r'must say {"format": 1}.* damaged'),
        ("[]", r'must say {"format": 1}.* damaged'),
        ("{}", r'must say {"format": 1}.* damaged'),
    ],
)
@pytest.mark.parametrize("overwrite_config", [False, True])
@pytest.mark.parametrize("read_only", [False, True])
def test_another_format_is_refused(text, message, overwrite_config, read_only, tmp_path):
    (tmp_path / "format.json").write_text(text)
    directory = run_directory.RunDirectory(str(tmp_path))
    with pytest.raises(errors.UserError, match=message):
        directory.start("a = 1\n", overwrite_config, read_only)
    assert [file.name for file in tmp_path.iterdir()] == ["format.json"]


@pytest.mark.parametrize(
    "path", ["{}/file", "{}/file/new", "/proc/new", "/dev/null", "/dev/full/x"]
)
def test_a_folder_that_cannot_be_written_is_named(path, tmp_path):
    (tmp_path / "file").write_text("in the way")
    path = path.format(tmp_path)
    with pytest.raises(errors.UserError, match=f"--model_dir={path} cannot be written: .*Errno"):
        _start(path)
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("name", ["checkpoints", "config.gin", "format.json"])
def test_what_is_in_the_way_of_a_file_or_folder_is_named(name, tmp_path):
    in_the_way = tmp_path / name
    in_the_way.mkdir() if "." in name else in_the_way.touch()
    with pytest.raises(errors.UserError, match=f"Errno.*{in_the_way}"), errors.mistakes():
        _start(tmp_path)


def test_a_disk_that_is_full_at_the_start_is_a_message(tmp_path):
    with (
        _largest_file(40),
        pytest.raises(errors.UserError, match="cannot be written: .*config.gin"),
    ):
        _start(tmp_path, config="a = 1\n" * 100)
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == [
        ".lock",
        "format.json",
    ]


def test_what_cannot_be_written_stays_as_it_was(tmp_path):
    directory = _start(tmp_path)
    directory.write_growths([{"step": 1}])
    with _largest_file(40), pytest.raises(OSError, match="growth.jsonl") as raised:
        directory.write_growths([{"step": step} for step in range(1, 9)])
    assert raised.value.filename == str(tmp_path / "growth.jsonl")
    assert (tmp_path / "growth.jsonl").read_text() == '{"step": 1}\n'
    assert [file.name for file in tmp_path.glob(".*")] == [".lock"]


@pytest.fixture(scope="module")
def ended():
    """The id of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    "name",
    [
        "growth.jsonl.{machine}.{}",
        "operative_config-40.gin.{machine}.{}",
        "measurement.json.{machine}.{}",
    ],
)
def test_what_a_killed_process_left_unfinished_is_removed(name, ended, tmp_path):
    left = tmp_path / f".{name.format(ended, machine=platform.node())}"
    left.write_text('{"ste')
    _start(tmp_path)
    assert not left.exists()


def test_what_a_killed_process_left_of_an_export_is_removed(ended, tmp_path):
    (tmp_path / f"export/.40.{platform.node()}.{ended}/variables").mkdir(parents=True)
    _start(tmp_path)
    assert not list((tmp_path / "export").iterdir())


@pytest.mark.parametrize(
    "name",
    [
        ".mine",
        ".config.gin.999999",
        ".vimrc.2024",
        ".notes.1",
        ".config.gin",
        ".config.gin.swp",
        ".my_config.gin.{ended}",
        ".result.json.{ended}.bak",
        ".result.json.elsewhere.{ended}",
        ".result.json.{running}",
        ".result.json.{machine}.{running}",
        "export/.vimrc.{ended}",
        "export/.40.{running}/file",
        "checkpoints/ckpt-mine_temp/file",
        "checkpoints/ckpt-final.index",
        "checkpoints/ckpt-1.txt",
        "checkpoints/checkpoint.tmp",
    ],
)
def test_what_the_program_has_not_written_stays(name, ended, tmp_path):
    name = name.format(ended=ended, running=os.getppid(), machine=platform.node())
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("a user's own")
    directory = _start(tmp_path)
    checkpoints = directory.checkpoints
    recovery.tidy(checkpoints, recovery.find(checkpoints))
    assert file.read_text() == "a user's own"


@pytest.mark.parametrize(
    "name",
    [
        "config.gin",
        "result.json",
        "run.json",
        "growth.jsonl",
        ".lock",
        "checkpoints/ckpt-7.index",
        "best/ckpt-7.index",
    ],
)
@pytest.mark.parametrize("overwrite_config", [False, True])
def test_a_folder_with_files_of_something_else_is_refused(name, overwrite_config, tmp_path):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("a user's own")
    with pytest.raises(
        errors.UserError, match=f"not the folder of a run, but has {name.removesuffix('.index')}"
    ):
        run_directory.RunDirectory(str(tmp_path)).start("a = 1\n", overwrite_config)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]
    assert file.read_text() == "a user's own"


def test_until_a_run_begins_nothing_of_an_earlier_one_changes(tmp_path):
    _start(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    del before[tmp_path / ".lock"]
    directory = run_directory.RunDirectory(str(tmp_path))
    directory.start("a = 2\n", overwrite_config=True)
    with pytest.raises(ValueError, match="does not fit"), directory.starting():
        raise ValueError("does not fit")
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [".lock", "checkpoints", "config.gin", "format.json"]
    )


def test_of_a_first_start_that_is_refused_nothing_is_left(tmp_path):
    (tmp_path / "mine").write_text("a user's own")
    for path in (tmp_path, tmp_path / "new" / "run"):
        directory = run_directory.RunDirectory(str(path))
        directory.start("a = 1\n", overwrite_config=False)
        with pytest.raises(ValueError, match="does not fit"), directory.starting():
            raise ValueError("does not fit")
        assert [file.name for file in tmp_path.rglob("*")] == ["mine"]
        _start(tmp_path / "another")  # The claim is given up, too.
        shutil.rmtree(tmp_path / "another")


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_is_removed_is_not_made_again(again, tmp_path):
    directory = _start(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    if again:
        _start(tmp_path / "run")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(errors.RunFailure, match="run was removed or replaced while"):
        directory.write_growths([{"step": 1}])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["st*r", "what?", "a[1]", "back\\slash"])
def test_a_path_that_tensorflow_takes_for_a_pattern_is_refused(name, tmp_path):
    with pytest.raises(errors.UserError, match=r"model_dir=.* has the character [*?\[\\]"):
        _start(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("growths", "checkpoint", "said"),
    [("{}\n", False, True), ("{}\n", True, False), ("", False, False)],
)
def test_growths_without_a_checkpoint_are_said(growths, checkpoint, said, tmp_path, caplog):
    (tmp_path / "config.gin").write_text("a = 1\n")
    (tmp_path / "growth.jsonl").write_text(growths)
    (tmp_path / "checkpoints").mkdir()
    if checkpoint:
        pathlib.Path(tmp_path / "checkpoints" / "ckpt-1.index").touch()
    with caplog.at_level(logging.WARNING):
        _start(tmp_path)
    assert ("there is no checkpoint in" in caplog.text) == said


@pytest.mark.parametrize(
    ("now", "is_same"),
    [
        ("import a\nwidths = (5,)\nGrower.method = @Random()\nMLP.hidden_widths = %widths\n", True),
        ("import b\nGrower.method = @Random()\nMLP.hidden_widths = (5,)\nunused = 3\n", True),
        ("Grower.method = @Random()\nMLP.hidden_widths = %widths\nwidths = (6,)\n", False),
        ("Grower.method = @Split()\nMLP.hidden_widths = (5,)\n", False),
        ("MLP.hidden_widths = (5,)\n", False),
    ],
)
def test_a_configuration_is_the_same_if_its_values_are(now, is_same, tmp_path):
    before = "import b\n\nGrower.initializer = @Random()\nMLP.hidden_widths = \\\n  (5,)\n"
    (tmp_path / "config.gin").write_text(before)
    assert (run_directory.RunDirectory(tmp_path).config_difference(now) == "") == is_same
    (tmp_path / "config.gin").write_text("MLP.hidden_widths = (5,\n")
    assert run_directory.RunDirectory(tmp_path).config_difference(now)
