"""Sets that are read from disk while the network trains, on tiny ones that are written here."""

import re
import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from official.vision.ops import augment

from tests import tiny_images
from trainer.datasets import (
    augmentation,
    image_crops,
    mixing,
    model_garden_augmentation,
    record_shards,
    shard_order,
)
from trainer.datasets.streamed_images import StreamedImages

TRAIN, TEST, SHARDS = 47, 12, 7


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    return tiny_images.write_imagenet(tmp_path_factory.mktemp("tfds"), TRAIN, TEST, SHARDS)


@pytest.fixture(scope="session")
def odd_dir(tmp_path_factory):
    """Sets that cannot be taken."""
    path = tmp_path_factory.mktemp("odd")
    rgba = np.zeros([4, 4, 4], np.uint8)
    tiny_images.write(path, "rgba", {"train": [rgba]}, tfds.features.Image(shape=(4, 4, 4)))
    gray = {"train": [rgba[..., :1]] * 10, "validation": [rgba[..., :1]]}
    feature = tfds.features.Image(shape=(4, 4, 1))
    tiny_images.write(path, "gray", gray, feature)
    tiny_images.write(path, "unlabeled", gray, feature, labeled=False)
    return str(path)


def build(data_dir, **arguments):
    defaults = {"name": "tiny_imagenet", "batch_size": 10, "image_size": 8, "shards_in_memory": 3}
    return StreamedImages(**defaults | arguments, data_dir=data_dir)


def batches(dataset, first_step, count):
    return [(x.numpy(), y.numpy()) for x, y in dataset.train(first_step).take(count)]


def order_of(data_dir, first_step, count, **arguments):
    """The examples of some batches, recognized by their pictures."""
    dataset = build(data_dir, train_crop=image_crops.CentreCrop(), **arguments)
    known = {}
    for index in range(TRAIN + TEST):
        image = image_crops.decode(
            tiny_images.photograph(index),
            lambda height, width: image_crops.CentreCrop()(height, width, None),
            3,
        )
        pixels = image_crops.resize(image, 8, "bicubic").numpy()
        known[np.float32(pixels / np.float32(255)).tobytes()] = index
    return [
        [known[image.tobytes()] for image in images]
        for images, labels in batches(dataset, first_step, count)
    ]


def test_every_epoch_sees_every_example_once_in_a_new_order(data_dir):
    # Batches of 10 do not divide an epoch of 47: they run on across its border.
    order = sum(order_of(data_dir, 0, 10), [])
    epochs = order[:TRAIN], order[TRAIN : 2 * TRAIN]
    assert [sorted(epoch) for epoch in epochs] == [list(range(TRAIN))] * 2
    assert epochs[0] != epochs[1]


