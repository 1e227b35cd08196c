"""Images in a folder for each class."""

import math

import gin
import numpy as np
import tensorflow as tf

from models.layers import memory, seeds
from trainer.datasets import augmentation as augmentation_lib
from trainer.datasets import (
    classified_images,
    dataset,
    example_seeds,
    held_out,
    image_crops,
    image_files,
    indexed_batches,
)
from trainer.datasets import mixing as mixing_lib
from trainer.datasets import pixel_normalization as normalization_lib


@gin.configurable
class ImageFolder(classified_images.ClassifiedImages):
    """JPEG, PNG, GIF and BMP files in a folder for each class, such as `train/cat/1.jpg`.

    Inputs are float32 `[batch, height, width, channels]`, targets class indices, int32 `[batch]`,
    or with `mixing` and in training float32 `[batch, classes]`. The names of the folders are those
    of the classes, in the order of numbers, if all are numbers, or of the alphabet.

    The batch of a step is a function of (seed, step); so are crops and augmentation, which are
    keyed by (seed, example, epoch).

    Args:
      path: the folder of the training images, or with `test_fraction` of all.
      test_path: the folder of the test images, with the same classes.
      test_fraction: the share of the images of `path` that is for testing, e.g. 0.1, in place of
        `test_path`.
      image_size: height and width of an input, in pixels; None takes the images as they are, if
        all are of one shape.
      channels: 3 for color, 1 for gray; images of the other kind are converted.
      in_memory: whether all images are decoded at the start, and held, a byte for each value.
        Without it files are read while the network trains.
      train_crop: which part of a training image is taken, resized to `image_size`; for
        `in_memory = False`. None for the part that `test_crop` takes.
      test_crop: which part of a test image is taken; None for the largest square in the middle.
      resize_method: of interpolation, one of `tf.image.ResizeMethod`; "area" is best where images
        become much smaller.
      batch_size: examples in a training batch.
      test_batch_size: examples in a test batch.
      seed: seed of the order of training examples and of what is drawn for them.
      split_seed: seed of the choice of test examples by `test_fraction`; apart from `seed`, so that
        runs of several seeds are tested on the same examples.
      augmentation: of training images; None for none.
      normalization: of pixels; None leaves them from 0 to 1.
      mixing: of the images of a training batch with each other; None for none.

    Attributes:
      classes: their names, in the order of their indices.

    Raises:
      ValueError: an argument is wrong, a folder has no classes or an empty one, or with `in_memory`
        a file is no image; the message names it.
    """

    def __init__(
        self,
        path: str = gin.REQUIRED,
        test_path: str | None = None,
        test_fraction: float | None = None,
        image_size: int | None = None,
        channels: int = 3,
        in_memory: bool = True,
        train_crop: image_crops.Crop | None = None,
        test_crop: image_crops.Crop | None = None,
        resize_method: str = "bicubic",
        batch_size: int = gin.REQUIRED,
        test_batch_size: int = 500,
        seed: int = 0,
        split_seed: int = 0,
        augmentation: augmentation_lib.Augmentation | None = None,
        normalization: normalization_lib.PixelNormalization | None = None,
        mixing: mixing_lib.Mixing | None = None,
    ):
        held_out.check("ImageFolder", test_path, test_fraction)
        _check_reading(image_size, channels, in_memory, train_crop, test_crop, resize_method)
        files = image_files.find("ImageFolder.path", path)
        self.classes = files.classes
        if test_path is None:
            self._train, self._test = files.split(test_fraction, split_seed)
        else:
            self._train = files
            self._test = image_files.find("ImageFolder.test_path", test_path, files.classes)
        self._square = image_size and image_crops.Square(image_size, resize_method, channels)
        self._test_crop = test_crop or image_crops.CentreCrop(1.0)
        self._train_crop = train_crop or self._test_crop
        self._channels = channels
        super().__init__(
            image_shape=self._inputs_shape(image_size),
            classes=len(files.classes),
            examples=len(self._train.paths),
            batch_size=batch_size,
            test_batch_size=test_batch_size,
            seed=seed,
            augmentation=augmentation,
            normalization=normalization,
            mixing=mixing,
        )
        self._order = dataset.ShuffledOrder(len(self._train.paths), batch_size, seed)
        self._crop_seed = seeds.stream(seed, "crop")
        self._train_images = self._test_images = None
        if in_memory:
            self._check_memory()
            self._train_images, self._test_images = self._read(self._train), self._read(self._test)

    def _batches(self, first_step: int, rows: slice) -> tf.data.Dataset:
        """See `ClassifiedImages`."""
        return indexed_batches.endless(first_step, lambda step: self._batch(step, rows))

    def test(self) -> tf.data.Dataset:
        """See `Dataset.test`."""

        def batch(indices):
            return self._inputs(self._tested(indices)), tf.gather(self._test.labels, indices)

        return indexed_batches.once(len(self._test.paths), self._test_batch_size, batch)

    def unreadable(self, step: int | None) -> str | None:
        """See `Dataset.unreadable`."""
        if self._train_images is not None:
            return None
        if step is None:
            return self._fault(self._test, range(len(self._test.paths)))
        return self._fault(self._train, self._order.batch(tf.constant(step)).numpy())

    def served_spec(self) -> tf.TensorSpec:
        """See `Dataset.served_spec`: uint8, with `image_size` of any size, one for each batch."""
        if self._square is None:
            return super().served_spec()
        return tf.TensorSpec([None, None, None, self._channels], tf.uint8, "images")

    def preprocess(self, served: tf.Tensor) -> tf.Tensor:
        """See `Dataset.preprocess`: cropped and resized, with `image_size`."""
        if self._square is not None:
            served = self._square.decoded(served, self._test_crop)
        return self._inputs(served)

    def _inputs_shape(self, image_size):
        if image_size is not None:
            return image_size, image_size, self._channels
        first = self._train.paths[0]
        try:
            return tuple(image_crops.decode_whole(tf.io.read_file(first), self._channels).shape)
        except tf.errors.OpError as error:
            raise ValueError(f"ImageFolder: {_no_image(first, error)}") from None

    def _check_memory(self):
        """Raises a ValueError if the images are larger than this machine's memory."""
        train, test = (
            len(files.paths) * math.prod(self.image_shape) for files in (self._train, self._test)
        )
        needed, available = max(2 * train, train + 2 * test), memory.size()
        if needed > available:
            raise ValueError(
                f"ImageFolder.image_size = {self.image_shape[0]} needs {needed / 1e9:.3g} GB while "
                f"{len(self._train.paths) + len(self._test.paths)} images are read into memory, "
                f"and this machine has {available / 1e9:.3g} GB. ImageFolder.in_memory = False "
                "reads from disk while it trains"
            )

    def _batch(self, step: tf.Tensor, rows: slice) -> tuple[tf.Tensor, tf.Tensor]:
        """The examples `rows` of the training batch of a step."""
        indices, epochs = self._order.batch(step)[rows], self._order.epochs(step)[rows]
        images = self._augment(self._trained(indices, epochs), epochs, indices)
        return self._mix(self._inputs(images), tf.gather(self._train.labels, indices), step)

    def _trained(self, indices, epochs):
        """Training images as some epochs see them, uint8 `[n, height, width, channels]`."""
        if self._train_images is not None:
            return tf.gather(self._train_images, indices)
        keys = example_seeds.example_seeds(self._crop_seed, epochs, indices)
        return self._pictures(self._train, indices, self._train_crop, keys)

    def _tested(self, indices):
        """Test images, uint8 `[n, height, width, channels]`."""
        if self._test_images is not None:
            return tf.gather(self._test_images, indices)
        keys = tf.zeros([tf.size(indices), 2], tf.int32)
        return self._pictures(self._test, indices, self._test_crop, keys)

    def _pictures(self, files, indices, crop, keys):
        return tf.map_fn(
            lambda path_and_key: self._picture(path_and_key[0], crop, path_and_key[1]),
            (tf.gather(files.paths, indices), keys),
            fn_output_signature=tf.TensorSpec(self.image_shape, tf.uint8),
        )

    def _picture(self, path, crop, key):
        """The part of the image of a file that the network sees, uint8 `image_shape`."""
        encoded = tf.io.read_file(path)
        if self._square is None:
            return tf.ensure_shape(
                image_crops.decode_whole(encoded, self._channels), self.image_shape
            )
        return self._square.encoded(encoded, crop, key)

    def _read(self, files):
        """All images of files, uint8 `[files, height, width, channels]`."""
        key = tf.zeros([2], tf.int32)
        # Everything stays in the host's memory, from where tf.data gathers.
        with tf.device("CPU"):
            pictures = tf.data.Dataset.from_tensor_slices(list(files.paths)).map(
                lambda path: self._picture(path, self._test_crop, key),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
            try:
                return pictures.batch(len(files.paths)).get_single_element()
            except tf.errors.OpError as error:
                fault = self._fault(files, range(len(files.paths))) or error
                raise ValueError(f"ImageFolder: {fault}") from error

    def _fault(self, files, numbers):
        """Which of the files `numbers` cannot be taken; None if all can."""
        for path in (files.paths[number] for number in np.asarray(numbers)):
            try:
                shape = image_crops.decode_whole(tf.io.read_file(path), self._channels).shape
            except tf.errors.OpError as error:
                return _no_image(path, error)
            if self._square is None and tuple(shape) != self.image_shape:
                return (
                    f"{path} has {shape[1]} x {shape[0]} pixels, and {self._train.paths[0]} has "
                    f"{self.image_shape[1]} x {self.image_shape[0]}; ImageFolder.image_size = 64 "
                    "would make all images 64 x 64"
                )
        return None


def _check_reading(image_size, channels, in_memory, train_crop, test_crop, resize_method):
    if channels not in (1, 3):
        raise ValueError(f"ImageFolder.channels = {channels} must be 1 (gray) or 3 (color)")
    if image_size is not None:
        image_crops.check_resize("ImageFolder", image_size, resize_method)
    elif not in_memory or test_crop is not None:
        which = "ImageFolder.test_crop" if in_memory else "ImageFolder.in_memory = False"
        raise ValueError(f"{which} needs an ImageFolder.image_size, e.g. 224; none is bound")
    if in_memory and train_crop is not None:
        raise ValueError(
            "ImageFolder.train_crop takes another part of an image in each epoch, and needs "
            "ImageFolder.in_memory = False; ImageFolder.augmentation works in memory"
        )


def _no_image(path, error):
    """The text for a file that TensorFlow cannot read or decode."""
    if isinstance(error, tf.errors.InvalidArgumentError | tf.errors.UnimplementedError):
        return f"{path} is no {image_files.FORMATS}, or it is damaged or cut off"
    return f"{path} cannot be read: {error.message.partition(';')[2].strip() or error.message}"
