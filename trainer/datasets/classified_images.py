"""Images and their classes, wherever they come from: augmentation, normalization and mixing."""

import tensorflow as tf

from models.layers import seeds
from trainer.datasets import augmentation as augmentation_lib
from trainer.datasets import dataset, example_seeds
from trainer.datasets import mixing as mixing_lib
from trainer.datasets import pixel_normalization as normalization_lib


class ClassifiedImages(dataset.Dataset):
    """Batches of images and their classes; a subclass reads the images.

    Inputs are float32 `[batch, height, width, channels]`, targets class indices, int32 `[batch]`,
    or with `mixing` and in training float32 `[batch, classes]`.

    Args:
      image_shape: (height, width, channels) of an input.
      classes: how many there are.
      examples: for training.
      batch_size: examples in a training batch.
      test_batch_size: examples in a test batch.
      seed: seed of what is drawn for training examples.
      augmentation: of training images; None for none.
      normalization: of pixels; None leaves them from 0 to 1.
      mixing: of the images of a training batch with each other; None for none.

    Attributes:
      image_shape: (height, width, channels) of an input.

    Raises:
      ValueError: an argument is out of range or does not fit the images.
    """

    is_checked = True

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        classes: int,
        examples: int,
        batch_size: int,
        test_batch_size: int,
        seed: int,
        augmentation: augmentation_lib.Augmentation | None,
        normalization: normalization_lib.PixelNormalization | None,
        mixing: mixing_lib.Mixing | None,
    ):
        dataset.check_batch_sizes(type(self).__name__, batch_size, examples, test_batch_size)
        self.image_shape = image_shape
        self.batch_size = batch_size
        self.output_width = classes
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
        """Maps uint8 images `[batch, height, width, channels]` to the network's float32 inputs."""
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
