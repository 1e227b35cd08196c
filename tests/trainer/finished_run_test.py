"""A run whose folder is met again: finished, damaged, or asked for something that does not fit."""

import contextlib
import json
import pathlib
import shutil

import gin
import pytest
from absl import flags
from absl.testing import flagsaver

from tests import compositions
from trainer import experiment, main, task
from trainer import run as run_lib
from trainer.command import errors
from trainer.config import reader
from trainer.model_dir import checkpoint_files, checkpoints, run_directory, run_report

_FILES = compositions.files("small+gradmax")
_BINDINGS = [
    "Experiment.steps = 12",
    "Loop.log_interval = 4",
    "Loop.eval_interval = 6",
    "Loop.checkpoint_interval = 4",
    "PeriodicSchedule.start = 3",
    "PeriodicSchedule.interval = 6",
    "PeriodicSchedule.count = 1",
    "TeacherStudent.examples = 20",
]


@pytest.fixture(autouse=True)
def parsed_flags():
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()


def _perform(folder, mode, *bindings, **given):
    """Does what the program does with these flags, without a process of its own."""
    gin.clear_config()
    with flagsaver.flagsaver(**given), errors.mistakes():
        reader.load(_FILES, [*_BINDINGS, *bindings])
        directory = run_directory.RunDirectory(str(folder))
        work = main._MODES[mode](experiment.Experiment(), directory)
        work()


