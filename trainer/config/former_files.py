# ruff: noqa: E501  A line of the table is a former file.
"""Configurations under the paths of their former files, for one version.

A file of a task and a method is now one of the task, and one of the method that goes after it.
"""

import functools
import os
import pathlib
from collections.abc import Sequence

from absl import logging

_ROOT = pathlib.Path(__file__).absolute().parents[2]
# Bazel runs programs from a tree of links to the files of the workspace.
_LINKED_ROOT = pathlib.Path(__file__).resolve().parents[2]
# Below gin_configs/, without endings: the former file, current ones, and what they leave unbound.
_TABLE = """
cifar10/batch_norm/wrn: cifar10/wrn_batch_norm
cifar10/batch_norm/wrn_baseline_big: cifar10/wrn_batch_norm methods/baseline_big
cifar10/batch_norm/wrn_baseline_small: cifar10/wrn_batch_norm methods/baseline_small
cifar10/batch_norm/wrn_firefly: cifar10/wrn_batch_norm methods/firefly_opt
cifar10/batch_norm/wrn_gradmax: cifar10/wrn_batch_norm methods/gradmax
cifar10/batch_norm/wrn_random: cifar10/wrn_batch_norm methods/random
cifar10/batch_norm_inverse/wrn: cifar10/wrn_batch_norm methods/inverse
cifar10/batch_norm_inverse/wrn_firefly: cifar10/wrn_batch_norm methods/firefly_opt methods/inverse
cifar10/batch_norm_inverse/wrn_gradmax_opt: cifar10/wrn_batch_norm methods/gradmax_opt methods/inverse
cifar10/batch_norm_inverse/wrn_random: cifar10/wrn_batch_norm methods/random methods/inverse
cifar10/inverse/wrn: cifar10/wrn methods/inverse
cifar10/inverse/wrn_firefly: cifar10/wrn methods/firefly_opt methods/inverse
cifar10/inverse/wrn_gradmax_opt: cifar10/wrn methods/gradmax_opt methods/inverse
cifar10/inverse/wrn_random: cifar10/wrn methods/random methods/inverse
cifar10/round_robin/wrn: cifar10/wrn_round_robin
cifar10/round_robin/wrn_firefly: cifar10/wrn_round_robin methods/firefly_opt
cifar10/round_robin/wrn_gradmax: cifar10/wrn_round_robin methods/gradmax
cifar10/round_robin/wrn_random: cifar10/wrn_round_robin methods/random
cifar10/vgg_baseline_big: cifar10/vgg methods/baseline_big
cifar10/vgg_baseline_small: cifar10/vgg methods/baseline_small
cifar10/vgg_firefly: cifar10/vgg methods/firefly_opt
cifar10/vgg_gradmax: cifar10/vgg methods/gradmax
cifar10/vgg_random: cifar10/vgg methods/random
cifar10/wrn_baseline_big: cifar10/wrn methods/baseline_big
cifar10/wrn_baseline_small: cifar10/wrn methods/baseline_small
cifar10/wrn_firefly: cifar10/wrn methods/firefly_opt
cifar10/wrn_gradmax: cifar10/wrn methods/gradmax
cifar10/wrn_random: cifar10/wrn methods/random
cifar100/wrn_baseline_big: cifar100/wrn methods/baseline_big
cifar100/wrn_baseline_small: cifar100/wrn methods/baseline_small
cifar100/wrn_firefly: cifar100/wrn methods/firefly_opt
cifar100/wrn_gradmax: cifar100/wrn methods/gradmax
cifar100/wrn_random: cifar100/wrn methods/random
fashion_mnist/mlp_baseline_big: fashion_mnist/mlp methods/baseline_big; CosineLrConfig.initial_learning_rate = 0.05
fashion_mnist/mlp_baseline_small: fashion_mnist/mlp methods/baseline_small; CosineLrConfig.initial_learning_rate = 0.05
fashion_mnist/mlp_gradmax: fashion_mnist/mlp methods/gradmax; CosineLrConfig.initial_learning_rate = 0.05
fashion_mnist/mlp_pairs: fashion_mnist/mlp methods/pairs; CosineLrConfig.initial_learning_rate = 0.05
fashion_mnist/mlp_random: fashion_mnist/mlp methods/random; CosineLrConfig.initial_learning_rate = 0.05
fashion_mnist/vgg_baseline_big: fashion_mnist/vgg methods/baseline_big; VGG.activation = @models.activations.relu; optimizer.warmup = None; learning_rate = 0.05
fashion_mnist/vgg_baseline_small: fashion_mnist/vgg methods/baseline_small; VGG.activation = @models.activations.relu; optimizer.warmup = None; learning_rate = 0.05
fashion_mnist/vgg_firefly: fashion_mnist/vgg fashion_mnist/firefly_opt; VGG.activation = @models.activations.relu; optimizer.warmup = None; learning_rate = 0.05
fashion_mnist/vgg_gradmax: fashion_mnist/vgg methods/gradmax; VGG.activation = @models.activations.relu; optimizer.warmup = None; learning_rate = 0.05
fashion_mnist/vgg_random: fashion_mnist/vgg methods/random; VGG.activation = @models.activations.relu; optimizer.warmup = None; learning_rate = 0.05
fashion_mnist/wrn_baseline_big: fashion_mnist/wrn methods/baseline_big; WideResNet.activation = @models.activations.relu; optimizer.warmup = None; learning_rate = 0.1
fashion_mnist/wrn_baseline_small: fashion_mnist/wrn methods/baseline_small; WideResNet.activation = @models.activations.relu; optimizer.warmup = None; learning_rate = 0.1
fashion_mnist/wrn_firefly: fashion_mnist/wrn fashion_mnist/firefly_opt; WideResNet.activation = @models.activations.relu; optimizer.warmup = None; learning_rate = 0.1
fashion_mnist/wrn_gradmax: fashion_mnist/wrn methods/gradmax; WideResNet.activation = @models.activations.relu; optimizer.warmup = None; learning_rate = 0.1
fashion_mnist/wrn_random: fashion_mnist/wrn methods/random; WideResNet.activation = @models.activations.relu; optimizer.warmup = None; learning_rate = 0.1
imagenet/epsilon/0: imagenet/mobilenet methods/gradmax; GradMax.epsilon = 0.0
imagenet/epsilon/1e-1: imagenet/mobilenet methods/gradmax; GradMax.epsilon = 1e-1
imagenet/epsilon/1e-2: imagenet/mobilenet methods/gradmax; GradMax.epsilon = 1e-2
imagenet/mobilenet_baseline_big: imagenet/mobilenet methods/baseline_big
imagenet/mobilenet_baseline_small: imagenet/mobilenet methods/baseline_small
imagenet/mobilenet_firefly: imagenet/mobilenet methods/firefly_opt
imagenet/mobilenet_gradmax: imagenet/mobilenet methods/gradmax
imagenet/mobilenet_random: imagenet/mobilenet methods/random
imagenet/scale/fixed_0.5: imagenet/mobilenet methods/gradmax; GradMax.scale = @fixed; fixed.norm = 0.5
imagenet/scale/mean_0.25: imagenet/mobilenet methods/gradmax; mean_norm.factor = 0.25
imagenet/scale/mean_1: imagenet/mobilenet methods/gradmax; mean_norm.factor = 1.0
imagenet/schedule/interval_10000: imagenet/mobilenet methods/gradmax; PeriodicSchedule.interval = 10000
imagenet/schedule/interval_2500: imagenet/mobilenet methods/gradmax; PeriodicSchedule.interval = 2500
imagenet/schedule/late: imagenet/mobilenet methods/gradmax; PeriodicSchedule.start = 60000
teacher_student/batch_norm/base: teacher_student/batch_norm
teacher_student/batch_norm/baseline_big: teacher_student/batch_norm methods/baseline_big
teacher_student/batch_norm/baseline_small: teacher_student/batch_norm methods/baseline_small
teacher_student/batch_norm/gradmax: teacher_student/batch_norm methods/gradmax methods/short_outgoing
teacher_student/batch_norm/gradmax_opt: teacher_student/batch_norm methods/gradmax_opt methods/short_outgoing
teacher_student/batch_norm/gradmax_opt_inverse: teacher_student/batch_norm methods/gradmax_opt; GradMaxOpt.inverse = True
teacher_student/batch_norm/random: teacher_student/batch_norm methods/random methods/short_outgoing
teacher_student/batch_norm/random_inverse: teacher_student/batch_norm methods/random; Random.inverse = True
teacher_student/batch_norm/split: teacher_student/batch_norm methods/split
teacher_student/bias/all_zero: teacher_student/bias methods/all_zero
teacher_student/bias/base: teacher_student/bias
teacher_student/bias/gradmax: teacher_student/bias methods/gradmax
teacher_student/bias/random: teacher_student/bias methods/random
teacher_student/convolution/large_baseline_big: teacher_student/convolution/large methods/baseline_big
teacher_student/convolution/large_baseline_small: teacher_student/convolution/large methods/baseline_small
teacher_student/convolution/large_gradmax: teacher_student/convolution/large methods/gradmax
teacher_student/convolution/large_gradmax_opt: teacher_student/convolution/large methods/gradmax_opt
teacher_student/convolution/large_random: teacher_student/convolution/large methods/random
teacher_student/convolution/large_split: teacher_student/convolution/large methods/split
teacher_student/convolution/small_baseline_big: teacher_student/convolution/small methods/baseline_big
teacher_student/convolution/small_baseline_small: teacher_student/convolution/small methods/baseline_small
teacher_student/convolution/small_gradmax: teacher_student/convolution/small methods/gradmax
teacher_student/convolution/small_gradmax_opt: teacher_student/convolution/small methods/gradmax_opt
teacher_student/convolution/small_random: teacher_student/convolution/small methods/random
teacher_student/convolution/small_split: teacher_student/convolution/small methods/split
teacher_student/large_baseline_big: teacher_student/large methods/baseline_big
teacher_student/large_baseline_small: teacher_student/large methods/baseline_small
teacher_student/large_firefly: teacher_student/large methods/firefly
teacher_student/large_firefly_opt: teacher_student/large methods/firefly_opt
teacher_student/large_gradmax: teacher_student/large methods/gradmax
teacher_student/large_gradmax_opt: teacher_student/large methods/gradmax_opt
teacher_student/large_random: teacher_student/large methods/random
teacher_student/large_split: teacher_student/large methods/split
teacher_student/more_neurons/base: teacher_student/more_neurons
teacher_student/more_neurons/baseline_big: teacher_student/more_neurons methods/baseline_big
teacher_student/more_neurons/width_10_gradmax: teacher_student/more_neurons methods/gradmax; PeriodicSchedule.count = 5
teacher_student/more_neurons/width_12_gradmax: teacher_student/more_neurons methods/gradmax; PeriodicSchedule.count = 7
teacher_student/more_neurons/width_15_gradmax: teacher_student/more_neurons methods/gradmax; PeriodicSchedule.count = 10
teacher_student/more_neurons/width_15_random: teacher_student/more_neurons methods/random; PeriodicSchedule.count = 10
teacher_student/seed/base: teacher_student/small
teacher_student/seed/width_2_gradmax: teacher_student/initial_width_2 methods/gradmax
teacher_student/seed/width_2_random: teacher_student/initial_width_2 methods/random
teacher_student/seed/width_4_gradmax: teacher_student/initial_width_4 methods/gradmax
teacher_student/seed/width_4_random: teacher_student/initial_width_4 methods/random
teacher_student/seed/width_7_gradmax: teacher_student/initial_width_7 methods/gradmax
teacher_student/seed/width_7_random: teacher_student/initial_width_7 methods/random
teacher_student/small_baseline_big: teacher_student/small methods/baseline_big
teacher_student/small_baseline_small: teacher_student/small methods/baseline_small
teacher_student/small_firefly: teacher_student/small methods/firefly
teacher_student/small_firefly_opt: teacher_student/small methods/firefly_opt
teacher_student/small_gradmax: teacher_student/small methods/gradmax
teacher_student/small_gradmax_opt: teacher_student/small methods/gradmax_opt
teacher_student/small_random: teacher_student/small methods/random
teacher_student/small_split: teacher_student/small methods/split
teacher_student/start/base: teacher_student/small
teacher_student/start/step_0: teacher_student/start_0 methods/gradmax
teacher_student/start/step_1000: teacher_student/start_1000 methods/gradmax
teacher_student/start/step_400: teacher_student/start_400 methods/gradmax
teacher_student/start/step_800: teacher_student/start_800 methods/gradmax
"""


