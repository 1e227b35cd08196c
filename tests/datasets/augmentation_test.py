"""Augmentation is a function of an image and its seed."""

import re

import numpy as np
import pytest
import tensorflow as tf
from official.vision.ops import augment

from tests import tiny_images
from trainer.datasets import (
    augmentation,
    example_seeds,
    mixing,
    model_garden_augmentation,
    pixel_normalization,
)
from trainer.upstream import model_garden_augment

IMAGES = np.stack([tiny_images.picture(index, 12, 10) for index in range(6)])


def seeds(epoch=0, examples=range(6), stream=(1, 2)):
    examples = tf.constant(list(examples), tf.int64)
    epochs = tf.fill(tf.shape(examples), tf.constant(epoch, tf.int64))
    return example_seeds.example_seeds(tf.constant(stream), epochs, examples)


def model_garden(**arguments):
    return model_garden_augmentation.ModelGardenAugmentation(
        augment.RandAugment(translate_const=4, cutout_const=4, **arguments)
    )


AUGMENTATIONS = {
    "CropAndFlip": augmentation.CropAndFlip(),
    "Chain": augmentation.Chain([augmentation.CropAndFlip(2), augmentation.CropAndFlip()]),
    "RandAugment": model_garden(num_layers=1, prob_to_apply=0.9),
    "AutoAugment": model_garden_augmentation.ModelGardenAugmentation(
        augment.AutoAugment(
            policies=[
                [("Cutout", 0.8, 8), ("ShearX", 0.5, 4)],
                [("Invert", 0.5, 4), ("Rotate", 0.5, 6)],
            ],
            cutout_const=4,
        )
    ),
}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_picture_is_a_function_of_image_and_seed_alone(name):
    augmented = tf.function(AUGMENTATIONS[name])
    pictures = augmented(IMAGES, seeds()).numpy()
    assert pictures.shape == IMAGES.shape and pictures.dtype == np.uint8
    # Whatever was drawn before, in another trace, in another place of a smaller batch.
    tf.random.uniform([7])
    order = [4, 0, 3]
    again = tf.function(AUGMENTATIONS[name])(IMAGES[order], seeds(examples=order))
    np.testing.assert_array_equal(again, pictures[order])
    assert not np.array_equal(augmented(IMAGES, seeds(epoch=1)), pictures)
    assert not np.array_equal(augmented(IMAGES, seeds(stream=(1, 3))), pictures)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_nothing_is_drawn_from_a_state(name):
    spec = tf.TensorSpec([2, 12, 10, 3], tf.uint8), tf.TensorSpec([2, 2], tf.int32)
    graph = tf.function(AUGMENTATIONS[name]).get_concrete_function(*spec).graph.as_graph_def()
    operations = {node.op for node in graph.node}
    operations |= {node.op for function in graph.library.function for node in function.node_def}
    drawing = {kind for kind in operations if "Random" in kind or "Multinomial" in kind}
    assert drawing or name == "CropAndFlip"  # Which needs no more than the seeds themselves.
    assert all(re.match("Stateless|RandomIndexShuffle", kind) for kind in drawing), drawing


def test_model_garden_draws_from_a_state_where_it_is_not_keyed():
    spec = tf.TensorSpec([12, 10, 3], tf.uint8)
    distort = augment.RandAugment(num_layers=1).distort
    graph = tf.function(distort).get_concrete_function(spec).graph.as_graph_def()
    assert any(node.op == "RandomUniform" for node in graph.node)


def test_model_garden_has_its_own_random_numbers_outside():
    AUGMENTATIONS["RandAugment"](IMAGES, seeds())
    assert augment.tf is tf
    with pytest.raises(NotImplementedError, match=r"tf\.random\.shuffle"):
        with model_garden_augment.keyed(tf.constant([0, 1])):
            augment.tf.random.shuffle([1, 2])
    assert augment.tf is tf


@pytest.mark.parametrize("padding", [0, 1, 4])
def test_pictures_are_crops_of_the_padded_image_or_mirrored_ones(padding):
    image = IMAGES[0]
    count = 1000
    border = (padding, padding)
    padded = np.pad(image, [border, border, (0, 0)])
    height, width, _ = image.shape
    valid = {}
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            crop = padded[top : top + height, left : left + width]
            valid[crop.tobytes()] = (top, left, 0)
            valid[crop[:, ::-1].tobytes()] = (top, left, 1)
    assert len(valid) == 2 * (2 * padding + 1) ** 2
    pictures = augmentation.CropAndFlip(padding)(
        np.broadcast_to(image, [count, *image.shape]), seeds(examples=range(count))
    )
    drawn = [valid[picture.tobytes()] for picture in pictures.numpy()]
    # Each as often as chance has it: chi-squared within five deviations of its mean.
    expected = count / len(valid)
    counts = [drawn.count(choice) for choice in valid.values()]
    chi_squared = sum((n - expected) ** 2 / expected for n in counts)
    assert chi_squared < len(valid) + 5 * np.sqrt(2 * len(valid))