@pytest.fixture(scope="module", params=["train", "train_and_eval"])
def finished(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    _perform(folder, request.param)
    return request.param, folder


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the run that was evaluated, or not; its folder."""
    shutil.copytree(finished[1], tmp_path / "run")
    return tmp_path / "run"


def _content(folder):
    """The files of a run but its lock, with what is in them."""
    files = (path for path in pathlib.Path(folder).rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if path.name != ".lock"
    }


@pytest.mark.parametrize("mode", ["train", "train_and_eval"])
@pytest.mark.parametrize("kept", [True, False])
def test_a_finished_run_stays_as_it_is(mode, kept, finished, copied, capsys):
    if not kept:
        shutil.rmtree(copied / "checkpoints")
        (copied / "checkpoints").mkdir()
    before = _content(copied)
    _perform(copied, mode)
    after = _content(copied)
    if kept and (finished[0], mode) == ("train", "train_and_eval"):
        was, now = json.loads(before["result.json"]), json.loads(after["result.json"])
        assert now["test"]["loss"] > 0 and now["best"] == {"step": 12, **now["test"]}
        assert now == was | {"test": now["test"], "best": now["best"]}
        return
    assert after == before
    assert "finished before: 12 steps, and nothing is left to do" in capsys.readouterr().err


@pytest.mark.parametrize("finished", ["train"], indirect=True)
def test_a_finished_run_goes_on_to_more_steps(copied):
    steps = "Experiment.steps = 16"
    _perform(copied, "train", steps, overwrite_config=True)
    assert json.loads((copied / "result.json").read_text())["steps"] == 16
    assert checkpoint_files.steps(copied / "checkpoints") == [8, 12, 16]
    assert steps in (copied / "config.gin").read_text()


def _cut(folder, pattern, size=10):
    for file in folder.glob(pattern):
        file.write_bytes(file.read_bytes()[:size])


_REFUSED = {
    "other sites": ("MLP.hidden_widths = [5, 5]", None, "widths"),
    "other sizes": ("TeacherStudent.sizes = [7, 10, 10]", None, "incompatible tensor"),
    "newer format": (
        "",
        lambda folder: (folder / "format.json").write_text('{"format": 2}'),
        "has the format 2",
    ),
    "no whole checkpoint": (
        "",
        lambda folder: _cut(folder / "checkpoints", "*.index"),
        "no checkpoint in .* can be read",
    ),
    "other sites, and a damaged checkpoint": (
        "MLP.hidden_widths = [5, 5]",
        lambda folder: _cut(folder / "checkpoints", "ckpt-12.data*"),
        "widths",
    ),
}


@pytest.mark.parametrize(("binding", "change", "message"), _REFUSED.values(), ids=_REFUSED)
@pytest.mark.parametrize("finished", ["train"], indirect=True)
def test_a_refused_start_changes_nothing(binding, change, message, copied):
    if change:
        change(copied)
    (copied / "checkpoints" / "ckpt-99_temp").mkdir()
    before = _content(copied)
    with pytest.raises(errors.UserError, match=message):
        _perform(copied, "train", "Experiment.steps = 16", binding, overwrite_config=True)
    assert _content(copied) == before
    assert (copied / "checkpoints" / "ckpt-99_temp").exists()


@pytest.mark.parametrize("finished", ["train"], indirect=True)
def test_what_cannot_be_traced_is_refused_before_a_file_changes(copied, monkeypatch):
    def fail(*args):
        raise ValueError("cannot be traced")

    monkeypatch.setattr("growth.grower.Grower.prepare", fail)
    before = _content(copied)
    with pytest.raises(errors.UserError, match="cannot be traced"):
        _perform(copied, "train", "Experiment.steps = 16", overwrite_config=True)
    assert _content(copied) == before


@pytest.mark.parametrize("finished", ["train"], indirect=True)
@pytest.mark.parametrize("mode", ["eval", "export"])
def test_other_modes_check_widths_as_well(mode, copied):
    before = _content(copied)
    with pytest.raises(errors.UserError, match="the restored network has the widths"):
        _perform(copied, mode, "MLP.hidden_widths = [5, 5]", overwrite_config=True)
    assert _content(copied) == before


_DAMAGES = {
    "nothing": (lambda folder: None, 12, ""),
    "names missing": (lambda folder: (folder / "checkpoint").unlink(), 12, "does not name"),
    "names empty": (lambda folder: _cut(folder, "checkpoint", 0), 12, "does not name"),
    "names cut": (lambda folder: _cut(folder, "checkpoint", 30), 12, "does not name"),
    "names stale": (
        lambda folder: (folder / "checkpoint").write_text('model_checkpoint_path: "ckpt-4"'),
        *(12, "does not name"),
    ),
    "names no text": (
        lambda folder: (folder / "checkpoint").write_bytes(b"\xff\xfe\0"),
        *(12, "does not name"),
    ),
    "index empty": (lambda folder: _cut(folder, "ckpt-12.index", 0), 8, "ckpt-12 is damaged"),
    "index cut": (lambda folder: _cut(folder, "ckpt-12.index", 100), 8, "ckpt-12 is damaged"),
    "data cut": (lambda folder: _cut(folder, "ckpt-12.data*"), 8, "going on from ckpt-8"),
    "shard missing": (
        lambda folder: (folder / "ckpt-12.data-00000-of-00001").unlink(),
        *(8, "ckpt-12 is damaged"),
    ),
    "a user's own": (
        lambda folder: shutil.copy(folder / "ckpt-4.index", folder / "ckpt-final.index"),
        *(12, ""),
    ),
}


@pytest.mark.parametrize(("damage", "step", "said"), _DAMAGES.values(), ids=_DAMAGES)
@pytest.mark.parametrize("finished", ["train"], indirect=True)
def test_all_find_the_newest_whole_checkpoint_and_leave_the_folder_alone(
    damage, step, said, copied, caplog
):
    damage(copied / "checkpoints")
    before = _content(copied)
    directory = run_directory.RunDirectory(str(copied))
    found = checkpoints.find(directory, "latest")
    assert found == str(copied / "checkpoints" / f"ckpt-{step}")
    assert said in caplog.text and bool(said) == bool(caplog.text)
    (copied / "result.json").unlink()
    assert run_report.read(str(copied))["step"] == step
    del before["result.json"]
    assert _content(copied) == before


@pytest.mark.parametrize("finished", ["train"], indirect=True)
def test_eval_and_export_take_the_newest_whole_checkpoint(copied, capsys):
    _cut(copied / "checkpoints", "ckpt-12.index")
    before = _content(copied)
    _perform(copied, "eval")
    assert json.loads(capsys.readouterr().out)["step"] == 8
    _perform(copied, "export")
    assert f"{copied}/export/8\n" in capsys.readouterr().out
    after = _content(copied)
    assert before == {name: after[name] for name in before}
    assert {name.partition("/")[0] for name in set(after) - set(before)} == {"eval", "export"}


@pytest.mark.parametrize("finished", ["train_and_eval"], indirect=True)
def test_a_checkpoint_that_is_asked_for_and_damaged_is_named(copied):
    (best,) = checkpoint_files.steps(copied / "best")
    directory = run_directory.RunDirectory(str(copied))
    _cut(copied / "checkpoints", f"ckpt-{best}.data*")
    assert checkpoints.find(directory, str(best)) == str(copied / "best" / f"ckpt-{best}")
    _cut(copied / "best", "ckpt-*.index")
    message = rf"--checkpoint={best}: .*ckpt-{best} is damaged .* the steps 4, 8, 12"
    with pytest.raises(errors.UserError, match=message):
        checkpoints.find(directory, str(best))
    with pytest.raises(errors.UserError, match="no checkpoint in .*best can be read"):
        checkpoints.find(directory, "best")


@pytest.mark.parametrize("finished", ["train_and_eval"], indirect=True)
def test_a_run_goes_on_without_its_best_checkpoint_and_what_was_half_written_goes(copied, caplog):
    (copied / "result.json").unlink()
    checkpoint_files.remove(copied / "checkpoints", 12)
    _cut(copied / "best", "ckpt-*.index")
    half = [copied / "checkpoints" / "ckpt-20_temp" / "part-00000-of-00001.index"]
    half += [copied / "best" / "ckpt-1.data-00000-of-00001"]
    half += [copied / folder / f"checkpoint.tmp{'0a' * 16}" for folder in ("checkpoints", "best")]
    for file in half:
        file.parent.mkdir(exist_ok=True)
        file.touch()
    _perform(copied, "train_and_eval")
    assert "no checkpoint in" in caplog.text and (copied / "result.json").exists()
    assert not any(file.exists() for file in half)
    assert not (copied / "checkpoints" / "ckpt-20_temp").exists()


@pytest.mark.parametrize("finished", ["train"], indirect=True)
def test_a_run_whose_folder_is_removed_ends(copied, monkeypatch):
    (copied / "result.json").unlink()
    train_steps = task.Task.train

    def remove(self, steps):
        if steps > 0:  # Not where it is traced.
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(copied)
        return train_steps(self, steps)

    monkeypatch.setattr(task.Task, "train", remove)
    with pytest.raises(errors.RunFailure, match="run was removed or replaced while the run"):
        _perform(copied, "train", "Experiment.steps = 16", overwrite_config=True)
    assert not copied.exists()


@pytest.mark.parametrize("finished", ["train"], indirect=True)
def test_a_run_goes_to_no_checkpoint_of_other_sites(copied, tmp_path):
    reader.load(_FILES, [*_BINDINGS, "MLP.hidden_widths = [5, 5]"])
    run = run_lib.Run(experiment.Experiment(), run_directory.RunDirectory(str(tmp_path / "new")))
    with pytest.raises(ValueError, match="the restored network has the widths"):
        run.restore(str(copied / "checkpoints" / "ckpt-12"))
