"""Crops of images of any shape, resized to one; a JPEG is decoded only where it is cropped."""

import abc
import dataclasses
from collections.abc import Callable, Sequence

import gin
import tensorflow as tf


class Crop(abc.ABC):
    """Which part of an image is taken."""

    @abc.abstractmethod
    def __call__(self, height: tf.Tensor, width: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The part to take of an image.

        Args:
          height: of the image, in pixels.
          width: of the image, in pixels.
          seed: int32 `[2]`, of the example in its epoch.

        Returns:
          (top, left, height, width) in pixels, int32 `[4]`.
        """


@gin.configurable
class InceptionCrop(Crop):
    """A random part of random size and aspect ratio (arXiv:1409.4842).

    Args:
      area: smallest and largest share of the image's area.
      aspect_ratio: smallest and largest width / height.
      attempts: how often a part is drawn before the whole image is taken, because none fitted in.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self,
        area: Sequence[float] = (0.08, 1.0),
        aspect_ratio: Sequence[float] = (3 / 4, 4 / 3),
        attempts: int = 100,
    ):
        if len(area) != 2 or not 0 < area[0] <= area[1] <= 1:
            raise ValueError(
                f"InceptionCrop.area = {area} must be two shares of the image, above 0, at most 1, "
                "the smaller first, e.g. (0.08, 1.0)"
            )
        if len(aspect_ratio) != 2 or not 0 < aspect_ratio[0] <= aspect_ratio[1]:
            raise ValueError(
                f"InceptionCrop.aspect_ratio = {aspect_ratio} must be two numbers above 0, the "
                "smaller first, e.g. (0.75, 1.33)"
            )
        if attempts < 1:
            raise ValueError(f"InceptionCrop.attempts = {attempts} must be at least 1")
        self._area = list(area)
        self._aspect_ratio = list(aspect_ratio)
        self._attempts = attempts

    def __call__(self, height: tf.Tensor, width: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `Crop`."""
        begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
            tf.stack([height, width, 1]),
            tf.zeros([1, 0, 4]),
            seed,
            min_object_covered=0.0,
            aspect_ratio_range=self._aspect_ratio,
            area_range=self._area,
            max_attempts=self._attempts,
            use_image_if_no_bounding_boxes=True,
        )
        return tf.concat([begin[:2], size[:2]], axis=0)


@gin.configurable
class CentreCrop(Crop):
    """The square in the middle, for evaluation.

    Args:
      fraction: its side, as a share of the image's shorter side: 0.875 is 224 of 256 pixels.

    Raises:
      ValueError: `fraction` is out of range.
    """

    def __init__(self, fraction: float = 0.875):
        if not 0 < fraction <= 1:
            raise ValueError(
                f"CentreCrop.fraction = {fraction} must be above 0 and at most 1, e.g. 0.875"
            )
        self._fraction = fraction

    def __call__(self, height: tf.Tensor, width: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `Crop`; nothing is drawn."""
        del seed
        side = tf.cast(tf.minimum(height, width), tf.float32) * self._fraction
        side = tf.maximum(tf.cast(tf.math.rint(side), tf.int32), 1)
        return tf.stack([(height - side) // 2, (width - side) // 2, side, side])


def decode(
    encoded: tf.Tensor, crop: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], channels: int
) -> tf.Tensor:
    """Decodes a part of an image.

    A JPEG is decoded there only; one of other color spaces (gray, CMYK) becomes RGB. The color of a
    JPEG whose color is stored at half the resolution may differ by a few levels along the edges of
    the part: where decoding all interpolates with a neighbor outside, this has none. PNG, GIF and
    BMP are recognized by their content, whatever the file was called, and decoded as a whole.

    Args:
      encoded: the file's content, a scalar string.
      crop: tells (top, left, height, width) from an image's height and width.
      channels: 3, or 1 for a gray image.

    Returns:
      uint8 `[height, width, channels]`.
    """

    def jpeg():
        shape = tf.image.extract_jpeg_shape(encoded)
        return tf.image.decode_and_crop_jpeg(encoded, crop(shape[0], shape[1]), channels=channels)

    def other():
        image = decode_whole(encoded, channels)
        return take(image, crop(tf.shape(image)[0], tf.shape(image)[1]))

    image = tf.cond(tf.io.is_jpeg(encoded), jpeg, other)
    return tf.ensure_shape(image, [None, None, channels])


def decode_whole(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes an image.

    Args:
      encoded: the content of a JPEG, PNG, GIF (of which the first picture is taken) or BMP file, a
        scalar string.
      channels: 3, or 1 for a gray image; others are converted.

    Returns:
      uint8 `[height, width, channels]`.
    """

    def converted():
        # TensorFlow decodes a GIF in color only, and a BMP with the channels that it has.
        image = tf.image.decode_image(encoded, channels=0, expand_animations=False)
        is_grey = tf.shape(image)[-1] == 1
        image = tf.cond(is_grey, lambda: tf.repeat(image, 3, axis=-1), lambda: image[..., :3])
        return image if channels == 3 else tf.image.rgb_to_grayscale(image)

    def decoded():
        return tf.image.decode_image(encoded, channels=channels, expand_animations=False)

    is_gif = tf.strings.substr(encoded, 0, 3) == b"GIF"
    is_bmp = tf.strings.substr(encoded, 0, 2) == b"BM"
    image = tf.cond(is_gif | is_bmp, converted, decoded)
    return tf.ensure_shape(image, [None, None, channels])


def take(images: tf.Tensor, part: tf.Tensor) -> tf.Tensor:
    """The part (top, left, height, width) of `[..., height, width, channels]`."""
    top, left, height, width = tf.unstack(part)
    return images[..., top : top + height, left : left + width, :]


def check_resize(owner: str, size: int, method: str) -> None:
    """Raises a ValueError naming `owner` unless `resize` can take these."""
    if size < 1:
        raise ValueError(f"{owner}.image_size = {size} must be at least 1")
    methods = [name for key, name in vars(tf.image.ResizeMethod).items() if key.isupper()]
    if method not in methods:
        raise ValueError(
            f"{owner}.resize_method = {method!r} must be one of {', '.join(sorted(methods))}"
        )


def resize(image: tf.Tensor, size: int, method: str) -> tf.Tensor:
    """Resizes to a square, back to whole levels.

    Args:
      image: uint8 `[height, width, channels]`, or a batch of such.
      size: height and width of the result, in pixels.
      method: of interpolation, for tf.image.resize.

    Returns:
      uint8 `[size, size, channels]`, or a batch of such.
    """
    resized = tf.image.resize(image, [size, size], method)
    return tf.cast(tf.clip_by_value(tf.math.rint(resized), 0.0, 255.0), tf.uint8)


@dataclasses.dataclass(frozen=True)
class Square:
    """Makes images of any shape squares of one size.

    Attributes:
      size: height and width, in pixels.
      method: of interpolation, one of `tf.image.ResizeMethod`.
      channels: 3, or 1 for gray images.
    """

    size: int
    method: str
    channels: int

    def encoded(self, content: tf.Tensor, crop: Crop, seed: tf.Tensor) -> tf.Tensor:
        """A part of the image of a file, uint8 `[size, size, channels]`."""
        image = decode(content, lambda height, width: crop(height, width, seed), self.channels)
        return resize(image, self.size, self.method)

    def decoded(self, images: tf.Tensor, crop: Crop) -> tf.Tensor:
        """The same part of each of some images `[n, height, width, channels]`; none is drawn."""
        shape = tf.shape(images)
        part = crop(shape[1], shape[2], tf.zeros([2], tf.int32))
        return resize(take(images, part), self.size, self.method)
