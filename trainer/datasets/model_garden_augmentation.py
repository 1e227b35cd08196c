"""RandAugment and AutoAugment, as Model Garden has them."""

import gin
import tensorflow as tf
from official.vision.ops import augment

from trainer.datasets import augmentation
from trainer.upstream import model_garden_augment

gin.external_configurable(augment.AutoAugment, "AutoAugment")
gin.external_configurable(augment.RandAugment, "RandAugment")

# Draws by NumPy, once when it is traced, and takes no tensor.
_NOT_KEYED = "Gaussian_Noise"


@gin.configurable
class ModelGardenAugmentation(augmentation.Augmentation):
    """An augmenter of Model Garden, for color images.

    What it draws is a function of the example's seed; see upstream/model_garden_augment.py. Its
    RandomErasing is for images with pixels around 0 and cannot be taken.

    Args:
      augmenter: `@RandAugment()` or `@AutoAugment()`, with their parameters as in Model Garden's
        official.vision.ops.augment.

    Raises:
      ValueError: the augmenter draws in a way that no seed reaches.
    """

    def __init__(self, augmenter: augment.ImageAugment = gin.REQUIRED):
        if isinstance(augmenter, augment.RandomErasing):
            raise ValueError(
                "ModelGardenAugmentation.augmenter = RandomErasing fills with numbers around 0, "
                "but images are augmented as pixels from 0 to 255; RandAugment's operation Cutout "
                "erases as well"
            )
        operations = [
            name for policy in getattr(augmenter, "policies", []) for name, *_ in policy
        ] + getattr(augmenter, "available_ops", [])
        if _NOT_KEYED in operations:
            raise ValueError(
                f"ModelGardenAugmentation.augmenter has the operation {_NOT_KEYED}, which draws by "
                "NumPy and so cannot be made a function of (seed, step); give "
                "AutoAugment.policies or AutoAugment.augmentation_name without it, "
                "e.g. 'reduced_cifar10'"
            )
        deviation = getattr(augmenter, "magnitude_std", 0)
        if deviation:
            raise ValueError(
                f"RandAugment.magnitude_std = {deviation} must be 0: several of Model Garden's "
                "operations fail on a magnitude that is drawn"
            )
        self._augmenter = augmenter

    def __call__(self, images: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """See `augmentation.Augmentation`.

        Raises:
          ValueError: the images have not 3 channels.
        """
        if images.shape[-1] != 3:
            raise ValueError(
                "ModelGardenAugmentation needs images of 3 channels (red, green, blue), but these "
                f"have {images.shape[-1]}; for others there is CropAndFlip"
            )

        def distort(example):
            image, seed = example
            with model_garden_augment.keyed(seed):
                return tf.ensure_shape(self._augmenter.distort(image), images.shape[1:])

        return tf.map_fn(distort, (images, seeds), fn_output_signature=images.dtype)
