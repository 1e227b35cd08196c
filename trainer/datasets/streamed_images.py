"""Image-classification sets of TensorFlow Datasets that are too large for memory."""

import gin
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from models.layers import seeds
from trainer.datasets import augmentation as augmentation_lib
from trainer.datasets import (
    example_seeds,
    image_crops,
    indexed_batches,
    prepared_images,
    record_shards,
    shard_order,
    tfds_builder,
)
from trainer.datasets import mixing as mixing_lib
from trainer.datasets import pixel_normalization as normalization_lib


@gin.configurable
class StreamedImages(prepared_images.PreparedImages):
    """Images of any shape, read from disk while the network trains: ImageNet and the like.

    Each image is cropped and resized to `image_size`; a JPEG is decoded only where it is cropped.
    The crop and the augmentation are keyed by (seed, example, epoch) and the order of examples is
    a function of (seed, step), so that the batch of a step is; see shard_order.py. A run that is
    resumed reads only the files of the group of shards that it stopped in, and decodes no image
    that it does not train on.

    In memory are the files' content of two groups of shards (ImageNet: 2.3 GB with 8 shards of
    140 MB) and a few batches.

    Args:
      name: see `PreparedImages`, as for other arguments that are not here.
      image_size: height and width of an input, in pixels.
      train_crop: which part of a training image is taken.
      test_crop: which part of a test image is taken.
      resize_method: of interpolation, one of `tf.image.ResizeMethod`.
      shards_in_memory: shards whose examples are shuffled together; more shuffle better.
    """

    def __init__(
        self,
        name: str = gin.REQUIRED,
        data_dir: str | None = None,
        batch_size: int = gin.REQUIRED,
        train_split: str = "train",
        test_split: str = "validation",
        test_batch_size: int = 500,
        seed: int = 0,
        image_size: int = 224,
        train_crop: image_crops.Crop | None = None,
        test_crop: image_crops.Crop | None = None,
        resize_method: str = "bicubic",
        augmentation: augmentation_lib.Augmentation | None = None,
        normalization: normalization_lib.PixelNormalization | None = None,
        mixing: mixing_lib.Mixing | None = None,
        shards_in_memory: int = 8,
    ):
        image_crops.check_resize("StreamedImages", image_size, resize_method)
        if shards_in_memory < 1:
            raise ValueError(
                f"StreamedImages.shards_in_memory = {shards_in_memory} must be at least 1"
            )
        self._image_size = image_size
        self._train_crop = train_crop or image_crops.InceptionCrop()
        self._test_crop = test_crop or image_crops.CentreCrop()
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
        self._square = image_crops.Square(image_size, resize_method, self.image_shape[-1])
        self._crop_seed = seeds.stream(seed, "crop")
        self._train, self._test = (
            record_shards.RecordShards("StreamedImages", split, self._builder)
            for split in self._splits.values()
        )
        self._order = shard_order.ShardOrder(self._train.lengths, shards_in_memory, seed)
        self._check_labels("train_split", train_split, self._train)
        self._check_labels("test_split", test_split, self._test)

    def _batches(self, first_step: int, rows: slice) -> tf.data.Dataset:
        """See `ClassifiedImages`."""
        group, seen = self._order.seek(first_step * self.batch_size)
        groups = tf.data.Dataset.counter(group).map(self._read_group)
        # While one group is used up the next one is read.
        examples = groups.prefetch(1).flat_map(self._shuffled).skip(seen)
        examples = examples.enumerate().filter(lambda i, _: self._is_in(i, rows))
        pictures = examples.map(
            lambda _, example: self._train_picture(*example),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        batches = pictures.batch(rows.stop - rows.start, drop_remainder=True).enumerate(first_step)
        return indexed_batches.ahead(
            batches.map(
                lambda step, batch: self._mix(self._inputs(batch[0]), batch[1], step),
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=True,
            )
        )

    def _is_in(self, position, rows):
        """True if the example at a position in the training order is one of `rows`."""
        row = position % self.batch_size
        return (row >= rows.start) & (row < rows.stop)

    def test(self) -> tf.data.Dataset:
        """See `Dataset.test`."""
        shards = tf.range(len(self._test.lengths), dtype=tf.int64)
        pictures = self._test.read(shards).map(
            self._test_picture, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        return indexed_batches.ahead(
            pictures.batch(self._test_batch_size).map(
                lambda images, labels: (self._inputs(images), labels)
            )
        )

    def unreadable(self, step: int | None) -> str | None:
        """See `Dataset.unreadable`."""
        if step is None:
            shards = self._test
            return shards.fault(range(len(shards.lengths)), lambda r: self._test_picture(0, r))
        group, _ = self._order.seek(step * self.batch_size)
        epoch, number = tf.constant(0, tf.int64), tf.constant(0, tf.int64)
        # A batch may run on into the next group.
        groups = [self._order.shards(tf.constant(g, tf.int64)).numpy() for g in (group, group + 1)]
        return self._train.fault(
            np.concatenate(groups), lambda record: self._train_picture(epoch, number, record)
        )

    def served_spec(self) -> tf.TensorSpec:
        """See `Dataset.served_spec`: decoded pictures of any size, uint8, all of a batch of one."""
        return tf.TensorSpec([None, None, None, self.image_shape[-1]], tf.uint8, "images")

    def preprocess(self, served: tf.Tensor) -> tf.Tensor:
        """See `Dataset.preprocess`: cropped and resized."""
        return self._inputs(self._square.decoded(served, self._test_crop))

    def _inputs_shape(self, name: str) -> tuple[int, int, int]:
        """See `PreparedImages`."""
        channels = self._builder.info.features[self._keys[0]].shape[-1] or 3
        if channels not in (1, 3):
            raise ValueError(
                f"StreamedImages.name = {name!r} has images of {channels} channels; they must be "
                "gray (1) or RGB (3)"
            )
        return self._image_size, self._image_size, channels

    def _check_labels(self, argument, split, shards):
        """Raises a ValueError if the first example of a split has no label."""
        try:
            _, record = next(iter(shards.read(tf.zeros([1], tf.int64))))
            label = self._parse(record)[1]
        except (tf.errors.OpError, StopIteration) as error:
            fault = shards.fault([0], self._parse)
            raise ValueError(f"StreamedImages.{argument} = {split!r}: {fault or error}") from error
        if label < 0:
            raise tfds_builder.no_label("StreamedImages", argument, split, self._builder)

    def _read_group(self, group):
        """(group, the numbers of its examples `[n]`, their serialized content `[n]`)."""
        records = self._train.read(self._order.shards(group)).batch(self._order.most_examples)
        return group, *records.get_single_element()

    def _shuffled(self, group, numbers, records):
        """The examples of a group in the order of training, as (epoch, number, serialized)."""
        order = self._order.examples(group, tf.size(numbers, tf.int64))
        epoch = self._order.epoch(group)
        # Content is picked out one by one: gathering it would hold the group twice.
        return tf.data.Dataset.from_tensor_slices(order).map(
            lambda place: (epoch, numbers[place], records[place])
        )

    def _train_picture(self, epoch, number, record):
        """The picture that training sees of an example in an epoch, uint8, and its class."""
        encoded, label = self._parse(record)
        epochs, numbers = epoch[tf.newaxis], number[tf.newaxis]
        (seed,) = tf.unstack(example_seeds.example_seeds(self._crop_seed, epochs, numbers))
        image = self._square.encoded(encoded, self._train_crop, seed)
        return self._augment(image[tf.newaxis], epochs, numbers)[0], label

    def _test_picture(self, number, record):
        """The picture that evaluation sees of an example, uint8, and its class."""
        del number
        encoded, label = self._parse(record)
        return self._square.encoded(encoded, self._test_crop, tf.zeros([2], tf.int32)), label

    def _parse(self, record):
        """The encoded image and the class, int32, of a serialized example."""
        image, label = self._keys
        example = self._builder.info.features.deserialize_example(
            record, decoders={image: tfds.decode.SkipDecoding()}
        )
        return example[image], tf.cast(example[label], tf.int32)
