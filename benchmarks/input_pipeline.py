"""Time that training waits for its images: the pipeline alone, the step alone, and both together.

Sets are written for the occasion: 5000 32x32 PNG as CIFAR has them, trained on by WRN-28-1 at a
quarter of its width, and 500 JPEG of 500x375 pixels as ImageNet has them, only read.

./bazelw run //benchmarks:input_pipeline
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pathlib
import tempfile

import numpy as np
import tensorflow_datasets as tfds
from absl import app, flags, logging
from official.vision.ops import augment

from benchmarks import paired, training
from growth.decisions import policies
from growth.methods import random
from models.architectures import wide_resnet
from tests import tiny_images
from trainer.datasets import (
    augmentation,
    image_classification,
    model_garden_augmentation,
    pixel_normalization,
    streamed_images,
)

_ROUNDS = flags.DEFINE_integer("rounds", 9, "Paired rounds.")
_STEPS = flags.DEFINE_integer("steps", 10, "Batches of 128 in a round.")
_BATCH_SIZE = 128


def _cifar(folder, **arguments):
    """The set like CIFAR, normalized."""
    return image_classification.ImageClassification(
        "tiny_cifar",
        data_dir=folder,
        batch_size=_BATCH_SIZE,
        normalization=pixel_normalization.ChannelNormalization([0.5] * 3, [0.25] * 3),
        **arguments,
    )


def _imagenet(folder):
    """The set like ImageNet, cropped to 224x224."""
    photographs = [tiny_images.encode(tiny_images.picture(i, 375, 500)) for i in range(500)]
    feature = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
    splits = {"train": photographs, "validation": photographs[:4]}
    tiny_images.write(pathlib.Path(folder), "photographs", splits, feature, shards=4)
    return streamed_images.StreamedImages(
        "photographs",
        data_dir=folder,
        batch_size=_BATCH_SIZE,
        augmentation=augmentation.CropAndFlip(0),
    )


def _reading(data):
    """A function that takes `steps` batches from the pipeline of a dataset."""
    batches = iter(data.train(0))

    def read():
        for _ in range(_STEPS.value):
            next(batches)

    return read


def _training(data):
    """A function that trains for `steps` steps on a dataset."""
    model = wide_resnet.WideResNet(data.output_width, width_multiplier=0.25)
    trained = training.Training(model, data, random.Random(), policies.AllAtOnce(neurons=1))

    def train():
        for _ in range(_STEPS.value):
            trained.step()

    return train


def _speed(function):
    """Examples in a second, over the rounds."""
    function()  # The first batches wait for the pipeline to fill.
    seconds = [paired.seconds(function) for _ in range(_ROUNDS.value)]
    return paired.describe(_STEPS.value * _BATCH_SIZE / np.array(seconds), " examples/s")


def main(argv):
    """Prints a line for each pipeline, for the step, and for both together."""
    del argv
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        tiny_images.write_cifar(pathlib.Path(folder), train=5000)
        rand_augment = augment.RandAugment(translate_const=10.0, cutout_const=10.0)
        cropped = _cifar(folder, augmentation=augmentation.CropAndFlip())
        pipelines = {
            "32x32 from memory": _cifar(folder),
            "... CropAndFlip": cropped,
            "... RandAugment": _cifar(
                folder,
                augmentation=model_garden_augmentation.ModelGardenAugmentation(rand_augment),
            ),
            "224x224 from JPEG on disk, InceptionCrop": _imagenet(folder),
        }
        for name, data in pipelines.items():
            print(f"{name}: {_speed(_reading(data))}", flush=True)
        alone, together = _training(training.RandomPictures(_BATCH_SIZE)), _training(cropped)
        print(f"WRN-28-1 at 0.25, step alone: {_speed(alone)}", flush=True)
        print(f"step and CropAndFlip together: {_speed(together)}", flush=True)
        ratio = paired.describe(paired.ratios(together, alone, _ROUNDS.value))
        print(f"time together / step alone: {ratio}")


if __name__ == "__main__":
    app.run(main)
