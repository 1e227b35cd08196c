"""A Fashion-MNIST of a few images, for tests that must run without the real one."""

import gzip
import os
import pathlib
from unittest import mock

import numpy as np
from tensorflow_datasets.image_classification import mnist

from tools import prepare_fashion_mnist

TRAIN, TEST = 130, 20
CLASSES = 10


def write_source(folder: pathlib.Path) -> pathlib.Path:
    """Writes the four files: images of one brightness each, 0, 1, 2, ..., classes in turn."""
    folder.mkdir()
    for name in prepare_fashion_mnist.FILES:
        index = np.arange(TRAIN if name.startswith("train") else TEST, dtype=np.uint8)
        # TensorFlow Datasets skips the headers.
        content = (
            bytes(16) + index.repeat(28 * 28).tobytes()
            if "images" in name
            else bytes(8) + (index % CLASSES).tobytes()
        )
        (folder / name).write_bytes(gzip.compress(content))
    return folder


def sizes():
    """Within this context TensorFlow Datasets expects as many images as `write_source` writes."""
    return mock.patch.multiple(mnist, _TRAIN_EXAMPLES=TRAIN, _TEST_EXAMPLES=TEST)


def prepare(folder: pathlib.Path) -> str:
    """Prepares the tiny set in `folder`, and returns it as a `data_dir`."""
    with sizes():
        prepare_fashion_mnist.prepare(write_source(folder / "source"), folder)
    return os.fspath(folder)
