"""Any image-classification set of TensorFlow Datasets whose images are all of one shape."""

import difflib

import gin
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from trainer.datasets import dataset

# What prepares a set without the internet, and what goes before its flags; the others are
# downloaded by `tfds build`.
_LOCAL_TOOLS = {"fashion_mnist": ("bazel run //tools:prepare_fashion_mnist", " --")}


@gin.configurable
class ImageClassification(dataset.Dataset):
    """Images and their classes, read from data that TensorFlow Datasets has prepared on this disk.

    Inputs are float32 `[batch, height, width, channels]` with pixels from 0 to 1, targets class
    indices, int32 `[batch]`. Each split is held in memory, a byte for each value (47 MB for the
    training images of Fashion-MNIST, 154 MB for those of CIFAR-10; twice that while they are read).
    Nothing is ever downloaded.

    Args:
      name: the set's name in TensorFlow Datasets, e.g. "cifar10"; "emnist/letters" picks a
        configuration and "cifar10:3.0.2" a version.
      data_dir: the folder of prepared sets; None for TensorFlow Datasets' own default,
        $TFDS_DATA_DIR or ~/tensorflow_datasets.
      batch_size: examples in a training batch.
      train_split: training examples, also a part of a split such as "train[:90%]".
      test_split: test examples.
      test_batch_size: examples in a test batch.
      seed: seed of the order of training examples.

    Attributes:
      image_shape: (height, width, channels).

    Raises:
      ValueError: the set or the split is unknown, is not prepared, does not consist of classified
        images of one shape, or a batch size is out of range.
    """

    def __init__(
        self,
        name: str = gin.REQUIRED,
        data_dir: str | None = None,
        batch_size: int = gin.REQUIRED,
        train_split: str = "train",
        test_split: str = "test",
        test_batch_size: int = 1000,
        seed: int = 0,
    ):
        builder = _builder(name, data_dir)
        self._keys = _image_and_label(name, builder.info)
        image, label = (builder.info.features[key] for key in self._keys)
        if not builder.is_prepared():
            command, separator = _LOCAL_TOOLS.get(builder.name, (f"tfds build {name}", ""))
            raise ValueError(
                f"ImageClassification.name = {name!r} is not prepared in {builder.data_dir}, and "
                "training downloads nothing. Prepare it with\n"
                f"  {command}{f'{separator} --data_dir={data_dir}' if data_dir else ''}\n"
                "or set ImageClassification.data_dir to the folder where it is"
            )
        self.image_shape: tuple[int, int, int] = image.shape
        self.output_width = label.num_classes
        self._train = self._read(builder, "train_split", train_split)
        self._test = self._read(builder, "test_split", test_split)
        examples = len(self._train[1])
        for argument, value, most in [
            ("batch_size", batch_size, examples),
            ("test_batch_size", test_batch_size, None),
        ]:
            if value < 1 or (most is not None and value > most):
                limit = "at least 1" if most is None else f"between 1 and the {most} examples"
                raise ValueError(f"ImageClassification.{argument} = {value} must be {limit}")
        self.batch_size = batch_size
        self._test_batch_size = test_batch_size
        self._order = dataset.ShuffledOrder(examples, batch_size, seed)

    def train(self, first_step: int) -> tf.data.Dataset:
        """See `Dataset.train`."""
        return _prefetched(
            tf.data.Dataset.counter(first_step),
            lambda step: _gather(self._train, self._order.batch(step)),
        )

    def test(self) -> tf.data.Dataset:
        """See `Dataset.test`."""
        examples, batch_size = len(self._test[1]), self._test_batch_size
        return _prefetched(
            tf.data.Dataset.range(0, examples, batch_size),
            lambda first: _gather(
                self._test, tf.range(first, tf.minimum(first + batch_size, examples))
            ),
        )

    def _read(
        self, builder: tfds.core.DatasetBuilder, argument: str, split: str
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """All images uint8 `[examples, height, width, channels]` and classes `[examples]`."""
        try:
            examples = builder.info.splits[split].num_examples
        except ValueError as error:
            raise ValueError(
                f"ImageClassification.{argument} = {split!r} is no split of {builder.name}: {error}"
            ) from None
        # Everything stays in the host's memory, from where tf.data gathers.
        with tf.device("CPU"):
            data = builder.as_dataset(split=split).map(
                lambda example: tuple(example[key] for key in self._keys),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
            images, labels = data.batch(examples).get_single_element()
            labels = tf.cast(labels, tf.int32)
        if np.min(labels) < 0:
            raise ValueError(
                f"ImageClassification.{argument} = {split!r} of {builder.name} holds examples "
                f"without a label; its splits are {', '.join(builder.info.splits)}"
            )
        return images, labels


def _builder(name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
    """The builder of the set `name`, which tells what it is and reads it."""
    try:
        # huggingface:mnist and the like are looked up in the internet.
        if tfds.core.naming.parse_builder_name_kwargs(name)[0].namespace:
            raise ValueError("sets of other collections are not supported")
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        raise ValueError(
            f"ImageClassification.name = {name!r} is no set of TensorFlow Datasets, nor prepared "
            f"in {data_dir or 'its default folder'}"
            + (f"; did you mean {' or '.join(near)}?" if near else "")
        ) from None
    except (AssertionError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"ImageClassification.name = {name!r}: {error}") from None


def _image_and_label(name: str, info: tfds.core.DatasetInfo) -> tuple[str, str]:
    """The names of the two features that are the image and its class."""
    features = dict(info.features.items())
    keys = info.supervised_keys or ("image", "label")
    image, label = (features.get(key) if isinstance(key, str) else None for key in keys[:2])
    if type(image) is not tfds.features.Image or type(label) is not tfds.features.ClassLabel:
        found = ", ".join(f"{key}: {type(feature).__name__}" for key, feature in features.items())
        raise ValueError(
            f"ImageClassification.name = {name!r} must be a set of images (Image) with one class "
            f"each (ClassLabel); it has {found}"
        )
    if None in image.shape or image.np_dtype != np.uint8:
        raise ValueError(
            f"ImageClassification.name = {name!r} has images of shape {image.shape} and type "
            f"{np.dtype(image.np_dtype).name}; this class keeps sets in memory, whose images must "
            "all be of one shape and of type uint8"
        )
    return keys[:2]


def _gather(split: tuple[tf.Tensor, tf.Tensor], indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The examples `indices`, with pixels from 0 to 1."""
    images, labels = split
    return tf.cast(tf.gather(images, indices), tf.float32) / 255.0, tf.gather(labels, indices)


def _prefetched(numbers: tf.data.Dataset, batch) -> tf.data.Dataset:
    """Maps `numbers` to batches, ahead of the training step and in order."""
    batches = numbers.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return batches.prefetch(tf.data.AUTOTUNE)
