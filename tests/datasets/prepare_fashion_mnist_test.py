"""Fashion-MNIST from local files."""

import collections
import gzip
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from absl import flags
from absl.testing import flagsaver
from tensorflow_datasets.image_classification import mnist

from tests import tiny_fashion_mnist
from tools import prepare_fashion_mnist
from trainer.datasets import image_classification

DEBIAN = pathlib.Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture
def source(tmp_path):
    with tiny_fashion_mnist.sizes():
        yield tiny_fashion_mnist.write_source(tmp_path / "source with a space")


def run(**arguments):
    flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(**{name: str(value) for name, value in arguments.items()}):
        return prepare_fashion_mnist.main(["prepare_fashion_mnist"])


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_tfds_reads_what_was_written(source, tmp_path):
    assert run(source_dir=source, data_dir=tmp_path / "data") == 0
    data, info = tfds.load("fashion_mnist", data_dir=tmp_path / "data", with_info=True)
    assert info.full_name.startswith("fashion_mnist/3.")
    assert info.features["label"].names[9] == "Ankle boot"
    sizes = {"train": tiny_fashion_mnist.TRAIN, "test": tiny_fashion_mnist.TEST}
    for split, count in sizes.items():
        examples = list(tfds.as_numpy(data[split]))
        indices = [example["image"][0, 0, 0] for example in examples]
        assert sorted(indices) == list(range(count))
        for index, example in zip(indices, examples, strict=True):
            np.testing.assert_array_equal(example["image"], np.full([28, 28, 1], index))
            assert example["label"] == index % tiny_fashion_mnist.CLASSES


def test_a_second_run_changes_nothing(source, tmp_path, capsys):
    run(source_dir=source, data_dir=tmp_path / "data")
    before = files(tmp_path / "data")
    capsys.readouterr()
    assert run(source_dir=tmp_path / "gone", data_dir=tmp_path / "data") == 0
    assert "already prepared in" in capsys.readouterr().out
    assert files(tmp_path / "data") == before


def test_data_dir_is_relative_to_the_callers_folder(source, tmp_path, monkeypatch):
    caller = tmp_path / "caller"
    caller.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUILD_WORKING_DIRECTORY", str(caller))
    assert run(source_dir="../source with a space", data_dir="data") == 0
    assert tfds.builder("fashion_mnist", data_dir=caller / "data").is_prepared()


def test_missing_files_are_one_message_and_status_2(source, tmp_path, capsys):
    (source / prepare_fashion_mnist.FILES[2]).unlink()
    assert run(source_dir=source, data_dir=tmp_path / "data") == 2
    message = capsys.readouterr().err
    assert "t10k-images-idx3-ubyte.gz" in message and "train-images" not in message
    assert "apt-get install dataset-fashion-mnist" in message
    assert not (tmp_path / "data").exists()


def test_too_little_disk_is_one_message_and_nothing_is_written(
    source, tmp_path, capsys, monkeypatch
):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(100, 100, 0))
    assert run(source_dir=source, data_dir=tmp_path / "data") == 2
    message = capsys.readouterr().err
    assert "too little disk: " in message and "--data_dir" in message and "TMPDIR" in message
    assert f"{tmp_path} and " in message  # Where data_dir will be, and the temporary folder.
    assert not (tmp_path / "data").exists()


def test_a_run_that_fails_leaves_nothing_half_written(source, tmp_path):
    (source / prepare_fashion_mnist.FILES[1]).write_bytes(b"no gzip")
    with pytest.raises(Exception, match="gz|magic|zlib|Not a"):
        run(source_dir=source, data_dir=tmp_path / "data")
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_data_appears_only_when_it_is_complete(source, tmp_path):
    labels = source / prepare_fashion_mnist.FILES[3]
    whole = labels.read_bytes()
    labels.write_bytes(whole[:-9])
    with pytest.raises(Exception, match="end-of-stream"):
        run(source_dir=source, data_dir=tmp_path / "data")
    assert not tfds.builder("fashion_mnist", data_dir=tmp_path / "data").is_prepared()
    labels.write_bytes(whole)
    assert run(source_dir=source, data_dir=tmp_path / "data") == 0


def test_the_trainer_reads_what_was_written(tmp_path):
    dataset = image_classification.ImageClassification(
        "fashion_mnist",
        data_dir=tiny_fashion_mnist.prepare(tmp_path),
        batch_size=tiny_fashion_mnist.TRAIN,
    )
    assert (dataset.image_shape, dataset.output_width) == ((28, 28, 1), 10)
    images, _ = next(iter(dataset.train(0)))
    assert len(np.unique(images)) == tiny_fashion_mnist.TRAIN


@pytest.mark.skipif(not DEBIAN.exists(), reason="needs Debian's package dataset-fashion-mnist")
def test_debians_files_are_fashion_mnist(tmp_path, monkeypatch):
    # All 70 000 images take 15 s to write: here the first of each split, and the labels of all.
    monkeypatch.setattr(mnist, "_TRAIN_EXAMPLES", 600)
    monkeypatch.setattr(mnist, "_TEST_EXAMPLES", 100)
    assert run(source_dir=DEBIAN, data_dir=tmp_path) == 0
    data = tfds.load("fashion_mnist", data_dir=tmp_path, as_supervised=True, batch_size=-1)
    for split, prefix, examples in [("train", "train", 60000), ("test", "t10k", 10000)]:
        images, labels = (
            np.frombuffer(gzip.decompress(path.read_bytes())[header:], np.uint8)
            for header, path in [
                (16, DEBIAN / f"{prefix}-images-idx3-ubyte.gz"),
                (8, DEBIAN / f"{prefix}-labels-idx1-ubyte.gz"),
            ]
        )
        assert images.size == examples * 28 * 28
        np.testing.assert_array_equal(np.bincount(labels), [examples / 10] * 10)
        written, classes = data[split]
        first = images[: written.numpy().size].reshape(written.shape)
        # TensorFlow Datasets writes examples in an order of its own.
        pairs = [
            sorted((label, image.tobytes()) for image, label in zip(*arrays, strict=True))
            for arrays in [(first, labels[: len(first)]), (written.numpy(), classes.numpy())]
        ]
        assert pairs[0] == pairs[1]
