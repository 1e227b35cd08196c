"""The private parts of TensorFlow that a run needs."""

import tensorflow as tf

from trainer.upstream import tensorflow as private_tensorflow


def test_operations_of_all_functions_of_a_dataset_are_found():
    inner = tf.data.Dataset.range(3).map(lambda x: tf.cast(x, tf.float32) + tf.random.normal([]))
    outer = inner.batch(2).flat_map(lambda x: tf.data.Dataset.from_tensors(tf.sin(x)))
    graphs = list(private_tensorflow.dataset_graphs(outer.prefetch(1)))
    assert {"Sin", "RandomStandardNormal"} <= {node.op for graph in graphs for node in graph.node}


def test_names_of_checkpoints_are_relative_and_public_functions_write_absolute_ones(tmp_path):
    paths = [tmp_path / "ckpt-1", tmp_path / "ckpt-2"]
    private_tensorflow.write_checkpoint_names(tmp_path, paths, [1.0, 2.0])
    written = (tmp_path / "checkpoint").read_text()
    assert str(tmp_path) not in written and 'model_checkpoint_path: "ckpt-2"' in written
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert list(state.all_model_checkpoint_paths) == list(map(str, paths))
    assert list(state.all_model_checkpoint_timestamps) == [1.0, 2.0]
    tf.compat.v1.train.update_checkpoint_state(str(tmp_path), *([str(paths[-1])] * 1))
    assert str(tmp_path) in (tmp_path / "checkpoint").read_text()
