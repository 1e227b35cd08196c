"""Finds what is wrong with examples, where a step or an evaluation gave no finite loss."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf
from absl import logging

from trainer import objectives
from trainer.datasets import batch_parts, promises
from trainer.datasets import dataset as dataset_lib


class DataFaults:
    """Reads batches again and looks at their values, so that a step need not.

    Args:
      dataset: of the run; the batch of a step is a function of the step.
      objective: knows which targets are right.
      output_width: the last axis of the network's outputs.
    """

    def __init__(
        self,
        dataset: dataset_lib.Dataset,
        objective: objectives.Objective,
        output_width: int | None,
    ):
        self._dataset = dataset
        self._objective = objective
        self._output_width = output_width
        self._name = type(dataset).__name__
        self._test_fault = None

    def check_first(self, batches: tf.data.Dataset) -> None:
        """Looks at the first batch of training, and at the targets of the first of testing.

        Args:
          batches: of training.

        Raises:
          ValueError: something is wrong with them.
        """
        if self._dataset.is_checked:
            return
        self._check_first_of_training(batches)
        for batch in self._dataset.test().take(1):
            # Numbers that are not finite cost a warning, not the evaluation.
            targets = [np.asarray(batch[1])] if tf.is_tensor(batch[1]) else []
            if fault := self._wrong_targets(targets):
                raise ValueError(f"{self._name}, the first test batch: {fault}")

    def _check_first_of_training(self, batches):
        for batch in batches.take(1):
            examples = len(next(iter(batch_parts.named(batch).values())))
            if examples != self._dataset.batch_size:
                raise ValueError(
                    f"{self._name}.batch_size = {self._dataset.batch_size}, but the first batch "
                    f"of {self._name}.train has {examples} examples; the attribute must be the "
                    "size of the batches"
                )
            if fault := self.of_batch(batch):
                raise ValueError(f"{self._name}, the first training batch: {fault}")
            if len(batch) == 3 and not np.any(batch[2]):
                raise ValueError(
                    f"{self._name}, the first training batch: all weights are 0, so that nothing "
                    "would be trained; an example that counts fully has the weight 1"
                )
            return
        raise ValueError(f"{self._name}.train gives no batches")

    def of_steps(self, first: int, last: int) -> str | None:
        """Describes a fault in the batches of some training steps; None if there is none.

        Args:
          first: steps are counted from 1.
          last: the last of them.
        """
        step = max(first, 1)
        for batch in self._dataset.train(step - 1).take(last - step + 1):
            if fault := self.of_batch(batch):
                return f"{self._name}, the batch of training step {step}: {fault}"
            step += 1
        if step <= last:
            return f"{self._name}.train has no batch for training step {step}; {promises.ENDLESS}"
        return None

    def unreadable(self, step: int | None) -> str | None:
        """Which example of a training step, or for None of testing, cannot be read, if one."""
        fault = self._dataset.unreadable(None if step is None else step - 1)
        return fault and f"{self._name}: {fault}"

    def warn_of_test(
        self, metrics: Mapping[str, float], inputs_were_finite: bool, step: int
    ) -> None:
        """Warns if an evaluation is not finite, and says which test examples are at fault.

        Args:
          metrics: of the evaluation.
          inputs_were_finite: in the evaluation.
          step: training steps done.
        """
        wrong = [f"{name} {value:g}" for name, value in metrics.items() if not math.isfinite(value)]
        wrong += [] if inputs_were_finite else ["inputs"]
        if wrong:
            logging.warning(
                "the evaluation after %d training steps is not finite (%s): %s",
                *(
                    step,
                    ", ".join(wrong),
                    self.of_test() or "the test examples are finite, so the network is not",
                ),
            )

    def of_test(self) -> str | None:
        """Describes a fault in the test examples, which are read once; None if there is none."""
        if self._test_fault is None:
            fault = self._of_batches(self._dataset.test())
            self._test_fault = f"{self._name}, the test examples: {fault}" if fault else ""
        return self._test_fault or None

    def of_batch(self, batch: tuple) -> str | None:
        """Describes a fault in a batch; None if there is none."""
        return self._of_batches([batch])

    def _of_batches(self, batches: Iterable[tuple]) -> str | None:
        examples, bad, targets, weights = 0, {}, [], []
        for batch in batches:
            arrays = {name: np.asarray(part) for name, part in batch_parts.named(batch).items()}
            sizes = {name: len(array) for name, array in arrays.items()}
            if len(set(sizes.values())) > 1:
                return f"parts of a batch have different numbers of examples: {sizes}"
            examples += next(iter(sizes.values()))
            for name, array in arrays.items():
                bad[name] = bad.get(name, 0) + _count_nonfinite(array)
            targets += [arrays["targets"]] if "targets" in arrays else []
            weights += [arrays["weights"]] if "weights" in arrays else []
        if not examples:
            return "there are no examples"
        if found := [f"{name} in {n} of {examples}" for name, n in bad.items() if n]:
            return (
                f"values are not finite (NaN or infinite): {', '.join(found)} examples; leave "
                "these out, or put numbers in their place"
            )
        if weights and (least := np.min(np.concatenate(weights))) < 0:
            return f"weights must be 0 or more, and the least is {least:g}"
        return self._wrong_targets(targets)

    def _wrong_targets(self, targets: list[np.ndarray]) -> str | None:
        # Those of an objective of one's own may be nested, and are left out.
        if not targets or self._output_width is None:
            return None
        return self._objective.wrong_targets(np.concatenate(targets), self._output_width)


def _count_nonfinite(array: np.ndarray) -> int:
    """The examples of `array` `[batch, ...]` with a value that is not finite."""
    if array.dtype.kind != "f" and array.dtype != tf.bfloat16.as_numpy_dtype:
        return 0
    is_finite = np.isfinite(array.astype(np.float64))
    return int(np.sum(~is_finite.all(axis=tuple(range(1, array.ndim)))))
