"""The devices of a run, their types of numbers and their compilers."""

from collections.abc import Callable, Sequence

import gin
import tensorflow as tf

from growth import static_shapes as static_shapes_lib
from growth import unspecified_shapes, variable_shapes
from growth.surgery import surgery
from trainer.distribution import strategies
from trainer.optimization import mixed_precision as precision


@gin.configurable
class Devices:
    """The devices of a run, their types of numbers and their compilers.

    Some of it holds for the whole process from the construction on: the type that new layers
    compute in, determinism, and the parts of the CPU.

    Args:
      distribution_strategy: "off" (one device), "mirrored", "multi_worker_mirrored", "tpu"; see
        strategies.py.
      logical_cpus: devices that this machine's CPU is divided into, to try "mirrored" without GPUs.
      tpu_address: of a TPU, its name or "local" for that of this machine.
      mixed_precision: "bfloat16" or "float16" for layers that compute in that type in training and
        evaluation; parameters, losses and all of a growth stay in float32. Gradients in float16
        are those of a scaled loss, see mixed_precision.py. None for float32 throughout.
      jit_compile: whether XLA compiles the forward and backward pass of a training step; anew for
        each new width, which takes seconds.
      deterministic: whether two runs give the same numbers to the bit wherever TensorFlow can,
        see `tf.config.experimental.enable_op_determinism`. On CPUs ours are the same without it.
        Holds for the process from then on, so also for later runs of a sweep in it.
      static_shapes: whether variables have fully defined shapes, so that a growth compiles anew;
        None for only where that has to be, on a TPU. See growth/static_shapes.py.

    Attributes:
      strategy: distributes training.
      jit_compile: the argument.

    Raises:
      ValueError: an argument is out of range, or there are no such devices.
    """

    def __init__(
        self,
        distribution_strategy: str = "off",
        logical_cpus: int = 1,
        tpu_address: str = "local",
        mixed_precision: str | None = None,
        jit_compile: bool = False,
        deterministic: bool = False,
        static_shapes: bool | None = None,
    ):
        if logical_cpus < 1:
            raise ValueError(f"Devices.logical_cpus = {logical_cpus} must be at least 1")
        precision.set_policy(mixed_precision)
        if deterministic:
            tf.config.experimental.enable_op_determinism()
        self.strategy = strategies.make(distribution_strategy, logical_cpus, tpu_address)
        self.jit_compile = jit_compile
        self._static_shapes = static_shapes

    def shapes(
        self,
        variables: Sequence[tf.Variable],
        slots: Callable[[tf.Variable], Sequence[surgery.Slot]],
        trace_anew: Sequence[Callable[[], None]],
    ) -> variable_shapes.VariableShapes:
        """The way to assign bigger values to variables on these devices.

        Args:
          variables: of the model.
          slots: gives those of a variable.
          trace_anew: forget what has been traced with former shapes.
        """
        is_static = self._static_shapes
        if is_static is None:
            is_static = isinstance(self.strategy, tf.distribute.TPUStrategy)
        if not is_static:
            return unspecified_shapes.UnspecifiedShapes()
        return static_shapes_lib.StaticShapes(variables, slots, trace_anew)
