"""Private parts of TensorFlow; TensorFlow 2.20.0."""

import pathlib
from collections.abc import Iterator, Sequence

import tensorflow as tf
from tensorflow.core.framework import graph_pb2, node_def_pb2

# Types of the operations that call Python.
PYTHON = ("PyFunc", "EagerPyFunc")


def dataset_graphs(dataset: tf.data.Dataset) -> Iterator[graph_pb2.GraphDef]:
    """The graphs of the functions of a dataset, and of the datasets that it is made from."""
    for wrapper in dataset._functions():
        yield wrapper.function.graph.as_graph_def()
    for each in dataset._inputs():
        yield from dataset_graphs(each)


def operations(graph: graph_pb2.GraphDef) -> Iterator[node_def_pb2.NodeDef]:
    """The operations of a graph, and of the functions that it calls."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def write_checkpoint_names(
    folder: pathlib.Path, paths: Sequence[pathlib.Path], times: Sequence[float]
) -> None:
    """Writes the file `checkpoint`, with names relative to `folder`.

    `tf.compat.v1.train.update_checkpoint_state` writes absolute names: those in a copy of the
    folder would be of the original.

    Args:
      folder: of the checkpoints.
      paths: of checkpoints in it; the last one is the newest.
      times: when they were written, in seconds since 1970.
    """
    names = [str(path) for path in paths]
    tf.__internal__.train.update_checkpoint_state(
        str(folder), names[-1], names, None, True, list(times), 0.0
    )
