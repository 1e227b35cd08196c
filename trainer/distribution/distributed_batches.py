"""Training batches, shared out to replicas: every worker makes the examples of its own ones."""

import tensorflow as tf

from trainer.datasets import dataset as dataset_lib
from trainer.datasets import owned_batches
from trainer.distribution import strategies


def train(
    strategy: tf.distribute.Strategy, dataset: dataset_lib.Dataset, first_step: int
) -> tf.distribute.DistributedDataset:
    """The training batches from step `first_step` on; see `Dataset.train`."""
    if strategies.workers(strategy) == 1:
        return strategy.experimental_distribute_dataset(
            owned_batches.owned(dataset.train(first_step))
        )
    return strategy.distribute_datasets_from_function(
        lambda context: _part(dataset, first_step, context)
    )


def check(strategy: tf.distribute.Strategy, batch_size: int) -> None:
    """Raises ValueError if batches cannot be shared out to the workers."""
    replicas = strategy.num_replicas_in_sync
    if strategies.workers(strategy) > 1 and batch_size % replicas:
        raise ValueError(
            f"the dataset's batch_size = {batch_size} must be a multiple of {replicas}, the number "
            f"of replicas on all workers, e.g. {batch_size // replicas * replicas or replicas}"
        )


def _part(dataset, first_step, context):
    """The batches of each replica of one worker, in turn."""
    replicas = context.num_replicas_in_sync // context.num_input_pipelines
    size = dataset.batch_size // context.num_input_pipelines
    first = context.input_pipeline_id * size
    batches = owned_batches.owned(dataset.train_rows(first_step, slice(first, first + size)))
    if replicas > 1:
        batches = batches.map(
            lambda *batch: tf.nest.map_structure(
                lambda array: tf.reshape(array, [replicas, size // replicas, *array.shape[1:]]),
                batch,
            )
        ).unbatch()
    # Else workers would ask each other at each step whether one has come to an end.
    return batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
