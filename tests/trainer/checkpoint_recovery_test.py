import logging
import pathlib

import pytest
import tensorflow as tf

from trainer import checkpoint_recovery, errors


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
    found = checkpoint_recovery.find(folder)
    checkpoint_recovery.require_whole(folder, found)
    checkpoint_recovery.say(folder, found)
    checkpoint_recovery.tidy(folder, found)


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
