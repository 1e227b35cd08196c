"""Names what the training of a run depends on and no checkpoint holds, before it trains."""

from collections.abc import Callable, Iterable

import tensorflow as tf
from absl import logging
from tensorflow.core.framework import graph_pb2, node_def_pb2

from trainer import task as task_lib
from trainer.upstream import tensorflow as private_tensorflow

# All stateful operations that draw have this attribute; each keeps a generator that nobody reads.
_SEED = "seed2"
_MOST_NAMES = 5
# What may differ in a run that is resumed, and the remedy.
_NETWORK = (
    "the network or the loss draws by stateful operations in",
    "use a layer of models.layers or of tf_keras, or a tf.random.Generator that is an attribute of "
    "the network",
)
_CALLS = (
    "the network calls Python, which may draw or remember, in",
    "tf.numpy_function(..., stateful=False) says that it does not",
)
_VARIABLES = (
    "no checkpoint holds the variables",
    "make them, or the layers that own them, attributes of the network",
)
_DATASET = (
    "the dataset draws by stateful operations in",
    "use tf.random.stateless_... with a seed from models.layers.seeds.stream and the step",
)


def warn(task: task_lib.Task, checkpoint: tf.train.Checkpoint, dataset: tf.data.Dataset) -> None:
    """Logs one warning, if a run that is resumed may end with other numbers for this.

    Args:
      task: its training loop has been traced, under the current strategy.
      checkpoint: what a run saves.
      dataset: the training batches.
    """
    loop = task.traced_loop
    graph = loop.graph.as_graph_def()
    unsaved = {
        _NETWORK: _scopes(graph, _draws),
        _CALLS: _scopes(graph, lambda node: node.op in private_tensorflow.PYTHON),
        _VARIABLES: _unsaved(loop.variables, checkpoint, task.metric_variables),
        _DATASET: [
            name
            for graph in private_tensorflow.dataset_graphs(dataset)
            for name in _scopes(graph, _draws)
        ],
    }
    reasons = [
        f"{what} {_listed(names)}; {remedy}" for (what, remedy), names in unsaved.items() if names
    ]
    if reasons:
        logging.warning(
            "a run that is stopped and resumed may end with other numbers than one that is not:"
            "\n  %s",
            "\n  ".join(reasons),
        )


def _scopes(
    graph: graph_pb2.GraphDef, is_meant: Callable[[node_def_pb2.NodeDef], bool]
) -> list[str]:
    """The name scopes of the operations meant, also in functions that the graph calls."""
    return [
        node.name.rpartition("/")[0] or node.name
        for node in private_tensorflow.operations(graph)
        if is_meant(node)
    ]


def _draws(node: node_def_pb2.NodeDef) -> bool:
    # Recurrent layers are one operation, with and without dropout.
    return _SEED in node.attr and not ("dropout" in node.attr and node.attr["dropout"].f == 0.0)


def _unsaved(
    used: Iterable[tf.Variable], checkpoint: tf.train.Checkpoint, others: Iterable[tf.Variable]
) -> list[str]:
    known = set(map(_handles, others))
    for each in tf.train.TrackableView(checkpoint).descendants():
        variables = getattr(each, "variables", ())
        # An optimizer's slots are no children of it.
        variables = variables() if callable(variables) else variables
        known.update(map(_handles, [each] if isinstance(each, tf.Variable) else variables))
    known = {handle for handles in known for handle in handles}
    return [variable.name for variable in used if not known.issuperset(_handles(variable))]


def _handles(variable: tf.Variable) -> tuple[int, ...]:
    """The handles of a variable, by which it is told from others; those of its replicas."""
    parts = tf.distribute.get_strategy().experimental_local_results(variable)
    return tuple(id(part.handle) for part in parts)


def _listed(names: list[str]) -> str:
    different = list(dict.fromkeys(names))
    more = len(different) - _MOST_NAMES
    return ", ".join(different[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