def test_the_order_depends_on_the_seed(data_dir):
    orders = [order_of(data_dir, 0, 2, seed=seed) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("split", ["train[:50%]", "train[13:29]"])
def test_a_part_of_a_split_is_read_whole(data_dir, split):
    dataset = build(data_dir, train_split=split, batch_size=1)
    count = dataset._splits["train_split"].num_examples
    order = sum(order_of(data_dir, 0, count, train_split=split, batch_size=1), [])
    assert len(set(order)) == count


@pytest.mark.parametrize("first_step", [1, 4, 5, 23])
def test_a_batch_is_a_function_of_seed_and_step(data_dir, first_step):
    arguments = dict(augmentation=augmentation.CropAndFlip(1), mixing=mixing.MixupAndCutmix())
    resumed = batches(build(data_dir, **arguments), first_step, 3)
    uninterrupted = batches(build(data_dir, **arguments), 0, first_step + 3)[first_step:]
    for (inputs, targets), (expected, shares) in zip(resumed, uninterrupted, strict=True):
        np.testing.assert_array_equal(inputs, expected)
        np.testing.assert_array_equal(targets, shares)


def test_a_picture_does_not_depend_on_the_batch_size_but_on_the_epoch(data_dir):
    pictures = {
        size: np.concatenate(
            [x for x, _ in batches(build(data_dir, batch_size=size), 0, 2 * TRAIN // size)]
        )
        for size in (1, 10, 47)
    }
    for size in (1, 10):
        np.testing.assert_array_equal(pictures[size], pictures[47][: len(pictures[size])])
    epochs = [{picture.tobytes() for picture in half} for half in np.split(pictures[47], 2)]
    assert not epochs[0] & epochs[1]


def test_evaluation_sees_every_example_once_from_the_center(data_dir):
    dataset = build(data_dir, test_batch_size=5)
    test = [(x.numpy(), y.numpy()) for x, y in dataset.test()]
    assert [len(labels) for _, labels in test] == [5, 5, 2]
    for (x, y), (again, _) in zip(test, dataset.test(), strict=True):
        np.testing.assert_array_equal(x, again)
        assert y.dtype == np.int32
    shown = np.concatenate([x for x, _ in test])
    for index in range(TRAIN, TRAIN + TEST):
        picture = tiny_images.picture(index, *tiny_images.size(index))
        side = round(0.875 * min(picture.shape[:2]))
        top, left = ((length - side) // 2 for length in picture.shape[:2])
        center = tf.image.resize(picture[top : top + side, left : left + side], [8, 8], "bicubic")
        if index % len(tiny_images.MODES) == 3:
            center = tf.image.rgb_to_grayscale(center)
        nearest = np.abs(shown * 255 - center).mean(axis=(1, 2, 3)).min()
        assert nearest < 6, index  # JPEG loses as much.


def window(*values):
    return lambda height, width: tf.constant(values)


@pytest.mark.parametrize(
    "mode, image_format",
    [("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("L", "PNG"), ("RGB", "PNG")],
)
def test_every_encoding_becomes_rgb(mode, image_format):
    pixels = tiny_images.picture(0, 30, 40)
    encoded = tiny_images.encode(pixels, mode, image_format)
    decoded = image_crops.decode(encoded, window(5, 6, 20, 30), 3)
    assert decoded.shape == [20, 30, 3] and decoded.dtype == tf.uint8
    expected = pixels[5:25, 6:36]
    if mode == "L":
        expected = tf.image.rgb_to_grayscale(expected)
    assert np.abs(np.float32(decoded) - np.float32(expected)).mean() < 8  # JPEG loses as much.


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("part", [(0, 0, 30, 40), (0, 0, 9, 8), (7, 11, 16, 17), (29, 39, 1, 1)])
def test_decoding_a_part_is_decoding_all_and_cropping(mode, part):
    pixels = np.uint8(np.random.default_rng(0).integers(0, 256, [30, 40, 3]))
    encoded = tiny_images.encode(pixels, mode, subsampling=0)
    top, left, height, width = part
    np.testing.assert_array_equal(
        image_crops.decode(encoded, window(*part), 3),
        tf.io.decode_jpeg(encoded, channels=3)[top : top + height, left : left + width],
    )


def test_half_resolution_of_color_differs_along_the_edges_only():
    pixels = tiny_images.picture(0, 64, 64)
    encoded = tiny_images.encode(pixels, subsampling=2)
    whole = np.int32(tf.io.decode_jpeg(encoded, channels=3))[11:50, 13:54]
    part = np.int32(image_crops.decode(encoded, window(11, 13, 39, 41), 3))
    np.testing.assert_array_equal(part[2:-2, 2:-2], whole[2:-2, 2:-2])
    assert np.abs(part - whole).max() < 16


def test_inception_crops_lie_inside_and_are_of_the_bound_size():
    crop = image_crops.InceptionCrop(area=(0.1, 0.5))
    parts = np.array(
        [crop(tf.constant(300), tf.constant(500), tf.constant([7, i])) for i in range(300)]
    )
    top, left, height, width = parts.T
    assert (parts[:, :2] >= 0).all() and (top + height <= 300).all() and (left + width <= 500).all()
    areas, aspects = height * width / 150000, width / height
    assert 0.09 < areas.min() < 0.15 and 0.45 < areas.max() < 0.51
    assert 0.74 < aspects.min() < 0.8 and 1.25 < aspects.max() < 1.35
    again = crop(tf.constant(300), tf.constant(500), tf.constant([7, 3]))
    np.testing.assert_array_equal(parts[3], again)


@pytest.mark.parametrize("lengths, group", [([3, 1, 4, 1, 5], 2), ([5], 8), ([2, 2], 1)])
def test_reading_can_begin_anywhere(lengths, group):
    order = shard_order.ShardOrder(lengths, group, seed=0)
    sizes, position = [], 0
    for number in range(9):
        shards = order.shards(tf.constant(number, tf.int64)).numpy()
        sizes.append(sum(lengths[shard] for shard in shards))
        assert sizes[-1] <= order.most_examples
        for rest in range(sizes[-1]):
            assert order.seek(position + rest) == (number, rest)
        position += sizes[-1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(name="tiny_imagnet"), r"name = 'tiny_imagnet' is no set of"),
        (dict(name="imagenet2012"), r"is not prepared in .*\n  tfds build imagenet2012 --data_dir"),
        (dict(test_split="test"), r"test_split = 'test' is no split of .*validation"),
        (dict(batch_size=48), r"batch_size = 48 must be between 1 and the 47 examples"),
        (dict(image_size=0), r"image_size = 0 must be at least 1"),
        (dict(resize_method="cubic"), r"resize_method = 'cubic' must be one of .*bicubic"),
        (dict(shards_in_memory=0), r"shards_in_memory = 0 must be at least 1"),
        (dict(name="rgba"), r"images of 4 channels; they must be gray \(1\) or RGB \(3\)"),
        (dict(name="unlabeled"), r"train_split = 'train' of unlabeled holds .* without a label"),
        (
            dict(
                name="gray",
                augmentation=model_garden_augmentation.ModelGardenAugmentation(
                    augment.RandAugment()
                ),
            ),
            r"ModelGardenAugmentation needs images of 3 channels",
        ),
    ],
)
def test_a_mistake_is_one_error_that_names_it(data_dir, odd_dir, arguments, message):
    folder = odd_dir if arguments.get("name") in ("rgba", "gray", "unlabeled") else data_dir
    with pytest.raises(ValueError, match="^(StreamedImages|ModelGarden)") as raised:
        build(folder, **arguments)
    assert re.search(message, str(raised.value))


def test_other_files_than_tfrecords_are_refused_with_the_command_that_helps():
    info = types.SimpleNamespace(file_format=tfds.core.FileFormat.RIEGELI)
    builder = types.SimpleNamespace(info=info, name="tiny")
    with pytest.raises(ValueError, match=r"as riegeli, .*\n  tfds build tiny --file_format=tfr"):
        record_shards.RecordShards("StreamedImages", None, builder)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: image_crops.InceptionCrop(area=(0.5, 0.1)), r"InceptionCrop.area = "),
        (lambda: image_crops.InceptionCrop(aspect_ratio=(0.0, 1.0)), r"aspect_ratio = "),
        (lambda: image_crops.InceptionCrop(attempts=0), r"attempts = 0 must be at least 1"),
        (lambda: image_crops.CentreCrop(1.5), r"CentreCrop.fraction = 1.5 must be"),
    ],
)
def test_a_crop_that_cannot_be_is_one_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()
