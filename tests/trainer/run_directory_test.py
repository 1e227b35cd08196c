"""The files of a run: whole or not there, and refused where they are not this run's."""

import contextlib
import json
import logging
import pathlib
import resource
import signal

import pytest

from trainer import errors, run_directory


def _start(path, config="a = 1\n"):
    directory = run_directory.RunDirectory(str(path))
    directory.start(config, overwrite_config=False)
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


@pytest.mark.parametrize("name", ["checkpoints", "train", "config.gin", "format.json"])
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


def test_what_a_killed_process_left_unfinished_is_removed(tmp_path):
    (tmp_path / ".result.json.123").write_text('{"ste')
    (tmp_path / ".mine").write_text("no file of a run")
    _start(tmp_path)
    assert sorted(file.name for file in tmp_path.glob(".*")) == [".lock", ".mine"]


@pytest.mark.parametrize(
    ("growths", "checkpoint", "said"),
    [("{}\n", False, True), ("{}\n", True, False), ("", False, False)],
)
def test_growths_without_a_checkpoint_are_said(growths, checkpoint, said, tmp_path, caplog):
    (tmp_path / "growth.jsonl").write_text(growths)
    (tmp_path / "checkpoints").mkdir()
    if checkpoint:
        pathlib.Path(tmp_path / "checkpoints" / "ckpt-1.index").touch()
    with caplog.at_level(logging.WARNING):
        _start(tmp_path)
    assert ("there is no checkpoint in" in caplog.text) == said
