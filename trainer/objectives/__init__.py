"""Objectives: the loss and the metrics of a task, and checks of data against them."""

from trainer.objectives.binary_classification import BinaryClassification
from trainer.objectives.classification import Classification
from trainer.objectives.objective import Objective
from trainer.objectives.squared_error import SquaredError

__all__ = ["BinaryClassification", "Classification", "Objective", "SquaredError"]
