# ruff: noqa: E501  A line is a case.
"""Folders of images, on tiny ones that are written here."""

import itertools
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny_images
from trainer.datasets import augmentation, image_crops
from trainer.datasets.image_folder import ImageFolder

_SIZE = 8


def _write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _flat(level, height=_SIZE, width=_SIZE):
    """A picture of one color whose channels differ."""
    return np.broadcast_to(np.uint8([level, 0, 255 - level]), [height, width, 3]).copy()


def _fill(folder, classes, images=6, height=_SIZE, width=_SIZE):
    """Writes images of all formats, whose first channel numbers them: 10, 20, ..."""
    formats = itertools.cycle(["PNG", "BMP", "PNG"])
    for number in range(len(classes) * images):
        kind = next(formats)
        name = f"{classes[number % len(classes)]}/{number // len(classes)}.{kind.lower()}"
        _write(folder / name, tiny_images.encode(_flat(10 * number, height, width), "RGB", kind))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Two classes, six images each, of one shape."""
    folder = tmp_path_factory.mktemp("pets")
    _fill(folder, ["cat", "dog"])
    return folder


@pytest.fixture
def pets(shared, tmp_path):
    return shutil.copytree(shared, tmp_path / "pets")


def _build(folder, **arguments):
    defaults = {"batch_size": 4, "test_fraction": None if "test_path" in arguments else 0.25}
    return ImageFolder(str(folder), **defaults | arguments)


def _batches(data, first_step, count):
    return list(itertools.islice(data.train(first_step).as_numpy_iterator(), count))


def _examples(data):
    return [np.concatenate(parts) for parts in zip(*data.test().as_numpy_iterator(), strict=True)]


def _numbers(inputs):
    """Which images of `_fill` these are."""
    return np.rint(inputs[:, 0, 0, 0] * 25.5).astype(int)


_READING = pytest.mark.parametrize("in_memory", [True, False], ids=["memory", "disk"])


@_READING
def test_every_image_is_for_training_or_for_testing(shared, in_memory):
    data = _build(shared, batch_size=9, test_batch_size=2, image_size=_SIZE, in_memory=in_memory)
    ((inputs, labels),) = _batches(data, 0, 1)
    tested, test_labels = _examples(data)
    assert (len(inputs), len(tested)) == (9, 3)
    numbers = _numbers(np.concatenate([inputs, tested]))
    np.testing.assert_array_equal(np.sort(numbers), np.arange(12))
    np.testing.assert_array_equal(np.concatenate([labels, test_labels]), numbers % 2)
    assert (data.classes, data.output_width) == (["cat", "dog"], 2)
    assert (inputs.dtype, inputs.shape, labels.dtype) == (np.float32, (9, 8, 8, 3), np.int32)


@_READING
def test_the_batch_of_a_step_is_a_function_of_seed_and_step(shared, in_memory):
    crop = None if in_memory else image_crops.InceptionCrop((0.2, 0.5))
    arguments = dict(image_size=6, in_memory=in_memory, train_crop=crop)
    arguments["augmentation"] = augmentation.CropAndFlip(2)
    batches = _batches(_build(shared, **arguments, seed=1), 0, 5)
    again = _batches(_build(shared, **arguments, seed=1), 3, 2)
    for one, other in zip(batches[3:], again, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    other_seed = _build(shared, **arguments, seed=2)
    assert not np.array_equal(batches[0][0], _batches(other_seed, 0, 1)[0][0])
    # Other seeds are tested on the same images; another split is not.
    first, other_split = _build(shared, seed=1), _build(shared, seed=1, split_seed=1)
    np.testing.assert_array_equal(_examples(first)[0], _examples(_build(shared, seed=2))[0])
    assert not np.array_equal(_examples(first)[0], _examples(other_split)[0])


def test_a_part_of_a_batch_is_that_of_the_whole(shared):
    data = _build(shared, image_size=6, in_memory=False, train_crop=image_crops.InceptionCrop())
    (whole, _), (part, labels) = (
        next(iter(batches)) for batches in (data.train(2), data.train_rows(2, slice(1, 3)))
    )
    np.testing.assert_array_equal(whole[1:3], part)
    assert len(labels) == 2


def test_a_crop_is_drawn_anew_in_each_epoch(tmp_path):
    for name in ("a", "b"):
        _write(tmp_path / name / "1.png", tiny_images.encode(tiny_images.picture(1, 40, 40), "RGB"))
    data = _build(
        tmp_path,
        test_path=str(tmp_path),
        batch_size=2,
        image_size=6,
        in_memory=False,
        train_crop=image_crops.InceptionCrop((0.1, 0.5)),
    )
    pictures = np.concatenate([inputs for inputs, _ in _batches(data, 0, 3)])
    assert len(np.unique(pictures.reshape(6, -1), axis=0)) == 6


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "L"), ("PNG", "RGBA"), ("PNG", "P"), ("GIF", "RGB"),
     ("BMP", "RGB"), ("BMP", "L")],
)  # fmt: skip
def test_formats_and_colors_are_converted(tmp_path, kind, mode, channels):
    for name in ("a", "b"):
        _write(tmp_path / f"{name}/1.{kind}", tiny_images.encode(_flat(100), mode, kind))
    data = _build(tmp_path, test_path=str(tmp_path), batch_size=1, channels=channels)
    inputs, _ = _examples(data)
    gray = round(0.299 * 100 + 0.114 * 155)
    expected = [gray] if channels == 1 else [gray] * 3 if mode == "L" else [100, 0, 155]
    # A JPEG and a palette of 216 colors lose some.
    np.testing.assert_allclose(inputs[0, 3, 3] * 255, expected, atol=20 if mode == "P" else 3)


@_READING
def test_images_of_all_shapes_give_the_square_in_their_middle(tmp_path, in_memory):
    wide = np.concatenate([np.zeros([4, 4, 3]), _flat(50, 4, 4), np.zeros([4, 4, 3])], axis=1)
    for name, picture in {"a/wide": wide, "b/high": wide.transpose(1, 0, 2)}.items():
        _write(tmp_path / f"{name}.png", tiny_images.encode(np.uint8(picture), "RGB", "PNG"))
    data = _build(
        tmp_path, test_path=str(tmp_path), batch_size=1, image_size=2, in_memory=in_memory
    )
    inputs, _ = _examples(data)
    np.testing.assert_array_equal(np.rint(inputs[..., 0] * 255), np.full([2, 2, 2], 50))
    # An exported network does the same.
    served = data.preprocess(tf.constant(wide[np.newaxis], tf.uint8))
    np.testing.assert_array_equal(served, inputs[:1])
    assert data.served_spec().shape.as_list() == [None, None, None, 3]


def test_a_test_folder_has_the_indices_of_training(pets, tmp_path):
    _fill(tmp_path / "test", ["dog"], images=2)
    data = _build(pets, test_path=str(tmp_path / "test"))
    np.testing.assert_array_equal(_examples(data)[1], [1, 1])


def test_classes_are_in_the_order_of_numbers_or_of_the_alphabet(tmp_path):
    for folder, classes in {"digits": ["10", "9", "2"], "words": ["é", "Z", "a"]}.items():
        _fill(tmp_path / folder, classes, images=1)
    arguments = {"test_path": str(tmp_path / "digits"), "batch_size": 1}
    assert _build(tmp_path / "digits", **arguments).classes == ["2", "9", "10"]
    # As a Mac writes it, and others do.
    _fill(tmp_path / "mac", ["e\u0301"], images=1)
    data = _build(tmp_path / "words", test_path=str(tmp_path / "mac"), batch_size=1)
    assert data.classes == ["Z", "a", "é"]
    np.testing.assert_array_equal(_examples(data)[1], [2])


def test_images_lie_at_any_depth_and_hidden_files_are_left_out(pets, caplog):
    (pets / "cat" / "old").mkdir()
    (pets / "cat" / "0.png").rename(pets / "cat" / "old" / "0.PNG")
    hidden = [".DS_Store", "cat/.DS_Store", "cat/._1.png", "dog/Thumbs.db", "__MACOSX/cat/1.png"]
    for name in hidden:
        _write(pets / name, b"no image")
    data = _build(pets)
    assert (data.classes, len(_examples(data)[1]), caplog.text) == (["cat", "dog"], 3, "")
    _write(pets / "dog" / "notes.txt", b"no image")
    _build(pets)
    assert "1 files are left out" in caplog.text and "notes.txt" in caplog.text


def test_a_file_that_breaks_while_it_trains_is_named(pets):
    data = _build(pets, batch_size=9, image_size=_SIZE, in_memory=False)
    assert data.unreadable(0) is None and data.unreadable(None) is None
    for path in pets.glob("*/*"):
        path.write_bytes(path.read_bytes()[:30])
    for step, batches in [(0, data.train(0)), (None, data.test())]:
        with pytest.raises(tf.errors.InvalidArgumentError):
            next(iter(batches))
        assert re.search(r"/(cat|dog)/\d\.(png|bmp) is no JPEG, .* cut off", data.unreadable(step))
    shutil.rmtree(pets)
    assert re.search(r"pets/.* cannot be read: No such file", data.unreadable(0))


def _spoil(name, content):
    return lambda folder: _write(folder / name, content)


_JPEG = tiny_images.encode(tiny_images.picture(1, 40, 40), "RGB")
_FAULTS = {
    "missing": (shutil.rmtree, {}, r"path = '.*pets' cannot be read: .*pets: No such file"),
    "no folder": (None, {"path": "cat/0.png"}, r"cat/0.png' cannot be read: .* Not a directory"),
    "no classes": (None, {"path": "cat"}, r"cat' has no folders, but files such as 0.png; it must"),
    "one class": (lambda f: shutil.rmtree(f / "dog"), {}, r"has one folder, cat, and there must be two"),
    "empty class": (lambda f: (f / "eel").mkdir(), {}, r"class 'eel' has no JPEG, .*, and no files"),
    "other files": (_spoil("eel/a.webp", b""), {}, r"class 'eel' has no JPEG.* such as a.webp"),
    "parts": (lambda f: [(f / a).rename(f / b) for a, b in [("cat", "train"), ("dog", "Val")]], {},
              r"has the folders Val, train, which are parts of a set"),
    "empty": (_spoil("dog/9.jpg", b""), {}, r"dog/9.jpg is no JPEG, PNG, GIF or BMP, or it is dam"),
    "truncated": (_spoil("dog/9.jpg", _JPEG[:-200]), {"image_size": 4}, r"dog/9.jpg is no JPEG"),
    "text": (_spoil("cat/0.png", b"<html>"), {}, r"cat/0.png is no JPEG"),
    "shapes": (_spoil("dog/9.jpg", _JPEG), {}, r"dog/9.jpg has 40 x 40 pixels, and .* has 8 x 8; ImageFolder.image_size = 64"),
    "channels": (None, {"channels": 4}, r"channels = 4 must be 1 \(gray\) or 3"),
    "size": (None, {"image_size": 0}, r"image_size = 0 must be at least 1"),
    "no size": (None, {"in_memory": False}, r"in_memory = False needs an ImageFolder.image_size"),
    "crop": (None, {"image_size": 4, "train_crop": image_crops.InceptionCrop()}, r"train_crop takes another part"),
    "batch": (None, {"batch_size": 10}, r"batch_size = 10 must be between 1 and the 9 examples"),
    "no test": (None, {"test_fraction": None}, r"ImageFolder.test_path or .* neither is bound"),
    "fraction": (None, {"test_fraction": 0.9, "batch_size": 1}, r"test_fraction = 0.9 leaves no image of the class '...'"),
    "test class": (None, {"test_path": "odd"}, r"test_path.* has the class 'dogs', .* mean 'dog'\? .* are cat, dog"),
}  # fmt: skip


@pytest.mark.parametrize("fault", _FAULTS)
def test_a_fault_is_named_with_its_place(pets, tmp_path, fault):
    spoil, arguments, message = _FAULTS[fault]
    if spoil:
        spoil(pets)
    if "test_path" in arguments:
        _fill(tmp_path / "odd", ["dogs"], images=1)
        arguments = {"test_path": str(tmp_path / "odd")}
    path = pets / arguments.get("path", "")
    with pytest.raises(ValueError, match=message):
        _build(path, **{name: value for name, value in arguments.items() if name != "path"})
