"""Figures of appendix D of the paper: more of teacher and student."""

from reproduction import singular_values_and_loss, training_curves, verification
from reproduction.section_4 import LARGE_CURVE, SMALL, SMALL_CURVE
from reproduction.training_curves import Jumpier, Lower
from reproduction.variant import Variant

_RATES = ("0.2", "0.1", "0.05", "0.02", "0.01")
_METHODS = {
    "Baseline-Small": "baseline_small",
    "Random": "random",
    "Split": "split",
    "GradMaxOpt": "gradmax_opt",
    "GradMax": "gradmax",
    "Baseline-Big": "baseline_big",
}


def _curve(name: str, task: str, *methods: str, bindings: tuple[str, ...] = SMALL_CURVE) -> Variant:
    files = (f"teacher_student/{task}", *(f"methods/{method}" for method in methods))
    return Variant(name, files, bindings)


def _batch_norm(method: str) -> tuple[str, ...]:
    """The files of a method; new outgoing weights are short where incoming ones are zero."""
    files = ("teacher_student/batch_norm", f"methods/{method}")
    short = method in ("random", "gradmax_opt", "gradmax")
    return (*files, "methods/short_outgoing") if short else files


def _figure_7():
    panels = {
        f"{size} ({sizes})": {
            rate: Variant(
                f"learning_rate/{size}_{rate}",
                (f"teacher_student/{size}", "methods/baseline_big"),
                (*curve, f"ConstantLrConfig.learning_rate = {rate}"),
            )
            for rate in _RATES
        }
        for size, sizes, curve in [
            ("small", "20:10:10", SMALL_CURVE),
            ("large", "100:50:10", LARGE_CURVE),
        ]
    }
    return training_curves.TrainingCurves(
        name="7",
        title="Learning rates (Baseline-Big; the paper's second teacher is 400:200:10)",
        paper="Higher learning rates bring faster convergence, however best results are obtained "
        "with the second highest learning rate equal to 0.1.",
        repeats=3,
        panels=panels,
        claims=[
            *(
                Lower(panel, high, low, part=0.1)
                for panel in panels
                for high, low in zip(_RATES, _RATES[1:], strict=False)
            ),
            *(Lower(panel, "0.1", rate) for panel in panels for rate in _RATES if rate != "0.1"),
        ],
    )


def _figure_8():
    return singular_values_and_loss.SingularValuesAndLoss(
        name="8",
        title="Long-term effect of growing along one of five singular vectors",
        paper="Larger singular values generally converge faster. The correlation is always "
        "negative and gets worse as we iterate. At the later stages, close to convergence, the "
        "correlation holds for a while.",
        variant=Variant(
            "singular_values",
            ("teacher_student/small", "methods/baseline_small"),
            measure=singular_values_and_loss.growths_by_singular_vector,
        ),
    )


def _figure_10():
    panels = {
        f"{size} ({sizes})": {
            label: _curve(f"convolution/{size}_{name}", f"convolution/{size}", name, bindings=curve)
            for label, name in _METHODS.items()
        }
        for size, sizes, curve in [
            ("small", "2:10:10", SMALL_CURVE),
            ("large", "4:50:10", LARGE_CURVE),
        ]
    }
    return training_curves.TrainingCurves(
        name="10",
        title="Training curves with convolutions",
        paper="In both settings GradMax significantly improves optimization over Random. "
        "Split-based methods seem to cause some instability in large network settings, causing "
        "frequent jumps.",
        panels=panels,
        claims=[
            *(Lower(panel, "GradMax", "Random") for panel in panels),
            Jumpier("large (4:50:10)", "Split", "Random"),
        ],
    )


