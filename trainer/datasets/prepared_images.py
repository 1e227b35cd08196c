"""The base class of image-classification sets of TensorFlow Datasets."""

from trainer.command import paths
from trainer.datasets import augmentation as augmentation_lib
from trainer.datasets import classified_images, tfds_builder
from trainer.datasets import mixing as mixing_lib
from trainer.datasets import pixel_normalization as normalization_lib


class PreparedImages(classified_images.ClassifiedImages):
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

    Raises:
      ValueError: the set or the split is unknown, is not prepared, does not consist of classified
        images that the class can take, or an argument is out of range or does not fit the images.
    """

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
        image_shape = self._inputs_shape(name)
        tfds_builder.check_prepared(self._owner, name, data_dir, self._builder)
        self._splits = {
            argument: tfds_builder.split_info(self._owner, argument, split, self._builder)
            for argument, split in [("train_split", train_split), ("test_split", test_split)]
        }
        super().__init__(
            image_shape=image_shape,
            classes=self._builder.info.features[self._keys[1]].num_classes,
            examples=self._splits["train_split"].num_examples,
            batch_size=batch_size,
            test_batch_size=test_batch_size,
            seed=seed,
            augmentation=augmentation,
            normalization=normalization,
            mixing=mixing,
        )

    def _inputs_shape(self, name: str) -> tuple[int, int, int]:
        """The shape of an input, or a ValueError if the set's images cannot be taken."""
        raise NotImplementedError
