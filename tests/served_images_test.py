"""Exported classifiers take pictures as they are, and answer as evaluation counts."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny_images
from trainer import experiment, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.model_dir import run_directory

_TRAINING = """
import trainer.datasets.pixel_normalization
import trainer.datasets.streamed_images

ChannelNormalization.mean = (0.4, 0.5, 0.6)
ChannelNormalization.deviation = (0.25, 0.2, 0.3)
ImageClassification.name = "tiny_cifar"
ImageClassification.batch_size = 8
ImageClassification.normalization = @ChannelNormalization()
StreamedImages.name = "tiny_imagenet"
StreamedImages.batch_size = 8
StreamedImages.image_size = 16
StreamedImages.normalization = @ImageStandardization()
Experiment.steps = 3
PeriodicSchedule.start = 1
PeriodicSchedule.count = 1
AllAtOnce.neurons = 2
Grower.method = @Random()
optimizer.ema = @EMAConfig()
CosineLrConfig.initial_learning_rate = 0.01
"""


def _cifar(folder):
    data_dir = tiny_images.write_cifar(folder)
    return data_dir, [tiny_images.picture(index, 32, 32) for index in range(30, 40)]


def _imagenet(folder):
    data_dir = tiny_images.write_imagenet(folder)
    files = [tiny_images.photograph(index) for index in range(47, 59)]
    return data_dir, [tf.io.decode_image(file, 3, expand_animations=False) for file in files]


@pytest.fixture(
    params=[
        ("ImageClassification", _cifar, 1e-5),
        # Colors of a JPEG differ a little along the edges of a crop.
        ("StreamedImages", _imagenet, 1e-2),
    ],
    ids=lambda param: param[0],
)
def exported(request, tmp_path):
    """An exported folder, the test pictures, metrics of the evaluation, and their tolerance."""
    name, write, tolerance = request.param
    data_dir, pictures = write(tmp_path)
    bindings = [_TRAINING, f"Experiment.dataset = @{name}", f"{name}.data_dir = {data_dir!r}"]
    reader.load(["gin_configs/fashion_mnist/mlp.gin"], bindings)
    run = run_lib.Run(experiment.Experiment(), run_directory.RunDirectory(str(tmp_path)))
    train.Training(run, reader.literals()).train(evaluate=True)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["widths"] == {"hidden_1": 18, "hidden_2": 18}
    return run.export()[0], pictures, result["test"], tolerance


def test_served_pictures_give_the_metrics_of_the_evaluation(exported):
    folder, pictures, expected, tolerance = exported
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    answers = [serve(images=tf.constant(picture[np.newaxis])) for picture in pictures]
    probabilities = np.concatenate([answer["probabilities"] for answer in answers])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    classes = np.arange(len(pictures)) % tiny_images.CLASSES
    accuracy = np.mean(np.argmax(probabilities, axis=1) == classes)
    loss = -np.mean(np.log(probabilities[np.arange(len(pictures)), classes]))
    np.testing.assert_allclose(accuracy, expected["accuracy"], rtol=1e-6)
    np.testing.assert_allclose(loss, expected["loss"], rtol=tolerance)


def test_pictures_of_a_batch_are_served_as_each_alone(exported):
    folder, pictures, _, _ = exported
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    first = np.asarray(pictures[0])
    batch = tf.constant(np.stack([first, 255 - first]))
    alone = [serve(images=image[tf.newaxis])["probabilities"] for image in batch]
    together = serve(images=batch)["probabilities"]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-4, atol=1e-6)
