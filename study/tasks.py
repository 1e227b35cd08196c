"""The tasks of the benchmark: what is trained, how long, and what is tuned."""

import dataclasses
from collections.abc import Sequence

_FASHION = "gin_configs/fashion_mnist"
_TEACHER = "gin_configs/teacher_student"


@dataclasses.dataclass(frozen=True)
class Task:
    """A task that networks are grown for.

    Attributes:
      name: of its folder, and in tables.
      title: in tables.
      file: its .gin file, from the root of the workspace.
      metric: where result.json has what is compared, e.g. `test/accuracy`.
      rate: the binding of the learning rate, which is tuned.
      rates: the values that every arm has to choose from.
      seeds: 0, 1, ..., of the full benchmark.
      quick_rates: those of the quick one.
      quick_seeds: those of the quick one.
      steps: the binding of the number of training steps.
      bindings: of all arms.
      is_quick: whether the quick benchmark has it.
    """

    name: str
    title: str
    file: str
    metric: str
    rate: str
    rates: Sequence[float]
    seeds: int
    quick_rates: Sequence[float]
    quick_seeds: int
    steps: str = "steps"
    bindings: Sequence[str] = ()
    is_quick: bool = True


def _teacher_student(size: str, rates: Sequence[float], seeds: int) -> Task:
    return Task(
        name=f"teacher_student_{size}",
        title=f"teacher and student, {size}",
        file=f"{_TEACHER}/{size}.gin",
        metric="train/loss",
        rate="ConstantLrConfig.learning_rate",
        rates=rates,
        seeds=seeds,
        quick_rates=rates[:2],
        quick_seeds=3,
        steps="Experiment.steps",
    )


def _convolutional(name: str, title: str, rates: Sequence[float], steps: int | None = None) -> Task:
    return Task(
        name=f"{name}_long" if steps else name,
        title=title,
        file=f"{_FASHION}/{name}.gin",
        metric="test/accuracy",
        rate="learning_rate",
        rates=rates,
        seeds=3 if steps else 10,
        quick_rates=rates[1:],
        quick_seeds=1,
        bindings=(f"steps = {steps}",) if steps else (),
        is_quick=steps is None,
    )


def _mlp(steps: int, epochs: int) -> Task:
    return Task(
        name=f"mlp_{epochs}",
        title=f"Fashion-MNIST, MLP, {epochs} {'epoch' if epochs == 1 else 'epochs'}",
        file=f"{_FASHION}/mlp.gin",
        metric="test/accuracy",
        rate="CosineLrConfig.initial_learning_rate",
        rates=(0.05, 0.1, 0.15),
        seeds=10,
        quick_rates=(0.1, 0.15),
        quick_seeds=3,
        bindings=(f"steps = {steps}",),
        is_quick=epochs == 10,
    )


_VGG, _WRN = (0.05, 0.07, 0.1), (0.1, 0.2, 0.3)

TASKS = (
    _mlp(steps=4690, epochs=10),
    _mlp(steps=938, epochs=2),
    _mlp(steps=9380, epochs=20),
    _convolutional("vgg", "Fashion-MNIST, VGG-11, 4 epochs", _VGG),
    _convolutional("vgg", "Fashion-MNIST, VGG-11, 8 epochs", _VGG, steps=3752),
    _convolutional("wrn", "Fashion-MNIST, WRN-10-1, 2 epochs", _WRN),
    _convolutional("wrn", "Fashion-MNIST, WRN-10-1, 4 epochs", _WRN, steps=1876),
    _teacher_student("small", rates=(0.1, 0.2, 0.3, 0.5), seeds=10),
    _teacher_student("large", rates=(0.03, 0.05, 0.1), seeds=5),
    Task(
        name="digits",
        title="scikit-learn's digits, MLP",
        file="study/digits.gin",
        metric="test/accuracy",
        rate="learning_rate",
        rates=(0.03, 0.1, 0.3),
        seeds=10,
        quick_rates=(0.1, 0.3),
        quick_seeds=3,
    ),
    Task(
        name="friedman",
        title="Friedman's regression, one output",
        file="study/friedman.gin",
        metric="test/loss",
        rate="learning_rate",
        rates=(0.01, 0.03, 0.1),
        seeds=10,
        quick_rates=(0.03, 0.1),
        quick_seeds=3,
    ),
)
