"""The three figures that verify GradMax in one setting: 2, 9 and 11 of the paper."""

from collections.abc import Callable

from reproduction import after_growth, figure, loss_after_growth
from reproduction import gradient_norm_after_growth as norm_after_growth
from reproduction import gradient_norm_in_training as norm_in_training
from reproduction.variant import Variant

_METHODS = {
    "Baseline-Small": "baseline_small",
    "Random": "random",
    "GradMaxOpt": "gradmax_opt",
    "GradMax": "gradmax",
    "Baseline-Big": "baseline_big",
}
_ALL_KEPT = "Loop.checkpoints_kept = 1000"


def figures(
    number: str, setting: str, files: Callable[[str], tuple[str, ...]]
) -> list[figure.Figure]:
    """The figures a, b and c.

    Args:
      number: of the figure.
      setting: names it, in titles and in folders.
      files: those of a `Variant` with a method.
    """
    words = setting.replace("_", " ")
    random = Variant(
        f"after_growth/{setting}",
        files("random"),
        ("Loop.checkpoint_interval = 200", _ALL_KEPT),  # Steps, between two growths.
        after_growth.after_growth,
    )
    frequent = ("Loop.checkpoint_interval = 25", _ALL_KEPT)  # Steps.
    return [
        norm_after_growth.GradientNormAfterGrowth(
            name=f"{number}a",
            title=f"Gradient norm of a new neuron ({words})",
            paper="GradMax is able to initialize the new neurons with a significantly higher "
            "gradient norm compared to random growing. Naive direct optimization (GradMaxOpt) "
            "does not recover the solution found by GradMax.",
            variant=random,
        ),
        norm_in_training.GradientNormInTraining(
            name=f"{number}b",
            title=f"Gradient norm in training ({words})",
            paper="The larger gradient norm after growing persists for future training steps "
            "(divided by the training loss).",
            by_label={
                label: Variant(
                    f"gradient_norm/{setting}_{method}",
                    files(method),
                    frequent,
                    norm_in_training.gradient_norms,
                )
                for label, method in _METHODS.items()
            },
        ),
        loss_after_growth.LossAfterGrowth(
            name=f"{number}c",
            title=f"Loss after growth, Random - GradMax ({words})",
            paper="Consistent improvements in the training dynamics, which last for over 500 "
            "training steps.",
            variant=random,
        ),
    ]
