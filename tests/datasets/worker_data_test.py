"""The parts of a training batch that several machines make are the batch."""

import numpy as np
import pytest
import tensorflow as tf

from tests import tiny_images
from trainer.datasets import augmentation, mixing, prepared_images, teacher_student
from trainer.datasets.image_classification import ImageClassification
from trainer.datasets.streamed_images import StreamedImages
from trainer.distribution import distributed_batches, strategies


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    tiny_images.write_as(folder, "cifar10", {"train": 20, "test": 4})
    return tiny_images.write_imagenet(folder, 20, 4, 3)


def _in_memory(data_dir, **arguments):
    crops = augmentation.CropAndFlip()
    return ImageClassification("cifar10", data_dir, 8, augmentation=crops, **arguments)


def _streamed(data_dir, **arguments):
    return StreamedImages("tiny_imagenet", data_dir, 8, image_size=8, **arguments)


def _mixed(data_dir):
    return _in_memory(data_dir, mixing=mixing.MixupAndCutmix())


def _teacher(data_dir):
    del data_dir
    return teacher_student.TeacherStudent((3, 4, 2), examples=20, batch_size=8)


@pytest.mark.parametrize("make", [_in_memory, _streamed, _mixed, _teacher])
def test_parts_of_a_batch_make_up_the_batch(data_dir, make):
    dataset = make(data_dir)
    parts = [dataset.train_rows(3, slice(0, 5)), dataset.train_rows(3, slice(5, 8))]
    for whole, *pieces in tf.data.Dataset.zip(dataset.train(3), *parts).take(4):
        for i, expected in enumerate(whole):
            np.testing.assert_array_equal(tf.concat([p[i] for p in pieces], axis=0), expected)


def test_two_machines_never_make_the_same_picture(data_dir, monkeypatch):
    made = []
    augment = prepared_images.PreparedImages._augment

    def noting(self, images, epochs, examples):
        def note(epochs, examples):
            made.extend(zip(epochs.tolist(), examples.tolist(), strict=True))

        tf.numpy_function(note, [epochs, examples], [])
        return augment(self, images, epochs, examples)

    monkeypatch.setattr(prepared_images.PreparedImages, "_augment", noting)
    for dataset in (_in_memory(data_dir), _streamed(data_dir)):
        pictures = []
        for rows in (slice(0, 3), slice(3, 8)):
            made.clear()
            list(dataset.train_rows(0, rows).take(5))
            pictures.append(set(made))
        assert not pictures[0] & pictures[1]
        # The first epoch has been shown by both together.
        assert {(0, example) for example in range(20)} <= pictures[0] | pictures[1]


class _TwoWorkers:
    """A stand-in for a strategy of two workers with two devices each."""

    num_replicas_in_sync = 4

    class cluster_resolver:  # noqa: N801
        @staticmethod
        def cluster_spec():
            return tf.train.ClusterSpec({"chief": ["a:1"], "worker": ["b:1"]})

    def distribute_datasets_from_function(self, make):
        return [make(tf.distribute.InputContext(2, worker, 4)) for worker in range(2)]


def test_each_replica_gets_its_part_in_turn(data_dir):
    dataset, strategy = _in_memory(data_dir), _TwoWorkers()
    assert strategies.workers(strategy) == 2
    distributed_batches.check(strategy, dataset.batch_size)
    workers = distributed_batches.train(strategy, dataset, 2)
    elements = [list(batches.take(4)) for batches in workers]  # Two steps of two replicas.
    for step, (images, labels) in enumerate(dataset.train(2).take(2)):
        parts = [part for own in elements for part in own[2 * step : 2 * step + 2]]
        np.testing.assert_array_equal(tf.concat([p[0] for p in parts], axis=0), images)
        np.testing.assert_array_equal(tf.concat([p[1] for p in parts], axis=0), labels)


def test_a_batch_that_workers_cannot_share_is_refused():
    with pytest.raises(ValueError, match="batch_size = 10 must be a multiple of 4.*e.g. 8"):
        distributed_batches.check(_TwoWorkers(), 10)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        "{}",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
    ],
)
def test_a_worker_that_does_not_know_itself_is_refused(monkeypatch, text):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="needs a variable TF_CONFIG .* should be like {"):
        strategies.make("multi_worker_mirrored")


def test_unknown_strategies_and_late_devices_are_refused():
    with pytest.raises(ValueError, match="distribution_strategy = 'miror' must be one of off"):
        strategies.make("miror")
    tf.zeros([])
    with pytest.raises(ValueError, match="logical_cpus = 5 can only be set before TensorFlow"):
        strategies.make("mirrored", 5)
