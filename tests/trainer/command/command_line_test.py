"""Flags, streams, the working folder and Ctrl-C, which all programs share."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from trainer.command import command_line

# Stands for any of the programs, which would import TensorFlow.
_PROGRAM = """
import sys, time
from absl import flags
from trainer.command import command_line
flags.DEFINE_string("model_dir", None, "A folder.")
flags.DEFINE_bool("wait", False, "")
flags.DEFINE_integer("lines", 1, "")

def main(argv):
    print("line\\n" * flags.FLAGS.lines, end="", flush=flags.FLAGS.wait)
    while flags.FLAGS.wait:
        time.sleep(0.01)

command_line.run(main, lambda: None)
"""


def _shell(command, cwd=None, **options):
    """Runs a line of shell in which `program` is the program."""
    environment = os.environ | {"PYTHONPATH": os.getcwd(), "PYTHONUNBUFFERED": ""}
    script = f"program() {{ {sys.executable} -c '{_PROGRAM}' \"$@\"; }}\n{command}"
    return subprocess.run(
        ["bash", "-c", script], env=environment, cwd=cwd, capture_output=True, text=True, **options
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("model_dir=a", "unexpected argument 'model_dir=a'; is --model_dir meant?"),
        ("–-model_dir=a", "is --model_dir meant?"),
        ("--modle_dir=a", "Did you mean: model_dir"),
    ],
)
def test_a_flag_that_is_not_meant_so_is_named(flags, message):
    done = _shell(f"program {flags}")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_of_a_flag_that_is_given_twice_the_last_counts_and_this_is_said():
    done = _shell("program --model_dir=a --model_dir=b")
    assert (done.returncode, done.stdout) == (0, "line\n")
    assert done.stderr == "--model_dir is given 2 times; the last one counts, --model_dir=b\n"


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("PYTHONUNBUFFERED=1 program --lines=9 > /dev/full", 1, "error: standard output cannot"),
        ("PYTHONUNBUFFERED=1 program --lines=100000 | true; exit ${PIPESTATUS[0]}", 141, ""),
        ("program --lines=100000 | head -1; exit ${PIPESTATUS[0]}", 128 + signal.SIGPIPE, ""),
        ("program --help | true; exit ${PIPESTATUS[0]}", None, ""),
        ("program --lines=100000 > /dev/full", 1, "error: standard output cannot be written: No"),
        ("program --lines=1 > /dev/full", 1, "error: standard output cannot be written: No"),
        ("program >&-", 0, ""),
        ("program <&-", 0, ""),
        ("program --bad 2>&-", 2, ""),
        ("program --bad 2>/dev/full", 2, ""),
    ],
)
def test_streams_that_are_closed_or_full_give_no_stack_trace(command, status, message):
    done = _shell(command)
    assert status is None or done.returncode == status
    assert done.stderr.startswith(message) and len(done.stderr.splitlines()) == bool(message)


def test_a_working_folder_that_is_gone_is_named(tmp_path):
    (tmp_path / "gone").mkdir()
    done = _shell("rmdir ../gone; program", cwd=tmp_path / "gone")
    assert done.returncode == 2
    # The shell says so as well.
    assert "error: the working folder cannot be entered (No such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_a_program_with_a_line_wherever_it_is():
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "--wait"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout.readline() == "line\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "\nerror: stopped by SIGINT; the same command goes on\n"


@pytest.mark.parametrize("file", ["models.py", "growth.py", "growth/__init__.py"])
def test_a_users_module_that_hides_a_package_is_named(file, tmp_path):
    hiding = tmp_path / file
    hiding.parent.mkdir(exist_ok=True)
    hiding.touch()
    done = _shell("program", cwd=tmp_path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"error: {hiding} hides the package {file[:6]}")


def test_a_folder_of_a_users_files_hides_nothing(tmp_path):
    for name in ("models", "growth", "trainer", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.py").touch()
    assert _shell("program", cwd=tmp_path).stdout == "line\n"
    command_line.check_packages(pathlib.Path(command_line.__file__).resolve().parents[2])
