"""Images that cannot be read are named with their file and place."""

import pathlib
import shutil

import pytest
import tensorflow as tf

from tests import tiny_images
from trainer import objectives
from trainer.datasets.image_classification import ImageClassification
from trainer.datasets.streamed_images import StreamedImages
from trainer.objectives import data_faults


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    tiny_images.write_imagenet(folder, 47, 12, 7)
    tiny_images.write_cifar(folder)
    return folder


@pytest.fixture
def data_dir(whole, tmp_path):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    return tmp_path


def _streamed(data_dir):
    return StreamedImages(
        name="tiny_imagenet",
        batch_size=10,
        image_size=8,
        shards_in_memory=3,
        data_dir=str(data_dir),
    )


def _file(data_dir, name, split, shard=0) -> pathlib.Path:
    return sorted(data_dir.glob(f"{name}/*/{name}-{split}.tfrecord-*"))[shard]


def _records(file):
    return [record.numpy() for record in tf.data.TFRecordDataset(str(file))]


def _write(file, records):
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in records:
            writer.write(record)


def _spoil_picture(file, number):
    """An image of which a part is left, as after a download that broke off."""
    records = _records(file)
    example = tf.train.Example.FromString(records[number])
    image = example.features.feature["image"].bytes_list
    image.value[0] = image.value[0][:40]
    records[number] = example.SerializeToString()
    _write(file, records)


def _flip(file, number):
    """A record of which a byte is wrong."""
    content = bytearray(file.read_bytes())
    content[sum(len(r) + 16 for r in _records(file)[:number]) + 30] ^= 255
    file.write_bytes(bytes(content))


def _cut(file, number):
    """A file that ends within a record."""
    whole = sum(len(r) + 16 for r in _records(file)[:number])
    file.write_bytes(file.read_bytes()[: whole + 20])


def _lose(file, number):
    """A file that ends between two records."""
    _write(file, _records(file)[:number])


_DAMAGES = {
    _spoil_picture: "record 2 (from 0), is damaged: ",
    _flip: "record 2 (from 0), is damaged: corrupted record at",
    _cut: "record 2 (from 0), is damaged: truncated record at",
    _lose: "has 2 records, and 10 when it was prepared",
}


@pytest.mark.parametrize("damage", _DAMAGES)
def test_a_streamed_image_is_named_by_file_and_record(data_dir, damage):
    file = _file(data_dir, "tiny_imagenet", "train")
    message = _DAMAGES[damage].replace("10", str(len(_records(file))))
    damage(file, 2)
    data = _streamed(data_dir)
    faults = data_faults.DataFaults(data, objectives.Classification(), tiny_images.CLASSES)
    steps = 0
    with pytest.raises(tf.errors.OpError):
        for _ in data.train(0).take(20):
            steps += 1
    fault = faults.unreadable(steps + 1)
    assert fault.startswith("StreamedImages: ") and f"{file}" in fault and message in fault


def test_a_streamed_test_image_is_named_by_file_and_record(data_dir):
    file = _file(data_dir, "tiny_imagenet", "validation", shard=-1)
    _spoil_picture(file, 0)
    data = _streamed(data_dir)
    with pytest.raises(tf.errors.OpError):
        list(data.test())
    assert f"{file}, record 0 (from 0), is damaged: " in data.unreadable(None)


@pytest.mark.parametrize("damage", [_spoil_picture, _cut, _lose])
def test_an_image_in_memory_is_named_by_file_and_record(data_dir, damage):
    file = _file(data_dir, "tiny_cifar", "test")
    damage(file, 2)
    message = f"ImageClassification.test_split = 'test': {file}"
    with pytest.raises(ValueError, match=message) as raised:
        ImageClassification(name="tiny_cifar", batch_size=5, data_dir=str(data_dir))
    assert _DAMAGES[damage] in str(raised.value)


def test_a_first_record_that_is_damaged_is_named_at_the_start(data_dir):
    file = _file(data_dir, "tiny_imagenet", "train")
    _flip(file, 0)
    with pytest.raises(ValueError, match=rf"train_split = 'train': .*{file.name}, record 0"):
        _streamed(data_dir)
