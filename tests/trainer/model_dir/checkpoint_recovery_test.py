import logging
import pathlib
import shutil

import pytest
import tensorflow as tf

from trainer.command import errors
from trainer.model_dir import checkpoint_files, checkpoints, recovery


@pytest.fixture
def folder(tmp_path):
    """Checkpoints of a variable at the steps 8, 9 and 10, of which it has the values."""
    variable = tf.Variable(tf.zeros([1000]))
    checkpoint = tf.train.Checkpoint(variable=variable)
    manager = tf.train.CheckpointManager(checkpoint, str(tmp_path), max_to_keep=None)
    for step in (8, 9, 10):
        variable.assign(tf.fill([1000], float(step)))
        manager.save(checkpoint_number=step)
    return tmp_path


def _restored(folder):
    variable = tf.Variable(tf.zeros([1000]))
    checkpoint = tf.train.Checkpoint(variable=variable)
    manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=3)
    assert manager.restore_or_initialize() is not None
    return variable.numpy()[0]


def _use_newest_good(folder):
    found = recovery.find(folder)
    recovery.require_whole(folder, found)
    recovery.say(folder, found)
    recovery.tidy(folder, found)


def _cut(file: pathlib.Path):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _flip(file: pathlib.Path):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


_DAMAGES = {
    "data cut": lambda folder, n: _cut(folder / f"ckpt-{n}.data-00000-of-00001"),
    "data changed": lambda folder, n: _flip(folder / f"ckpt-{n}.data-00000-of-00001"),
    "data missing": lambda folder, n: (folder / f"ckpt-{n}.data-00000-of-00001").unlink(),
    "index cut": lambda folder, n: _cut(folder / f"ckpt-{n}.index"),
}


def test_the_newest_of_good_checkpoints_stays(folder, caplog):
    _use_newest_good(folder)
    assert _restored(folder) == 10
    assert not caplog.text


@pytest.mark.parametrize("damage", _DAMAGES.values(), ids=_DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_and_this_is_said(folder, damage, caplog):
    damage(folder, 10)
    damage(folder, 9)
    with caplog.at_level(logging.WARNING):
        _use_newest_good(folder)
    assert _restored(folder) == 8
    assert "ckpt-10 is damaged" in caplog.text and "going on from" in caplog.text
    assert list(folder.glob("damaged-ckpt-10.*")) and not list(folder.glob("ckpt-10.*"))


def test_checkpoints_are_found_without_the_file_that_names_them(folder, caplog):
    (folder / "checkpoint").unlink()
    with caplog.at_level(logging.WARNING):
        _use_newest_good(folder)
    assert _restored(folder) == 10
    assert "does not name the newest checkpoint; going on from ckpt-10" in caplog.text


def test_a_checkpoint_that_was_not_named_yet_is_used(folder):
    # Killed between the writing of a checkpoint and that of its name.
    tf.compat.v1.train.update_checkpoint_state(str(folder), str(folder / "ckpt-9"))
    _use_newest_good(folder)
    assert _restored(folder) == 10


def test_half_of_a_first_checkpoint_is_no_checkpoint(tmp_path):
    (tmp_path / "ckpt-1_temp").mkdir()
    (tmp_path / "ckpt-1.data-00000-of-00001").write_bytes(b"half")
    _use_newest_good(tmp_path)
    assert not (tmp_path / "ckpt-1_temp").exists()
    assert tf.train.latest_checkpoint(str(tmp_path)) is None
    _use_newest_good(tmp_path / "missing")


def test_a_run_without_any_good_checkpoint_is_not_started_anew(folder):
    for n in (8, 9, 10):
        _cut(folder / f"ckpt-{n}.index")
    before = sorted(folder.iterdir())
    with pytest.raises(errors.UserError, match=r"no checkpoint in .* can be read; the newest"):
        _use_newest_good(folder)
    assert sorted(folder.iterdir()) == before


def _save(folder, step, kept):
    variable = tf.Variable(tf.fill([1000], float(step)))
    checkpoint = tf.train.Checkpoint(variable=variable)
    checkpoints.save(checkpoint, folder, kept, step, tf.distribute.get_strategy())


def test_checkpoints_that_no_file_named_are_removed_in_their_turn(folder):
    (folder / "checkpoint").unlink()
    _use_newest_good(folder)
    for step in (11, 12, 13):
        _save(folder, step, kept=2)
    assert checkpoint_files.steps(folder) == [12, 13]
    assert not list(folder.glob("ckpt-8*")) and _restored(folder) == 13


def test_tensorflow_itself_removes_them_as_well(folder):
    (folder / "checkpoint").unlink()
    _use_newest_good(folder)
    checkpoint = tf.train.Checkpoint(variable=tf.Variable(tf.zeros([1000])))
    tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=2).save(checkpoint_number=11)
    assert checkpoint_files.steps(folder) == [10, 11]


@pytest.mark.parametrize("use", [_use_newest_good, lambda folder: None])
def test_a_copy_of_a_folder_leaves_the_original_alone(use, folder, tmp_path_factory):
    tf.compat.v1.train.update_checkpoint_state(
        str(folder), str(folder / "ckpt-9"), [str(folder / f"ckpt-{step}") for step in (8, 9)]
    )
    use(folder)
    copy = tmp_path_factory.mktemp("copies") / "copy"
    shutil.copytree(folder, copy)
    before = sorted(folder.iterdir())
    _use_newest_good(copy)
    _save(copy, 11, kept=1)
    assert checkpoint_files.steps(copy) == [11] and _restored(copy) == 11
    assert sorted(folder.iterdir()) == before


def test_what_is_not_a_checkpoint_of_a_run_stays(folder):
    others = ["ckpt-final.index", "ckpt-8.txt", "ckpt-08.index", "ckpt-8.data-mine", "x.index"]
    for name in others:
        (folder / name).write_text("a user's own")
    (folder / "ckpt-99.index").mkdir()
    _use_newest_good(folder)
    _save(folder, 11, kept=1)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*others, "checkpoint", "ckpt-11.data-00000-of-00001", "ckpt-11.index", "ckpt-99.index"]
    )


def test_damaged_checkpoints_are_kept_beside_each_other(folder):
    (folder / "damaged-ckpt-10.index").write_text("a user's own")
    for _ in range(2):
        _cut(folder / "ckpt-10.index")
        _use_newest_good(folder)
        _save(folder, 10, kept=3)
    assert (folder / "damaged-ckpt-10.index").read_text() == "a user's own"
    assert {path.name for path in folder.glob("damaged-*.index")} == {
        f"damaged-{number}ckpt-10.index" for number in ("", "2-", "3-")
    }


def test_checkpoints_that_another_process_removes_meanwhile(folder, monkeypatch):
    damage_of = recovery.damage_of

    def removed(path):
        monkeypatch.setattr(recovery, "damage_of", damage_of)
        _save(folder, 11, kept=1)
        return "it is gone"

    monkeypatch.setattr(recovery, "damage_of", removed)
    assert recovery.find(folder) == (11, {})