def roots() -> list[str]:
    """The workspaces that have files of gin_configs/: the program's, and that of `bazel run`."""
    workspace = os.environ.get("BUILD_WORKSPACE_DIRECTORY")
    return [str(_ROOT), str(_LINKED_ROOT), *([os.path.abspath(workspace)] if workspace else [])]


def find(path: str) -> str | None:
    """The text that includes what is now in the place of a former file, or None.

    Args:
      path: of a file that there is not; relative ones count from the working folder.
    """
    whole = os.path.abspath(path)
    for root in roots():
        name = os.path.relpath(whole, root)
        if name in current_files():
            return _text(name)
    return None


@functools.cache
def current_files() -> dict[str, tuple[Sequence[str], Sequence[str]]]:
    """Current files and bindings by former file, all of them paths from the root."""
    found = {}
    for line in _TABLE.strip().splitlines():
        former, _, current = line.partition(": ")
        files, *bindings = current.split("; ")
        found[_path(former)] = ([_path(file) for file in files.split(" ")], bindings)
    return found


def _path(name: str) -> str:
    return f"gin_configs/{name}.gin"


@functools.cache  # One warning for each.
def _text(name: str) -> str:
    files, bindings = current_files()[name]
    flags = [f"--gin_file={file}" for file in files]
    flags += [f'--gin_bindings="{binding}"' for binding in bindings]
    logging.warning(
        "%s is now %s; the next version will not know the old file", name, " ".join(flags)
    )
    lines = [f"include '{_ROOT / file}'" for file in files]
    return "\n".join([*lines, *bindings, ""])
