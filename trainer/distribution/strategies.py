"""Distribution strategies, and agreement among workers."""

import functools
import json
import os

import numpy as np
import tensorflow as tf
from official.common import distribute_utils

_KNOWN = ("off", "one_device", "mirrored", "multi_worker_mirrored", "tpu")


def make(name: str, logical_cpus: int = 1, tpu_address: str = "local") -> tf.distribute.Strategy:
    """A strategy, by its name in Model Garden's distribute_utils.

    Args:
      name: "off" or "one_device", "mirrored" (all GPUs of this machine; its logical CPU devices if
        it has none), "multi_worker_mirrored" (the machines that the variable TF_CONFIG of the
        environment lists), "tpu".
      logical_cpus: devices that this machine's CPU is divided into.
      tpu_address: the name of a TPU; "local" for that of this machine.

    Raises:
      ValueError: an argument or TF_CONFIG is wrong.
    """
    if name not in _KNOWN:
        raise ValueError(
            f"Devices.distribution_strategy = {name!r} must be one of {', '.join(_KNOWN)}"
        )
    _divide_cpu(logical_cpus)
    # Not logical devices: to ask for them would start TensorFlow, before it knows other workers.
    gpus = len(tf.config.list_physical_devices("GPU"))
    if name == "mirrored" and not gpus:
        return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(logical_cpus)])
    if name == "tpu":
        return _tpu(tpu_address)
    if name == "multi_worker_mirrored":
        _check_tf_config()
        # Model Garden takes the experimental class, of which TensorFlow warns.
        return tf.distribute.MultiWorkerMirroredStrategy()
    # Model Garden refuses a strategy of one device on a machine with several GPUs.
    one = name in ("off", "one_device")
    return distribute_utils.get_distribution_strategy(name, num_gpus=min(gpus, 1) if one else gpus)


def _tpu(address: str) -> tf.distribute.Strategy:
    try:
        return distribute_utils.get_distribution_strategy("tpu", tpu_address=address)
    except (tf.errors.OpError, OSError, ValueError) as error:
        raise ValueError(
            "Devices.distribution_strategy = 'tpu' finds no TPU at Devices.tpu_address = "
            f"{address!r}, which must be the name of a TPU, or 'local' on the machine that has it: "
            f"{str(error).partition('. ')[0]}"
        ) from error


def workers(strategy: tf.distribute.Strategy) -> int:
    """The number of processes that train together; one drives all of a TPU."""
    resolver = strategy.cluster_resolver
    if resolver is None or isinstance(strategy, tf.distribute.TPUStrategy):
        return 1
    jobs = resolver.cluster_spec().as_dict()
    return len(jobs.get("chief", [])) + len(jobs.get("worker", []))


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """True if this process is the one that writes."""
    return strategy.extended.should_checkpoint


def greatest(strategy: tf.distribute.Strategy, value: int) -> int:
    """The greatest of the values that workers give; all of them have to ask at the same point."""
    if workers(strategy) == 1:
        return value
    each = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant([value], tf.int32)
    )
    return int(np.max(_gather(strategy)(each)))


@functools.lru_cache(maxsize=1)
def _gather(strategy):
    """Traced once: outside of a function each gathering would be traced anew."""
    return tf.function(lambda each: strategy.gather(each, axis=0), autograph=False)


def _divide_cpu(logical_cpus: int) -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    there = tf.config.get_logical_device_configuration(cpu) or [None]
    if logical_cpus <= len(there):
        return
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * logical_cpus
        )
    except RuntimeError as error:
        raise ValueError(
            f"Devices.logical_cpus = {logical_cpus} can only be set before TensorFlow has started"
        ) from error


def _check_tf_config() -> None:
    """Raises ValueError if TF_CONFIG does not say who this worker is."""
    text = os.environ.get("TF_CONFIG")
    example = {
        "cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]},
        "task": {"type": "worker", "index": 0},
    }
    try:
        config = json.loads(text or "")
        number = len(config["cluster"][config["task"]["type"]])
        if 0 <= int(config["task"]["index"]) < number:
            return
    except (ValueError, KeyError, TypeError):
        pass
    raise ValueError(
        'Devices.distribution_strategy = "multi_worker_mirrored" needs a variable TF_CONFIG in '
        f"the environment that lists all workers and says which one this is; it is {text!r}, and "
        f"should be like {json.dumps(example)}"
    )
