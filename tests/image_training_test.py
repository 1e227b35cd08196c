"""Training and growing on images with all that can be bound, from Gin to the last step."""

import json

import gin
import numpy as np
import pytest
import tensorflow as tf

from tests import tiny_images
from trainer import experiment, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.model_dir import run_directory

_DATA = """
import trainer.datasets.augmentation
import trainer.datasets.image_classification
import trainer.datasets.mixing
import trainer.datasets.model_garden_augmentation
import trainer.datasets.pixel_normalization
import trainer.datasets.streamed_images

CropAndFlip.padding = 2
ChannelNormalization.mean = (0.4, 0.5, 0.6)
ChannelNormalization.deviation = (0.25, 0.2, 0.3)
RandAugment.num_layers = 1
RandAugment.translate_const = 3
RandAugment.cutout_const = 3
ModelGardenAugmentation.augmenter = @RandAugment()
Chain.augmentations = [@CropAndFlip(), @ModelGardenAugmentation()]

ImageClassification.name = "tiny_cifar"
ImageClassification.batch_size = 8
ImageClassification.augmentation = @Chain()
ImageClassification.normalization = @ChannelNormalization()

StreamedImages.name = "tiny_imagenet"
StreamedImages.batch_size = 8
StreamedImages.image_size = 16
StreamedImages.shards_in_memory = 2
StreamedImages.augmentation = @CropAndFlip()
StreamedImages.normalization = @ImageStandardization()
StreamedImages.mixing = @MixupAndCutmix()
"""
_TRAINING = """
Experiment.dataset = @StreamedImages
Experiment.steps = 4
Loop.log_interval = 1
Loop.checkpoint_interval = 3
PeriodicSchedule.start = 2
PeriodicSchedule.interval = 2
PeriodicSchedule.count = 1
AllAtOnce.neurons = 2
Grower.method = @Random()
Classification.top_k = 3
Classification.label_smoothing = 0.1
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("tfds")
    tiny_images.write_cifar(path)
    return tiny_images.write_imagenet(path)


def _run(folder, data_dir, steps):
    gin.clear_config()
    bindings = [_DATA, _TRAINING, f"StreamedImages.data_dir = {data_dir!r}"]
    reader.load(["gin_configs/fashion_mnist/mlp.gin"], bindings)
    built = experiment.Experiment()
    built.steps = steps
    run = run_lib.Run(built, run_directory.RunDirectory(str(folder)))
    train.Training(run, reader.literals()).train(evaluate=True)
    return built


def test_a_run_that_is_resumed_ends_with_the_same_numbers(data_dir, tmp_path):
    uninterrupted = _run(tmp_path / "whole", data_dir, 4)
    _run(tmp_path / "parts", data_dir, 3)
    resumed = _run(tmp_path / "parts", data_dir, 4)
    assert uninterrupted.grower.widths() == {"hidden_1": 18, "hidden_2": 18}
    for one, other in zip(
        uninterrupted.model.trainable_variables, resumed.model.trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(one, other)
    result = json.loads((tmp_path / "parts" / "result.json").read_text())
    assert result["test"].keys() == {"loss", "accuracy", "top_3_accuracy"}


@pytest.mark.parametrize("name", ["ImageClassification", "StreamedImages"])
def test_two_replicas_share_the_batches_of_one(name, data_dir):
    reader.load([], [_DATA, f"{name}.data_dir = {data_dir!r}"])
    dataset = gin.get_configurable(name)()
    # What workers go by: by default they would share the files, and see other batches.
    policy = dataset.train(0).options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.DATA
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    distributed = iter(mirrored.experimental_distribute_dataset(dataset.train(3)))
    for whole in dataset.train(3).take(4):
        parts = [mirrored.experimental_local_results(part) for part in next(distributed)]
        for part, expected in zip(parts, whole, strict=True):
            np.testing.assert_array_equal(np.concatenate(part), expected)
