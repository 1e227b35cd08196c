"""Decoded images are kept for the next run, and made anew whenever that is in doubt."""

import os
import pathlib

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests import tiny_fashion_mnist
from trainer.datasets import decoded_images
from trainer.datasets.image_classification import ImageClassification


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tiny_fashion_mnist.prepare(tmp_path_factory.mktemp("tfds"))


@pytest.fixture
def decodings(monkeypatch):
    """Counts how often a split is decoded; sets of any size are kept."""
    monkeypatch.setattr(decoded_images, "_LEAST_BYTES", 0)
    counted = []
    original = ImageClassification._decode

    def decode(self, argument, split):
        counted.append(split)
        return original(self, argument, split)

    monkeypatch.setattr(ImageClassification, "_decode", decode)
    return counted


def _images(data_dir, cache_dir, **arguments):
    with tiny_fashion_mnist.sizes():
        data = ImageClassification(
            "fashion_mnist", data_dir, batch_size=16, cache_dir=cache_dir, **arguments
        )
    return [
        [part.numpy() for part in next(iter(batches))] for batches in (data.train(0), data.test())
    ]


def _check_equal(found, expected):
    for batches in zip(found, expected, strict=True):
        for part, wanted in zip(*batches, strict=True):
            np.testing.assert_array_equal(part, wanted)
            assert part.dtype == wanted.dtype


def test_the_second_run_decodes_nothing_and_sees_the_same(data_dir, tmp_path, decodings):
    cache = str(tmp_path / "new" / "cache")
    expected = _images(data_dir, None)
    assert not (tmp_path / "new").exists()
    for decoded in (["train", "test"], []):
        decodings.clear()
        _check_equal(_images(data_dir, cache), expected)
        assert decodings == decoded
    assert len(list(pathlib.Path(cache).iterdir())) == 2


def test_parts_of_a_split_are_told_apart(data_dir, tmp_path, decodings):
    cache = str(tmp_path)
    _images(data_dir, cache)
    decodings.clear()
    part = _images(data_dir, cache, train_split="train[:50%]")
    assert decodings == ["train[:50%]"]
    _check_equal(part, _images(data_dir, None, train_split="train[:50%]"))


def test_records_that_were_written_anew_are_decoded_anew(data_dir, tmp_path, decodings):
    _images(data_dir, str(tmp_path))
    decodings.clear()
    builder = tfds.builder("fashion_mnist", data_dir=data_dir)
    (record,) = builder.info.splits["test"].filepaths
    os.utime(record, ns=(1, 1))
    _images(data_dir, str(tmp_path))
    assert decodings == ["test"]


@pytest.mark.parametrize("damage", [b"", b"PK", None])
def test_a_damaged_file_is_written_anew(data_dir, tmp_path, decodings, damage):
    expected = _images(data_dir, str(tmp_path))
    for file in tmp_path.iterdir():
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content if damage is None else damage)
    for decoded in (["train", "test"], []):
        decodings.clear()
        _check_equal(_images(data_dir, str(tmp_path)), expected)
        assert decodings == decoded


def test_a_cache_that_cannot_be_written_is_no_error(data_dir, tmp_path, decodings, capfd):
    (tmp_path / "file").touch()
    _check_equal(_images(data_dir, str(tmp_path / "file" / "below")), _images(data_dir, None))
    assert "decoded images are not kept for the next run in " in capfd.readouterr().err


def test_small_sets_are_not_kept(data_dir, tmp_path):
    _images(data_dir, str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_the_default_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert decoded_images.folder("default") == tmp_path / "growing_networks" / "decoded"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert decoded_images.folder("default") == tmp_path / ".cache" / "growing_networks" / "decoded"
    assert decoded_images.folder(None) is None
