"""What all image-classification sets of TensorFlow Datasets share, however they are read."""

import tensorflow as tf

from models.layers import seeds
from trainer.command import paths
from trainer.datasets import augmentation as augmentation_lib
from trainer.datasets import dataset, example_seeds, tfds_builder
from trainer.datasets import mixing as mixing_lib
from trainer.datasets import pixel_normalization as normalization_lib


class PreparedImages(dataset.Dataset):
    """Images and their classes, from data that TensorFlow Datasets has prepared on this disk.

    Inputs are float32 `[batch, height, width, channels]`, targets class indices, int32 `[batch]`,
    or with `mixing` and in training float32 `[batch, classes]`. Nothing is ever downloaded.

    Args:
      name: the set's name in TensorFlow Datasets, e.g. "cifar10"; "emnist/letters" picks a
        configuration and "cifar10:3.0.2" a version.
      data_dir: the folder of prepared sets; None for TensorFlow Datasets' own default,
        $TFDS_DATA_DIR or ~/tensorflow_datasets.
      batch_size: examples in a training batch.
      train_split: training examples, also a part of a split such as "train[:90%]".
      test_split: test examples.
      test_batch_size: examples in a test batch.
      seed: seed of the order of training examples and of what is drawn for them.
      augmentation: of training images; None for none.
      normalization: of pixels; None leaves them from 0 to 1.
      mixing: of the images of a training batch with each other; None for none.

    Attributes:
      image_shape: (height, width, channels) of an input; set by the subclass.

    Raises:
      ValueError: the set or the split is unknown, is not prepared, does not consist of classified
        images that the class can take, or an argument is out of range or does not fit the images.
    """

    is_checked = True
    image_shape: tuple[int, int, int]

    def __init__(
        self,
        *,
        name: str,
        data_dir: str | None,
        batch_size: int,
        train_split: str,
        test_split: str,
        test_batch_size: int,
        seed: int,
        augmentation: augmentation_lib.Augmentation | None,
        normalization: normalization_lib.PixelNormalization | None,
        mixing: mixing_lib.Mixing | None,
    ):
        self._owner = type(self).__name__
        if data_dir is not None:
            data_dir = paths.bound(f"{self._owner}.data_dir", data_dir, of_datasets=True)
        self._builder = tfds_builder.find(self._owner, name, data_dir)
        self._keys = tfds_builder.image_and_label(self._owner, name, self._builder.info)
        self.image_shape = self._inputs_shape(name)
        tfds_builder.check_prepared(self._owner, name, data_dir, self._builder)
        self._splits = {
            argument: tfds_builder.split_info(self._owner, argument, split, self._builder)
            for argument, split in [("train_split", train_split), ("test_split", test_split)]
        }
        examples = self._splits["train_split"].num_examples
        for argument, value, most in [
            ("batch_size", batch_size, examples),
            ("test_batch_size", test_batch_size, None),
        ]:
            if value < 1 or (most is not None and value > most):
                limit = "at least 1" if most is None else f"between 1 and the {most} examples"
                raise ValueError(f"{self._owner}.{argument} = {value} must be {limit}")
        self.batch_size = batch_size
        self.output_width = self._builder.info.features[self._keys[1]].num_classes
        self._test_batch_size = test_batch_size
        # Traced once, not for each pipeline: every growth and every resumption makes one.
        self._augmentation = augmentation
        self._traced_augmentation = augmentation and tf.function(
            augmentation,
            input_signature=[
                tf.TensorSpec([None, *self.image_shape], tf.uint8),
                tf.TensorSpec([None, 2], tf.int32),
            ],
        )
        self._normalization = normalization
        self._mixing = mixing
        self._augmentation_seed = seeds.stream(seed, "augmentation")
        self._mixing_seed = seeds.stream(seed, "mixing")
        self._try_out()

    def train(self, first_step: int) -> tf.data.Dataset:
        """See `Dataset.train`."""
        return self._batches(first_step, slice(0, self.batch_size))

    def train_rows(self, first_step: int, rows: slice) -> tf.data.Dataset:
        """See `Dataset.train_rows`."""
        if self._mixing is not None:
            return super().train_rows(first_step, rows)  # What is mixed comes from the whole batch.
        return self._batches(first_step, rows)

    def served_spec(self) -> tf.TensorSpec:
        """See `Dataset.served_spec`: images of the set, uint8."""
        return tf.TensorSpec([None, *self.image_shape], tf.uint8, "images")

    def preprocess(self, served: tf.Tensor) -> tf.Tensor:
        """See `Dataset.preprocess`."""
        return self._inputs(served)

    def _batches(self, first_step: int, rows: slice) -> tf.data.Dataset:
        """Training batches with the examples `rows` of each; no others are made."""
        raise NotImplementedError

    def _inputs_shape(self, name: str) -> tuple[int, int, int]:
        """The shape of an input, or a ValueError if the set's images cannot be taken."""
        raise NotImplementedError

    def _augment(self, images: tf.Tensor, epochs: tf.Tensor, examples: tf.Tensor) -> tf.Tensor:
        """Augments uint8 `[batch, height, width, channels]`.

        Args:
          images: those of the training set whose numbers in the set are `examples`.
          epochs: that they are seen in, int64 `[batch]`.
          examples: int64 `[batch]`.
        """
        if self._augmentation is None:
            return images
        keys = example_seeds.example_seeds(self._augmentation_seed, epochs, examples)
        return tf.ensure_shape(self._traced_augmentation(images, keys), images.shape)

    def _inputs(self, images: tf.Tensor) -> tf.Tensor:
        """What the network sees of uint8 `[batch, height, width, channels]`: float32."""
        pixels = tf.cast(images, tf.float32) / 255.0
        return self._normalization(pixels) if self._normalization else pixels

    def _mix(
        self, inputs: tf.Tensor, labels: tf.Tensor, step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The training batch of `step`."""
        if self._mixing is None:
            return inputs, labels
        seed = tf.random.fold_in(self._mixing_seed, tf.cast(step, tf.int32))
        return self._mixing(inputs, labels, self.output_width, seed)

    def _try_out(self) -> None:
        """Has what does not fit the images fail here: tracing would bury the message."""
        images = tf.zeros([2, *self.image_shape], tf.uint8)
        if self._augmentation is not None:
            images = self._augmentation(images, tf.zeros([2, 2], tf.int32))
        self._mix(self._inputs(images), tf.zeros([2], tf.int32), tf.constant(0))


def ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Makes batches while the training step runs.

    Where TensorFlow shares them out to workers (in an evaluation), each takes its part of each.
    """
    options = tf.data.Options()
    # By default workers share files out, and a batch would depend on how many workers there are.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)
