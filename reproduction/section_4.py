"""Figures of section 4 of the paper: teacher and student, and growth of image classifiers."""

from reproduction import accuracy_by_setting, growth_run_times, training_curves, verification
from reproduction import singular_vector_alignment as alignment
from reproduction.training_curves import Cheaper, Lower, NotHigher
from reproduction.variant import Variant

# Training steps between two points of a curve.
SMALL_CURVE = ("Loop.log_interval = 20",)
LARGE_CURVE = ("Loop.log_interval = 50",)

_METHODS = {
    "Baseline-Small": "baseline_small",
    "Random": "random",
    "GradMaxOpt": "gradmax_opt",
    "GradMax": "gradmax",
    "Baseline-Big": "baseline_big",
}
SMALL = {
    label: Variant(f"small_{name}", ("teacher_student/small", f"methods/{name}"), SMALL_CURVE)
    for label, name in _METHODS.items()
}
_LARGE = {
    label: Variant(f"large_{name}", ("teacher_student/large", f"methods/{name}"), LARGE_CURVE)
    for label, name in _METHODS.items()
}
_SMALL_PANEL = "small (20:10:10)"
_LARGE_PANEL = "large (100:50:10)"
_GROWN = ("Random", "GradMaxOpt", "GradMax")


def _teacher_student():
    return [
        *verification.figures(
            "2", "small", lambda method: ("teacher_student/small", f"methods/{method}")
        ),
        training_curves.TrainingCurves(
            name="3a",
            title="Training curves, small setting",
            paper="GradMax achieves lower training loss compared to the random and GradMaxOpt "
            "methods. For small teacher networks all growing methods fall short of matching "
            "Baseline-Big. Growing costs only 75 % of the FLOPs.",
            panels={_SMALL_PANEL: SMALL},
            axis="training_flops",
            claims=[
                Lower(_SMALL_PANEL, "GradMax", "Random"),
                Lower(_SMALL_PANEL, "GradMax", "GradMaxOpt"),
                *(Lower(_SMALL_PANEL, "Baseline-Big", label) for label in _GROWN),
                Cheaper(_SMALL_PANEL, "GradMax", "Baseline-Big", 80.0),
            ],
        ),
        training_curves.TrainingCurves(
            name="3b",
            title="Training curves, large setting",
            paper="GradMax achieves lower training loss compared to the random and GradMaxOpt "
            "methods. For the larger teacher network GradMax even matches Baseline-Big.",
            panels={_LARGE_PANEL: _LARGE},
            axis="training_flops",
            claims=[
                Lower(_LARGE_PANEL, "GradMax", "Random"),
                Lower(_LARGE_PANEL, "GradMax", "GradMaxOpt"),
                NotHigher(_LARGE_PANEL, "GradMax", "Baseline-Big"),
                Cheaper(_LARGE_PANEL, "GradMax", "Baseline-Big", 80.0),
            ],
        ),
        growth_run_times.GrowthRunTimes(
            name="3c",
            title="Run time of the growing algorithms",
            paper="The extra operations required by GradMax run faster than a single training "
            "step and therefore their cost is negligible.",
            panels={
                panel: {label: by_label[label] for label in _GROWN}
                for panel, by_label in [(_SMALL_PANEL, SMALL), (_LARGE_PANEL, _LARGE)]
            },
        ),
    ]


# GradMax with the paper's epsilon and scale, in 4 epochs.
_SHORT_MLP = (
    "steps = 1876",
    "Loop.eval_interval = None",
    "PeriodicSchedule.start = 140",
    "PeriodicSchedule.interval = 140",  # The sixth and last growth is at step 840.
    "GradMax.epsilon = 1e-4",
    "mean_norm.factor = 0.5",
    "CosineLrConfig.initial_learning_rate = 0.05",
)


def _mlp(name: str, *bindings: str) -> Variant:
    files = ("fashion_mnist/mlp", "methods/gradmax")
    return Variant(f"like_figure_5/{name}", files, (*_SHORT_MLP, *bindings))


def _like_figure_5():
    base = _mlp("base")
    better, robust = accuracy_by_setting.Better, accuracy_by_setting.Robust
    schedule, epsilon, scale = "growing schedule", "epsilon", "scale"
    return accuracy_by_setting.AccuracyBySetting(
        name="5",
        title="Like figure 5, for an MLP on Fashion-MNIST: schedule, epsilon and scale of GradMax",
        paper="(MobileNet-v1 on ImageNet.) Growing neurons early in the training and growing every "
        "5000 steps achieves the best results. Larger values of epsilon harm the final test "
        "accuracy. Relatively robust performance for scales larger than 0.5, and no visible "
        "difference between mean and fixed.",
        repeats=3,
        needs_images=True,
        panels={
            schedule: {
                "every 70": _mlp("every_70", "PeriodicSchedule.interval = 70"),
                "every 140": base,
                "every 280": _mlp("every_280", "PeriodicSchedule.interval = 280"),
                "every 140, late": _mlp("late", "PeriodicSchedule.start = 1000"),
            },
            epsilon: {
                "0": _mlp("epsilon_0", "GradMax.epsilon = 0.0"),
                "1e-4": base,
                "1e-2": _mlp("epsilon_1e-2", "GradMax.epsilon = 1e-2"),
                "1e-1": _mlp("epsilon_1e-1", "GradMax.epsilon = 1e-1"),
                "1": _mlp("epsilon_1", "GradMax.epsilon = 1.0"),
            },
            scale: {
                "mean 0.25": _mlp("mean_0.25", "mean_norm.factor = 0.25"),
                "mean 0.5": base,
                "mean 1": _mlp("mean_1", "mean_norm.factor = 1.0"),
                "fixed 0.5": _mlp("fixed_0.5", "GradMax.scale = @fixed", "fixed.norm = 0.5"),
                "fixed 1": _mlp("fixed_1", "GradMax.scale = @fixed", "fixed.norm = 1.0"),
            },
        },
        claims=[
            better(schedule, "every 140", "every 140, late"),
            better(schedule, "every 140", "every 280"),
            better(epsilon, "1e-4", "1e-1"),
            better(epsilon, "1e-4", "1"),
            robust(scale, ("mean 0.5", "mean 1", "fixed 0.5", "fixed 1"), 0.5),
        ],
    )


def _figure_6():
    return alignment.SingularVectorAlignment(
        name="6",
        title="Alignment of singular vectors of minibatches with those of the full gradient, for "
        "a VGG-11 of a sixteenth of the widths on Fashion-MNIST",
        paper="(WRN-28-1 on CIFAR-10.) At the beginning of training the singular vectors strongly "
        "align. At the end of training the alignment decreases. It is still a reasonable "
        "estimate.",
        repeats=10,
        needs_images=True,
        variant=Variant(
            "alignment",
            ("fashion_mnist/vgg", "methods/baseline_small"),
            (
                "steps = 234",  # Half an epoch.
                "ImageClassification.augmentation = None",
                "VGG.activation = @models.activations.relu",
                "optimizer.warmup = None",
                "learning_rate = 0.05",
            ),
            alignment.alignments,
        ),
    )


FIGURES = [*_teacher_student(), _like_figure_5(), _figure_6()]
