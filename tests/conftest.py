"""Fixtures that all tests share."""

import os

# As trainer/command/command_line.py has it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import gin
import pytest
import tensorflow as tf

# Two devices for the tests of distribution; all others stay on the first.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(autouse=True)
def fresh_gin():
    """No test sees the bindings of another."""
    gin.clear_config()
    yield
    gin.clear_config()


@pytest.fixture(autouse=True)
def fresh_collectives():
    """No test's replicas meet those of another, which TensorFlow would number alike."""
    tf.distribute.MirroredStrategy._collective_key_base += 100_000


@pytest.fixture(scope="module")
def untraced():
    """Functions run without tracing, which would take most of the time of many small growths."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