def _figure_12():
    regular = {
        label: Variant(f"batch_norm/{name}", _batch_norm(name), SMALL_CURVE)
        for label, name in _METHODS.items()
    }
    outgoing_zero = {
        label: _curve(
            f"batch_norm/{name}_inverse",
            *("batch_norm", name),
            bindings=(f"{label}.inverse = True", *SMALL_CURVE),
        )
        for label, name in [("Random", "random"), ("GradMaxOpt", "gradmax_opt")]
    }
    baselines = {label: regular[label] for label in ("Baseline-Small", "Baseline-Big")}
    panels = {"regular": regular, "outgoing weights zero": baselines | outgoing_zero}
    return training_curves.TrainingCurves(
        name="12",
        title="Training curves with batch normalization",
        paper="In both settings GradMax significantly improves optimization over Random "
        "(GradMaxOpt where outgoing weights are zero). Split-based methods cause frequent jumps.",
        panels=panels,
        claims=[
            Lower("regular", "GradMax", "Random"),
            Lower("outgoing weights zero", "GradMaxOpt", "Random"),
            Jumpier("regular", "Split", "Random"),
        ],
    )


def _figure_13a():
    panel = "with biases"
    labels = {"All zero": "all_zero", "Random": "random", "GradMax": "gradmax"}
    return training_curves.TrainingCurves(
        name="13a",
        title="All-zero initialization",
        paper="Setting both sides to zero with a bias of one performs worse than GradMax.",
        panels={
            panel: {label: _curve(f"bias/{name}", "bias", name) for label, name in labels.items()}
        },
        claims=[Lower(panel, "GradMax", "All zero")],
    )


def _figure_13b():
    panel = "equal FLOPs"
    starts = {
        f"step {step}": SMALL["GradMax"]
        if step == 200
        else _curve(f"start/step_{step}", f"start_{step}", "gradmax")
        for step in (0, 200, 400, 800, 1000)
    }
    return training_curves.TrainingCurves(
        name="13b",
        title="Start of growth",
        paper="Growing early in the training works best.",
        panels={panel: starts},
        axis="training_flops",
        claims=[Lower(panel, "step 0", f"step {step}") for step in (200, 400, 800, 1000)],
    )


def _figure_13c():
    panel = "equal FLOPs"
    labels = {
        f"{label} ({width})": SMALL[label]
        if width == 5
        else _curve(f"seed/width_{width}_{name}", f"initial_width_{width}", name)
        for width in (2, 4, 5, 7)
        for label, name in [("GradMax", "gradmax"), ("Random", "random")]
    }
    return training_curves.TrainingCurves(
        name="13c",
        title="Width of the seed network",
        paper="Starting with a larger student helps optimization for both GradMax and Random, "
        "while GradMax consistently achieves better results than Random in all settings.",
        panels={panel: labels},
        axis="training_flops",
        claims=[
            *(Lower(panel, f"GradMax ({w})", f"Random ({w})") for w in (2, 4, 5, 7)),
            *(Lower(panel, f"{label} (7)", f"{label} (2)") for label in ("GradMax", "Random")),
        ],
    )


def _figure_13d():
    panel = "beyond the teacher"
    big = _curve("more_neurons/baseline_big", "more_neurons", "baseline_big")
    labels = {"Baseline-Big": big} | {
        f"GradMax to {5 + growths} neurons": _curve(
            f"more_neurons/width_{5 + growths}_gradmax",
            *("more_neurons", "gradmax"),
            bindings=(f"PeriodicSchedule.count = {growths}", *SMALL_CURVE),
        )
        for growths in (5, 7, 10)
    }
    return training_curves.TrainingCurves(
        name="13d",
        title="More neurons than the teacher has",
        paper="With around 50 % more neurons (1.5x) the student exceeds the baseline (big) "
        "performance.",
        panels={panel: labels},
        claims=[Lower(panel, "GradMax to 15 neurons", "Baseline-Big")],
    )


FIGURES = [
    _figure_7(),
    _figure_8(),
    *verification.figures(
        "9",
        "convolution",
        lambda method: ("teacher_student/convolution/small", f"methods/{method}"),
    ),
    _figure_10(),
    *verification.figures("11", "batch_norm", _batch_norm),
    _figure_12(),
    _figure_13a(),
    _figure_13b(),
    _figure_13c(),
    _figure_13d(),
]
