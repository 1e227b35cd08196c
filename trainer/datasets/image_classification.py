"""Any image-classification set of TensorFlow Datasets whose images are all of one shape."""

import math
import pathlib

import gin
import numpy as np
import tensorflow as tf

from models.layers import memory
from trainer.command import paths
from trainer.datasets import augmentation as augmentation_lib
from trainer.datasets import (
    dataset,
    decoded_images,
    indexed_batches,
    prepared_images,
    record_shards,
    tfds_builder,
)
from trainer.datasets import mixing as mixing_lib
from trainer.datasets import pixel_normalization as normalization_lib


@gin.configurable
class ImageClassification(prepared_images.PreparedImages):
    """Images and their classes, held in memory; for sets with images of one shape.

    Each split is held in memory, a byte for each value (47 MB for the training images of
    Fashion-MNIST, 154 MB for those of CIFAR-10; twice that while they are read). For larger sets,
    and images of various shapes, there is StreamedImages.

    See `PreparedImages` for the other arguments. Augmentation is keyed by (seed, example, epoch),
    so that the batch of a step is a function of (seed, step).

    Args:
      cache_dir: the folder in which decoded images are kept for the next run, as large as in
        memory; it may be removed at any time. None to keep none; by default
        growing_networks/decoded below $XDG_CACHE_HOME or ~/.cache.
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
        augmentation: augmentation_lib.Augmentation | None = None,
        normalization: normalization_lib.PixelNormalization | None = None,
        mixing: mixing_lib.Mixing | None = None,
        cache_dir: str | None = decoded_images.DEFAULT,
    ):
        super().__init__(
            name=name,
            data_dir=data_dir,
            batch_size=batch_size,
            train_split=train_split,
            test_split=test_split,
            test_batch_size=test_batch_size,
            seed=seed,
            augmentation=augmentation,
            normalization=normalization,
            mixing=mixing,
        )
        self._check_memory(name)
        if cache_dir not in (None, decoded_images.DEFAULT):
            cache_dir = paths.bound("ImageClassification.cache_dir", cache_dir)
        self._cache = decoded_images.folder(cache_dir)
        self._train = self._read("train_split", train_split)
        self._test = self._read("test_split", test_split)
        self._order = dataset.ShuffledOrder(len(self._train[1]), batch_size, seed)

    def _batches(self, first_step: int, rows: slice) -> tf.data.Dataset:
        """See `ClassifiedImages`."""
        if self._augmentation is not None or self._mixing is not None:
            return indexed_batches.endless(first_step, lambda step: self._batch(step, rows))
        numbers = (rows.stop - rows.start) * math.prod(self.image_shape)
        return indexed_batches.endless_by_groups(
            first_step, numbers, lambda steps: self._plain_batches(steps, rows)
        )

    def test(self) -> tf.data.Dataset:
        """See `Dataset.test`."""

        def batch(indices):
            images, labels = _gather(self._test, indices)
            return self._inputs(images), labels

        return indexed_batches.once(len(self._test[1]), self._test_batch_size, batch)

    def _batch(self, step: tf.Tensor, rows: slice) -> tuple[tf.Tensor, tf.Tensor]:
        """The examples `rows` of the training batch of a step."""
        indices = self._order.batch(step)[rows]
        images, labels = _gather(self._train, indices)
        images = self._augment(images, self._order.epochs(step)[rows], indices)
        return self._mix(self._inputs(images), labels, step)

    def _plain_batches(self, steps: tf.Tensor, rows: slice) -> tuple[tf.Tensor, tf.Tensor]:
        """The examples `rows` of the training batches of several steps, as they are in the set."""
        indices = self._order.batch(steps)[:, rows]
        images, labels = _gather(self._train, tf.reshape(indices, [-1]))
        inputs = self._inputs(images)
        return tf.reshape(inputs, [*indices.shape, *inputs.shape[1:]]), tf.reshape(
            labels, indices.shape
        )

    def _inputs_shape(self, name: str) -> tuple[int, int, int]:
        """See `PreparedImages`."""
        shape = self._builder.info.features[self._keys[0]].shape
        if None in shape:
            raise ValueError(
                f"ImageClassification.name = {name!r} has images of shape {shape}; this class "
                "keeps sets in memory, whose images must all be of one shape. Take StreamedImages, "
                "which crops images of various shapes to one"
            )
        return shape

    def _check_memory(self, name: str) -> None:
        """Raises a ValueError if the splits are larger than this machine's memory."""
        train, test = (
            self._splits[argument].num_examples * math.prod(self.image_shape)
            for argument in ("train_split", "test_split")
        )
        needed, available = max(2 * train, train + 2 * test), memory.size()
        if needed > available:
            raise ValueError(
                f"ImageClassification.name = {name!r} needs {needed / 1e9:.3g} GB while it is read "
                f"into memory, and this machine has {available / 1e9:.3g} GB. Take StreamedImages, "
                "which reads from disk while it trains, or a part, such as "
                'ImageClassification.train_split = "train[:10%]"'
            )

    def _read(self, argument: str, split: str) -> tuple[tf.Tensor, tf.Tensor]:
        """All images uint8 `[examples, height, width, channels]` and classes `[examples]`."""
        parts = [file for file in self._splits[argument].file_instructions if file.take]
        records = [(pathlib.Path(file.filename), (file.skip, file.take)) for file in parts]
        kept = decoded_images.DecodedImages(self._cache, records)
        images, labels = kept(lambda: self._decode(argument, split))
        with tf.device("CPU"):
            return tf.constant(images), tf.constant(labels)

    def _decode(self, argument: str, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Decodes what `_read` returns."""
        examples = self._splits[argument].num_examples
        # Everything stays in the host's memory, from where tf.data gathers.
        with tf.device("CPU"):
            data = self._builder.as_dataset(split=split).map(
                lambda example: tuple(example[key] for key in self._keys),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
            try:
                images, labels = data.batch(examples).get_single_element()
            except tf.errors.OpError as error:
                fault = self._fault(argument) or error
                raise ValueError(f"{self._owner}.{argument} = {split!r}: {fault}") from error
            labels = tf.cast(labels, tf.int32)
        if len(labels) < examples:
            raise ValueError(f"{self._owner}.{argument} = {split!r}: {self._fault(argument)}")
        if np.min(labels) < 0:
            raise tfds_builder.no_label(self._owner, argument, split, self._builder)
        return images.numpy(), labels.numpy()

    def _fault(self, argument: str) -> str | None:
        """Which record of a split is damaged or missing; None if that is not known."""
        try:
            shards = record_shards.RecordShards(self._owner, self._splits[argument], self._builder)
        except ValueError:  # Of another file format.
            return None
        parse = self._builder.info.features.deserialize_example
        return shards.fault(range(len(shards.lengths)), parse)


def _gather(split: tuple[tf.Tensor, tf.Tensor], indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The examples `indices`."""
    images, labels = split
    return tf.gather(images, indices), tf.gather(labels, indices)
