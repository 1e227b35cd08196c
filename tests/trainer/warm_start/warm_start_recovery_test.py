"""Weights are read from the newest checkpoint that is whole, and what is not is named."""

import shutil

import pytest
import tensorflow as tf

from trainer.warm_start import named_weights


def _save(folder, steps, name="ckpt"):
    variable = tf.Variable([0.0], name="layer/kernel")
    checkpoint = tf.train.Checkpoint(model=tf.train.Checkpoint(kernel=variable))
    manager = tf.train.CheckpointManager(checkpoint, str(folder), None, checkpoint_name=name)
    for step in steps:
        variable.assign([float(step)])
        manager.save(checkpoint_number=step)


def _step(path):
    (value,) = named_weights.read(str(path)).values.values()
    return int(value[0])


@pytest.fixture
def model_dir(tmp_path):
    """A folder with the checkpoints of the steps 4, 8 and 12."""
    _save(tmp_path / "run" / "checkpoints", (4, 8, 12))
    return tmp_path / "run"


def _cut(folder, pattern):
    for file in folder.glob(pattern):
        file.write_bytes(file.read_bytes()[:10])


_STALE = 'model_checkpoint_path: "ckpt-4"'
_DAMAGES = {
    "nothing": (lambda folder: None, 12),
    "names missing": (lambda folder: (folder / "checkpoint").unlink(), 12),
    "names empty": (lambda folder: (folder / "checkpoint").write_text(""), 12),
    "names stale": (lambda folder: (folder / "checkpoint").write_text(_STALE), 12),
    "index cut": (lambda folder: _cut(folder, "ckpt-12.index"), 8),
    "data cut": (lambda folder: _cut(folder, "ckpt-12.data*"), 8),
    "shard missing": (lambda folder: (folder / "ckpt-12.data-00000-of-00001").unlink(), 8),
}


@pytest.mark.parametrize(("damage", "step"), _DAMAGES.values(), ids=_DAMAGES)
@pytest.mark.parametrize("place", ["", "checkpoints"])
def test_the_newest_whole_checkpoint_is_read(damage, step, place, model_dir):
    damage(model_dir / "checkpoints")
    before = {path: path.stat().st_mtime_ns for path in model_dir.rglob("*")}
    assert _step(model_dir / place) == step
    assert {path: path.stat().st_mtime_ns for path in model_dir.rglob("*")} == before


@pytest.mark.parametrize("damaged", ["ckpt-8.index", "ckpt-8.data*"])
def test_a_damaged_checkpoint_that_is_named_is_an_error(damaged, model_dir):
    checkpoint = model_dir / "checkpoints" / "ckpt-8"
    assert _step(checkpoint) == 8
    _cut(model_dir / "checkpoints", damaged)
    with pytest.raises(ValueError, match=f"WarmStart.path = '{checkpoint}': .*ckpt-8 is damaged: "):
        named_weights.read(str(checkpoint))


def test_a_folder_without_a_whole_checkpoint_is_an_error(model_dir):
    _cut(model_dir / "checkpoints", "*.index")
    with pytest.raises(
        ValueError, match="WarmStart.path = .*run': no checkpoint in .* can be read"
    ):
        named_weights.read(str(model_dir))


def test_checkpoints_of_other_programs_are_those_that_their_file_names(tmp_path):
    _save(tmp_path, (4, 8), name="model.ckpt")
    assert _step(tmp_path) == 8
    _cut(tmp_path, "model.ckpt-8.data*")
    with pytest.raises(ValueError, match="model.ckpt-8 is damaged"):
        named_weights.read(str(tmp_path))
    (tmp_path / "checkpoint").unlink()
    assert _step(tmp_path / "model.ckpt-4") == 4


@pytest.mark.parametrize("name", ["a[1]", "st*r", "what?"])
def test_a_path_that_tensorflow_takes_for_a_pattern_is_refused(name, model_dir):
    other = model_dir.with_name(name)
    shutil.move(model_dir, other)
    for path in (other, other / "checkpoints", other / "checkpoints" / "ckpt-8"):
        with pytest.raises(ValueError, match=r"WarmStart.path = .* has the character [*?\[]"):
            named_weights.read(str(path))
    model_dir.symlink_to(other)
    assert _step(model_dir) == 12
