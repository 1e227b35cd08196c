"""Data sets of TensorFlow Datasets, on tiny ones that are written here."""

import re
import socket

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from models.layers import memory
from tests import tiny_images
from trainer.datasets import augmentation, mixing
from trainer.datasets.image_classification import ImageClassification

CLASSES = 3
EXAMPLES = {"train": 10, "test": 7, "unlabeled": 4}


def example(split, index):
    """An image that shows its index."""
    label = -1 if split == "unlabeled" else index % CLASSES
    return {"image": np.full([2, 3, 1], index, np.uint8), "label": label}


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("tfds")
    tfds.dataset_builders.store_as_tfds_dataset(
        name="tiny",
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(2, 3, 1)),
                "label": tfds.features.ClassLabel(num_classes=CLASSES),
            }
        ),
        split_datasets={
            split: [(index, example(split, index)) for index in range(count)]
            for split, count in EXAMPLES.items()
        },
        data_dir=path,
    )
    return str(path)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError(f"the network was used: {args}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def build(data_dir, **arguments):
    return ImageClassification(**{"name": "tiny", "batch_size": 4} | arguments, data_dir=data_dir)


def indices(batches):
    return [np.rint(images[:, 0, 0, 0] * 255).astype(int).tolist() for images, _ in batches]


def test_batches_are_scaled_images_and_their_classes(data_dir):
    dataset = build(data_dir)
    assert (dataset.image_shape, dataset.output_width) == ((2, 3, 1), CLASSES)
    assert dataset.train(0).element_spec == (
        tf.TensorSpec([4, 2, 3, 1], tf.float32),
        tf.TensorSpec([4], tf.int32),
    )
    for images, labels in [next(iter(dataset.train(0))), *dataset.test()]:
        (shown,) = indices([(images, labels)])
        np.testing.assert_array_equal(labels, np.array(shown) % CLASSES)
        expected = np.broadcast_to(np.reshape(shown, [-1, 1, 1, 1]) / 255, images.shape)
        np.testing.assert_allclose(images, expected, rtol=1e-6)


def test_each_epoch_sees_each_example_once_in_a_new_order(data_dir):
    # Batches of 4 do not divide an epoch of 10: they run on across its border.
    shown = sum(indices(build(data_dir).train(0).take(5)), [])
    epochs = shown[:10], shown[10:]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 2
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("first_step", [1, 2, 5])
def test_a_batch_depends_on_its_step_alone(data_dir, first_step):
    resumed = build(data_dir).train(first_step).take(3)
    uninterrupted = build(data_dir).train(0).skip(first_step).take(3)
    assert indices(resumed) == indices(uninterrupted)


def test_the_order_depends_on_the_seed(data_dir):
    orders = [indices(build(data_dir, seed=seed).train(0).take(2)) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize(
    "test_batch_size, sizes", [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (9, [7])]
)
def test_the_test_examples_come_once_each(data_dir, test_batch_size, sizes):
    batches = indices(build(data_dir, test_batch_size=test_batch_size).test())
    assert [len(batch) for batch in batches] == sizes
    assert sorted(sum(batches, [])) == list(range(7))


def test_a_split_can_be_a_part(data_dir):
    dataset = build(data_dir, train_split="train[:60%]", test_split="train[60%:]", batch_size=6)
    (train,), (test,) = indices(dataset.train(0).take(1)), indices(dataset.test())
    assert sorted(train + test) == list(range(10))


@pytest.fixture(scope="session")
def cifar_dir(tmp_path_factory):
    return tiny_images.write_cifar(tmp_path_factory.mktemp("cifar"), train=30, test=10)


def epochs_of_pictures(cifar_dir, batch_size, first_step=0):
    """Two epochs of 30 images from `first_step` on: uint8 pictures, one after the other."""
    dataset = ImageClassification(
        "tiny_cifar",
        data_dir=cifar_dir,
        batch_size=batch_size,
        augmentation=augmentation.CropAndFlip(),
    )
    steps = 60 // batch_size - first_step
    shown = np.concatenate([images for images, _ in dataset.train(first_step).take(steps)])
    return np.uint8(np.rint(shown * 255))


def test_an_epoch_shows_a_crop_of_every_image_another_one_next_time(cifar_dir):
    shown = epochs_of_pictures(cifar_dir, 10)
    drawn = []
    for epoch in np.split(shown, 2):
        places = {}
        for index in range(30):
            padded = np.pad(tiny_images.picture(index, 32, 32), [(4, 4), (4, 4), (0, 0)])
            windows = np.lib.stride_tricks.sliding_window_view(padded, (32, 32), axis=(0, 1))
            windows = windows.transpose(0, 1, 3, 4, 2)  # [9, 9, 32, 32, 3]
            for place, picture in enumerate(epoch):
                for mirrored in (False, True):
                    unmirrored = picture[:, ::-1] if mirrored else picture
                    found = np.argwhere((windows == unmirrored).all(axis=(2, 3, 4)))
                    if len(found):
                        places[index] = (place, *found[0], mirrored)
        assert sorted(place for place, *_ in places.values()) == list(range(30))
        drawn.append({index: crop for index, (_, *crop) in places.items()})
    same = sum(drawn[0][index] == drawn[1][index] for index in range(30))
    assert same <= 3  # Of 162 crops, mirrored or not, two are the same once in 162 times.


def test_a_picture_does_not_depend_on_the_batch_size_or_the_first_step(cifar_dir):
    expected = epochs_of_pictures(cifar_dir, 10)
    for batch_size, first_step in [(1, 0), (30, 0), (10, 1), (10, 4), (12, 2)]:
        shown = epochs_of_pictures(cifar_dir, batch_size, first_step)
        np.testing.assert_array_equal(shown, expected[first_step * batch_size :][: len(shown)])


def test_evaluation_shows_the_images_as_they_are(cifar_dir):
    dataset = ImageClassification(
        "tiny_cifar",
        data_dir=cifar_dir,
        batch_size=1,
        augmentation=augmentation.CropAndFlip(),
        mixing=mixing.MixupAndCutmix(),
    )
    ((images, labels),) = dataset.test()
    assert labels.dtype == tf.int32
    shown = {np.uint8(np.rint(image * 255)).tobytes() for image in images.numpy()}
    assert shown == {tiny_images.picture(index, 32, 32).tobytes() for index in range(30, 40)}


def test_a_set_larger_than_memory_is_refused_before_it_is_read(data_dir, monkeypatch):
    monkeypatch.setattr(memory, "size", lambda: 143)
    with pytest.raises(ValueError, match="needs 1.44e-07 GB .* StreamedImages"):
        build(data_dir)
    monkeypatch.setattr(memory, "size", lambda: 144)
    build(data_dir)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(name="cifra10"), r"name = 'cifra10' is no set of .*did you mean .*cifar10"),
        (dict(name="a b"), r"name = 'a b': "),
        (dict(name="cifar10:9.9.9"), r"name = 'cifar10:9.9.9': .*only: 3"),
        (dict(name="kubric:movi_a"), r"other collections are not supported"),
        (dict(name="wordnet"), r"images \(Image\) with one class .*; it has lhs: Text"),
        (
            dict(name="imagenet2012"),
            r"shape \(None, None, 3\).* all be of one shape. Take StreamedImages",
        ),
        (dict(name="cifar10"), r"is not prepared in .*\n  tfds build cifar10 --data_dir=/.*\n"),
        (
            dict(name="fashion_mnist"),
            r"is not prepared in .*\n"
            r"  bazel run //tools:prepare_fashion_mnist -- --data_dir=/.*\n",
        ),
        (dict(train_split="trian"), r"train_split = 'trian' is no split of tiny: .*train"),
        (dict(test_split="test[9:]"), r"test_split = 'test\[9:\]' is no split .*7 examples"),
        (dict(test_split="unlabeled"), r"test_split = 'unlabeled' .*without a label"),
        (dict(batch_size=0), r"batch_size = 0 must be between 1 and the 10 examples"),
        (dict(batch_size=11), r"batch_size = 11 must be between 1 and the 10 examples"),
        (dict(test_batch_size=0), r"test_batch_size = 0 must be at least 1"),
    ],
)
def test_a_mistake_is_one_error_that_names_it(data_dir, arguments, message):
    with pytest.raises(ValueError, match="^ImageClassification") as raised:
        build(data_dir, **arguments)
    assert re.search(message, str(raised.value))
    # Not followed by the traceback of what TensorFlow Datasets raised.
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None or raised.value.__suppress_context__
