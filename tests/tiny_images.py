"""Small sets in the standard layout of TensorFlow Datasets, with encodings as of the real ones."""

import io
import pathlib

import numpy as np
import PIL.Image
import tensorflow_datasets as tfds

CLASSES = 5
# As in ImageNet: a few are gray or CMYK, and some files are not what they are called.
MODES = ["RGB", "RGB", "RGB", "L", "CMYK", "RGB"]
FORMATS = ["JPEG", "JPEG", "JPEG", "JPEG", "JPEG", "PNG"]


def picture(index: int, height: int, width: int) -> np.ndarray:
    """A smooth picture that no other index has, uint8 `[height, width, 3]`."""
    draw = np.random.default_rng(index)
    phase, frequency = draw.uniform(0, 6, 3), draw.uniform(0.5, 3, [2, 3])
    rows, columns = np.linspace(0, 1, height), np.linspace(0, 1, width)
    waves = frequency[0] * rows[:, None, None] + frequency[1] * columns[None, :, None] + phase
    return np.uint8(np.rint(127.5 + 120 * np.sin(waves)))


def encode(pixels: np.ndarray, mode: str = "RGB", image_format: str = "JPEG", **options) -> bytes:
    """The content of a file with these RGB pixels, in another color space."""
    content = io.BytesIO()
    PIL.Image.fromarray(pixels).convert(mode).save(content, image_format, **options)
    return content.getvalue()


def size(index: int) -> tuple[int, int]:
    """Height and width of a photograph, in pixels."""
    return 40 + index * 7 % 31, 40 + index * 11 % 37


def photograph(index: int) -> bytes:
    """The file of an image like those of ImageNet, small, of a size, color space and format."""
    kind = index % len(MODES)
    return encode(picture(index, *size(index)), MODES[kind], FORMATS[kind])


def write(
    folder: pathlib.Path,
    name: str,
    images: dict[str, list],
    image: tfds.features.Image,
    shards: int = 1,
    labeled: bool = True,
) -> str:
    """Writes images, for each split, with classes in turn or none; returns the `data_dir`."""
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {"image": image, "label": tfds.features.ClassLabel(num_classes=CLASSES)}
        ),
        split_datasets={
            split: [
                (index, {"image": content, "label": index % CLASSES if labeled else -1})
                for index, content in enumerate(contents)
            ]
            for split, contents in images.items()
        },
        data_dir=folder,
        download_config=tfds.download.DownloadConfig(num_shards=shards),
    )
    return str(folder)


def write_cifar(folder: pathlib.Path, train: int = 30, test: int = 10) -> str:
    """Writes `tiny_cifar`: 32x32 RGB, PNG."""
    images = [picture(index, 32, 32) for index in range(train + test)]
    return write(
        folder,
        "tiny_cifar",
        {"train": images[:train], "test": images[train:]},
        tfds.features.Image(shape=(32, 32, 3)),
    )


def write_imagenet(folder: pathlib.Path, train: int = 47, test: int = 12, shards: int = 7) -> str:
    """Writes `tiny_imagenet`: JPEG of various sizes, with the oddities of the real one."""
    images = [photograph(index) for index in range(train + test)]
    return write(
        folder,
        "tiny_imagenet",
        {"train": images[:train], "validation": images[train:]},
        tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
        shards,
    )


def write_as(folder: pathlib.Path, name: str, splits: dict[str, int]) -> str:
    """Writes a small set under the name, version and features of a real one.

    Args:
      folder: what is returned as the `data_dir`.
      name: of a set of TensorFlow Datasets with features `image` and `label`.
      splits: number of examples by name of the split.
    """
    real = tfds.builder(name, data_dir=folder)
    features = real.info.features

    def example(index):
        height, width, _ = features["image"].shape
        image = picture(index, height, width) if height else photograph(index)
        # Classes in turn, and for texts (file names and the like) something unique.
        return {"image": image} | {
            key: index % feature.num_classes
            if isinstance(feature, tfds.features.ClassLabel)
            else str(index)
            for key, feature in features.items()
            if key != "image"
        }

    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version=str(real.version),
        features=features,
        split_datasets={
            split: [(index, example(index)) for index in range(examples)]
            for split, examples in splits.items()
        },
        data_dir=folder,
    )
    return str(folder)
