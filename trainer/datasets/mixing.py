"""Training on mixtures of two images, whose labels are mixed as well."""

import abc

import gin
import tensorflow as tf


class Mixing(abc.ABC):
    """A function of a training batch and a seed."""

    @abc.abstractmethod
    def __call__(
        self, images: tf.Tensor, labels: tf.Tensor, classes: int, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Mixes the images of a batch with each other.

        Args:
          images: float32 `[batch, height, width, channels]`, normalized.
          labels: int32 `[batch]`.
          classes: number of classes.
          seed: int32 `[2]`, of the step. The whole batch is mixed before it is distributed: a
            batch is the same on any number of workers, but not for another batch size.

        Returns:
          Images, and the shares of the classes in them, float32 `[batch, classes]`.
        """


@gin.configurable
class MixupAndCutmix(Mixing):
    """Model Garden's Mixup (arXiv:1710.09412) and Cutmix (arXiv:1905.04899).

    Image i of a batch of n is mixed with image n - 1 - i: by a weighted mean, or by a rectangle. To
    smooth labels besides, bind `Classification.label_smoothing`.

    Args:
      mixup_alpha: the mean's weight is drawn from Beta(alpha, alpha), for each image; 0: no Mixup.
      cutmix_alpha: as much for the share of the rectangle; 0: no Cutmix.
      probability: of mixing a batch.
      cutmix_probability: of Cutmix for a batch that is mixed, if there are both.

    Raises:
      ValueError: a number is out of range, or both alphas are 0.
    """

    def __init__(
        self,
        mixup_alpha: float = 0.8,
        cutmix_alpha: float = 1.0,
        probability: float = 1.0,
        cutmix_probability: float = 0.5,
    ):
        for name, alpha in [("mixup_alpha", mixup_alpha), ("cutmix_alpha", cutmix_alpha)]:
            if alpha < 0:
                raise ValueError(f"MixupAndCutmix.{name} = {alpha} must be at least 0")
        if not mixup_alpha and not cutmix_alpha:
            raise ValueError(
                "MixupAndCutmix.mixup_alpha and cutmix_alpha are both 0, which mixes nothing; bind "
                "no mixing instead"
            )
        for name, share in [
            ("probability", probability),
            ("cutmix_probability", cutmix_probability),
        ]:
            if not 0 <= share <= 1:
                raise ValueError(f"MixupAndCutmix.{name} = {share} must be from 0 to 1")
        self._cutmix = cutmix_alpha > 0
        self._arguments = {
            "mixup_alpha": mixup_alpha,
            "cutmix_alpha": cutmix_alpha,
            "prob": probability,
            "switch_prob": cutmix_probability,
            "label_smoothing": 0.0,
        }

    def __call__(
        self, images: tf.Tensor, labels: tf.Tensor, classes: int, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Mixing`.

        Raises:
          ValueError: Cutmix is asked for and the images have not 3 channels.
        """
        if self._cutmix and images.shape[-1] != 3:
            raise ValueError(
                f"MixupAndCutmix.cutmix_alpha = {self._arguments['cutmix_alpha']} must be 0 for "
                f"images of {images.shape[-1]} channels: Model Garden's Cutmix is for 3"
            )
        # They take as long to import as a small network to be built.
        from official.vision.ops import augment

        from trainer.upstream import model_garden_augment

        with model_garden_augment.keyed(seed):
            mixed, shares = augment.MixupAndCutmix(classes, **self._arguments)(images, labels)
        return tf.ensure_shape(mixed, images.shape), tf.ensure_shape(
            shares, [images.shape[0], classes]
        )
