"""The description of a run, from its files alone."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import gin
import pytest

from tests import compositions, training_processes
from trainer import experiment, train
from trainer import run as run_lib
from trainer.command import command_line, console_text, errors
from trainer.config import reader
from trainer.logs import report_text
from trainer.model_dir import run_directory, run_report

_SMALL = "small+gradmax"
_BINDINGS = [
    "Experiment.steps = 12",
    "Loop.log_interval = 4",
    "Loop.eval_interval = 6",
    "Loop.checkpoint_interval = 4",
    "PeriodicSchedule.start = 3",
    "PeriodicSchedule.interval = 6",
    "PeriodicSchedule.count = 2",
    "TeacherStudent.examples = 50",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run that is done; widths 5, 6 and 7 from the steps 0, 3 and 9 on."""
    folder = tmp_path_factory.mktemp("finished")
    reader.load(compositions.files(_SMALL), _BINDINGS)
    directory = run_directory.RunDirectory(folder)
    built = experiment.Experiment()
    directory.start(gin.config_str(), overwrite_config=False)
    run = run_lib.Run(built, directory)
    train.Training(run, {}).train(evaluate=True)
    return folder


def _stopped(finished, folder, step):
    """A copy of the run as it was when it had saved `step`, and had gone on from there."""
    shutil.copytree(finished, folder)
    (folder / "result.json").unlink()
    for file in (folder / "checkpoints").glob("ckpt-*"):
        if int(file.stem.removeprefix("ckpt-")) > step:
            file.unlink()
    return folder


# Of 50 examples: three forward passes, of two FLOPs for each of a neuron's 30 weights.
_FLOPS_OF_A_NEURON = 3 * 50 * 60


@pytest.mark.parametrize(
    ("step", "state", "width", "neuron_steps"),
    [(12, "finished", 7, 5 * 3 + 6 * 6 + 7 * 3), (8, "stopped", 6, 5 * 3 + 6 * 5)],
)
def test_what_a_run_has_come_to(step, state, width, neuron_steps, finished, tmp_path):
    folder = finished if state == "finished" else _stopped(finished, tmp_path / "run", step)
    report = run_report.read(str(folder))
    assert (report["state"], report["step"], report["steps"]) == (state, step, 12)
    assert report["widths"] == {"initial": {"hidden_1": 5}, "now": {"hidden_1": width}}
    assert report["parameters"] == {"initial": 5 * 30, "now": width * 30}
    assert report["forward_flops"] == {"initial": 5 * 60, "now": width * 60}
    assert report["training_flops"] == _FLOPS_OF_A_NEURON * neuron_steps
    result = json.loads((finished / "result.json").read_text())
    # Of the stopped copy, the best that its best/ remembers.
    assert report["best"] == result["best"] and report["best"]["step"] in (6, 12)
    assert (report["seed"], report["versions"]) == (0, result["versions"])
    lines = (folder / "growth.jsonl").read_text().splitlines()
    assert report["growths"] == [json.loads(line) for line in lines] and len(lines) == 2
    if state == "finished":
        assert report["training_flops"] == result["training_flops"]
    assert json.loads(json.dumps(report)) == report


def test_a_run_without_a_checkpoint(finished, tmp_path):
    folder = _stopped(finished, tmp_path / "run", -1)
    (folder / "growth.jsonl").write_text("")
    report = run_report.read(str(folder))
    assert (report["state"], report["step"], report["checkpoints"]) == ("no checkpoint", 0, [])
    assert report["widths"] == {"initial": {"hidden_1": 5}, "now": {"hidden_1": 5}}
    assert report["training_flops"] == 0
    assert "no checkpoint\n" in report_text.text(report)
    assert report_text.text(report).endswith("no growth yet")


@pytest.mark.parametrize("step", [12, 8])
def test_a_run_from_before_there_was_a_file_of_it(step, finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder) if step == 12 else _stopped(finished, folder, step)
    (folder / "run.json").unlink()
    report = run_report.read(str(folder))
    widths = {"hidden_1": 7 if step == 12 else 6}
    assert report["widths"] == {"initial": {"hidden_1": 5}, "now": widths}
    assert report["parameters"] == {"initial": None, "now": 30 * widths["hidden_1"]}
    assert (report["training_flops"] is None) == (step == 8)
    assert "unknown" in report_text.text(report)