def test_seeds_of_neighbors_have_nothing_in_common():
    examples = range(20000)
    first, second = (seeds(epoch, examples).numpy() for epoch in (0, 1))
    pairs = [(first[:, 0], first[:, 1]), (first[1:], first[:-1]), (first, second)]
    for one, other in pairs:
        for bit in (0, 1, 15, 30):
            agree = np.mean((one >> bit & 1) == (other >> bit & 1))
            assert abs(agree - 0.5) < 4 / np.sqrt(len(examples)), bit


def batch(count=8, channels=3):
    images = tf.random.stateless_uniform([count, 8, 8, channels], [0, 1])
    return images, tf.range(count) % 3


@pytest.mark.parametrize(
    "arguments", [dict(cutmix_alpha=0.0), dict(mixup_alpha=0.0), dict(), dict(probability=0.0)]
)
def test_mixed_labels_are_the_shares_of_the_mixed_images(arguments):
    mix = mixing.MixupAndCutmix(**arguments)
    images, labels = batch()
    results = [
        tf.function(mix)(images, labels, 3, tf.constant(seed)) for seed in ([1, 2], [1, 2], [1, 3])
    ]
    for mixed, shares in results:
        assert mixed.shape == images.shape and shares.shape == [8, 3]
        np.testing.assert_allclose(tf.reduce_sum(shares, axis=1), 1, rtol=1e-5)
    for one, other in zip(results[0], results[1], strict=True):
        np.testing.assert_array_equal(one, other)
    mixed, shares = results[0]
    if "probability" in arguments:
        np.testing.assert_array_equal(mixed, images)
        np.testing.assert_array_equal(shares, tf.one_hot(labels, 3))
        return
    assert not np.array_equal(mixed, results[2][0])
    if "cutmix_alpha" in arguments:
        # Image i with weight w is mixed with image 7 - i with weight 1 - w.
        own, other = tf.one_hot(labels, 3).numpy(), tf.one_hot(labels[::-1], 3).numpy()
        for i in np.flatnonzero((own != other).any(axis=1)):
            weight = shares[i, labels[i]]
            np.testing.assert_allclose(
                mixed[i], weight * images[i] + (1 - weight) * images[7 - i], atol=1e-5
            )


def test_normalization_by_channel_and_by_image():
    images = tf.constant(IMAGES, tf.float32) / 255
    mean, deviation = (function(images, axis=(0, 1, 2)) for function in (np.mean, np.std))
    normalization = pixel_normalization.ChannelNormalization(mean.tolist(), deviation.tolist())
    normalized = normalization(images).numpy()
    np.testing.assert_allclose(normalized.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(normalized.std(axis=(0, 1, 2)), 1, rtol=1e-5)
    standard = pixel_normalization.ImageStandardization()(images).numpy()
    np.testing.assert_allclose(standard.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(standard.std(axis=(1, 2, 3)), 1, rtol=1e-4)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: augmentation.CropAndFlip(-1), r"CropAndFlip.padding = -1 must be at least 0"),
        (lambda: augmentation.Chain([]), r"Chain.augmentations = \[\] must name at least one"),
        (lambda: model_garden(magnitude_std=0.5), r"RandAugment.magnitude_std = 0.5 must be 0"),
        (
            lambda: model_garden_augmentation.ModelGardenAugmentation(
                augment.AutoAugment("deit3_three_augment")
            ),
            r"operation Gaussian_Noise.*'reduced_cifar10'",
        ),
        (
            lambda: model_garden_augmentation.ModelGardenAugmentation(augment.RandomErasing()),
            r"RandomErasing fills",
        ),
        (lambda: model_garden()(IMAGES[..., :1], seeds()), r"needs images of 3 channels .* 1"),
        (lambda: mixing.MixupAndCutmix(mixup_alpha=-1.0), r"mixup_alpha = -1.0 must be at least 0"),
        (lambda: mixing.MixupAndCutmix(0.0, 0.0), r"are both 0"),
        (lambda: mixing.MixupAndCutmix(probability=2.0), r"probability = 2.0 must be from 0 to 1"),
        (
            lambda: mixing.MixupAndCutmix()(*batch(channels=1), 3, tf.constant([0, 1])),
            r"cutmix_alpha = 1.0 must be 0 for images of 1 channels",
        ),
        (
            lambda: pixel_normalization.ChannelNormalization([0.5], [0.5, 0.5]),
            r"must have a number for each channel",
        ),
        (
            lambda: pixel_normalization.ChannelNormalization([0.5], [0.0]),
            r"deviation = \[0.0\] must be above 0",
        ),
        (
            lambda: pixel_normalization.ChannelNormalization([0.5], [0.5])(batch()[0]),
            r"mean = \(0.5,\) has 1 channels, but the images have 3",
        ),
    ],
)
def test_a_mistake_is_one_error_that_names_it(make, message):
    with pytest.raises(ValueError, match=message):
        make()