def test_a_run_of_a_former_version_calls_its_seed_network_birth(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    about = folder / "run.json"
    about.write_text(about.read_text().replace('"seed_network"', '"birth"'))
    assert '"birth"' in about.read_text()
    expected = run_report.read(str(finished)) | {"model_dir": str(folder)}
    assert run_report.read(str(folder)) == expected


def test_the_text(finished, tmp_path):
    lines = report_text.text(run_report.read(str(finished))).splitlines()
    assert lines[0] == f"{finished}: finished 12 steps"
    cells = [line.split() for line in lines]
    assert ["width", "of", "hidden_1", "5", "7"] in cells
    assert ["parameters", "150", "210"] in cells
    assert [row[:4] for row in cells[-2:]] == [
        ["3", "hidden_1", "5", "6"],
        ["9", "hidden_1", "6", "7"],
    ]
    folder = _stopped(finished, tmp_path / "run", 8)
    late = report_text.text(run_report.read(str(folder))).splitlines()
    assert late[0] == f"{folder}: stopped at step 8 of 12"
    assert late[-2].split()[0] == "9*" and late[-1] == "* after the newest checkpoint"


def test_a_growth_that_was_skipped_says_why(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    first, second = (folder / "growth.jsonl").read_text().splitlines()
    skipped = json.loads(second) | {"sites": {}, "refusal": "the site has gone mad"}
    (folder / "growth.jsonl").write_text(f"{first}\n{json.dumps(skipped)}\n")
    assert "nothing: the site has gone mad" in report_text.text(run_report.read(str(folder)))


def test_names_cannot_command_the_terminal(finished, tmp_path):
    folder, name = tmp_path / "run", "\x1b]0;evil\x07\u202etxt\nbest evaluation: loss=0"
    shutil.copytree(finished, folder)
    about = json.loads((folder / "run.json").read_text())
    about["seed_network"]["widths"] |= {name: 3}
    about["versions"] |= {name: name}
    about["seed"] = name
    (folder / "run.json").write_text(json.dumps(about))
    result = json.loads((folder / "result.json").read_text())
    result["best"] = {name: 1.0}
    (folder / "result.json").write_text(json.dumps(result))
    lines = (folder / "growth.jsonl").read_text().replace('"hidden_1"', json.dumps(name))
    (folder / "growth.jsonl").write_text(lines)
    text = report_text.text(run_report.read(str(folder)))
    assert all(character.isprintable() for character in text.replace("\n", ""))
    shown = r"\x1b]0;evil\x07\u202etxt\nbest evaluation: loss=0"
    assert text.count(shown) == 7
    assert text.count("\n") == len(report_text.text(run_report.read(str(finished))).splitlines())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hidden_1 größer 層 ", "hidden_1 größer 層 "),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b2J\x7f\r\t", r"\x9b2J\x7f\r\t"),
        ("a\u202eb\u2066c\u200bd\u2028", r"a\u202eb\u2066c\u200bd\u2028"),
        ("\ud800\U000e0041", r"\ud800\U000e0041"),
    ],
)
def test_what_no_reader_would_see_is_escaped(text, shown):
    assert console_text.escaped(text) == shown
    assert console_text.escaped_lines(f"{text}\n{text}") == f"{shown}\n{shown}"


def test_a_message_that_quotes_a_name_is_escaped(capsys):
    with pytest.raises(SystemExit):
        command_line.fail(errors.UserError("two\nlines: \x1b[2J"), 2)
    assert capsys.readouterr().err == "error: two\nlines: \\x1b[2J\n"


def _run_program(*flags, cwd):
    environment = {
        "PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path]),
        "BUILD_WORKING_DIRECTORY": str(cwd),
    }
    command = [sys.executable, "-X", "importtime", "-m", "trainer.inspect_run", *flags]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    lines = done.stderr.splitlines(keepends=True)
    imported = [line for line in lines if line.startswith("import time:")]
    return (
        done.returncode,
        done.stdout,
        "".join(line for line in lines if line not in imported),
        [line.rpartition("|")[2].strip() for line in imported],
    )


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_the_program_needs_no_tensorflow_for_a_finished_run(flags, finished):
    status, out, err, imported = _run_program(
        f"--model_dir={finished.name}", *flags, cwd=finished.parent
    )
    assert (status, err) == (0, "")
    report = run_report.read(str(finished)) | {"model_dir": finished.name}
    assert out == (json.dumps(report) if flags else report_text.text(report)) + "\n"
    assert "trainer.model_dir.run_report" in imported and "tensorflow" not in imported


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model_dir=nowhere"], "--model_dir=nowhere is no folder: there is no config.gin in it"),
        (["--model_dir=."], "--model_dir=. is no folder of a run: there is no config.gin in it"),
        ([], "--model_dir is missing"),
        (["--model_dir=.", "--gin_file=x.gin"], "leave --gin_... away"),
    ],
)
def test_a_wrong_folder_ends_with_one_message_and_status_2(flags, message, tmp_path):
    status, out, err, _ = _run_program(*flags, cwd=tmp_path)
    assert (status, out) == (2, "")
    assert err.startswith("error: ") and message in err and "Traceback" not in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["result.json", "run.json", "growth.jsonl"])
def test_a_damaged_file_is_named(name, finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    (folder / name).write_text('{"half')
    with pytest.raises(errors.UserError, match=f"{folder}/{name} is damaged"):
        run_report.read(str(folder))


def _content(folder):
    return {path: path.stat().st_mtime_ns for path in pathlib.Path(folder).rglob("*")}


def test_a_run_that_runs_is_left_alone(tmp_path):
    folder, endless = tmp_path / "run", "Experiment.steps = 1000000"
    kill = {
        "place": "checkpoint",
        "number": 30,
        "milliseconds": 0,
        "after": True,
        "name": "SIGTERM",
    }
    worker = {
        "arguments": [
            f"--model_dir={folder}",
            *compositions.flags(_SMALL),
            *(f"--gin_bindings={binding}" for binding in [*_BINDINGS, endless]),
            "--mode=train",
        ],
        "environment": {},
        "log": str(tmp_path / "log"),
        "kill": kill,
    }
    states = []
    with training_processes.Server() as server:
        server.start([worker])
        while "running" not in states:
            if (folder / "config.gin").exists():
                states.append(run_report.read(str(folder))["state"])
        assert server.finish() == [143]
    assert set(states) <= {"no checkpoint", "running"}
    before = _content(folder)
    report = run_report.read(str(folder))
    assert report["state"] == "stopped" and report["step"] >= 4 * 30
    assert _content(folder) == before
