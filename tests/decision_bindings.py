"""Short runs of a student with two hidden layers, by what decides about its growths."""

FILES = [
    "gin_configs/teacher_student/two_layers.gin",
    "gin_configs/methods/gradmax.gin",
]
TASK = [
    "Experiment.steps = 120",
    "Loop.log_interval = 4",
    "Loop.eval_interval = 20",
    "TeacherStudent.examples = 100",
    "TeacherStudent.batch_size = 32",
    "teacher_sizes = (10, 6, 6, 4)",
    "initial_widths = (4, 4)",
    "import growth.decisions.budget",
    "import growth.decisions.combinations",
    "import growth.decisions.placement",
    "import growth.decisions.triggers",
]

# Every schedule and every policy.
ALL = {
    "any of, gain": [
        "Grower.schedule = @AnyOf()",
        "AnyOf.schedules = (@Plateau(), @SingularValues(), @Redundancy())",
        "Plateau.steps = 10",
        "Plateau.least_fall = 0.1",
        "SingularValues.threshold = 1.5",
        "SingularValues.interval = 15",
        "SingularValues.cool_down = 15",
        "Redundancy.threshold = 0.9",
        "Redundancy.interval = 25",
        "Grower.policy = @GainPerCost()",
        "GainPerCost.neurons = 2",
        "Grower.budget = @Budget()",
        "Budget.parameters = 200",
    ],
    "all of, votes": [
        "Grower.schedule = @AllOf()",
        "AllOf.schedules = (@Gap(), @SingularValues())",
        "Gap.every = 20",
        "Gap.slope = 0.5",
        "Gap.interval = 10",
        "SingularValues.threshold = 0.5",
        "SingularValues.interval = 5",
        "Grower.policy = @Votes()",
        "Votes.neurons = 1",
    ],
    "at the latest, singular values": [
        "Grower.schedule = @AtEarliest()",
        "AtEarliest.schedule = @AtLatest()",
        "AtEarliest.step = 16",
        "AtLatest.schedule = @Plateau()",
        "AtLatest.steps = 30",
        "AtLatest.end = 110",
        "Plateau.steps = 12",
        "Plateau.least_fall = 0.05",
        "Grower.policy = @LargestSingularValues()",
        "LargestSingularValues.neurons = 2",
        "LargestSingularValues.least_fraction = 0.3",
    ],
    "periodic, random": [
        "PeriodicSchedule.start = 10",
        "PeriodicSchedule.interval = 25",
        "Grower.policy = @RandomPlacement()",
        "RandomPlacement.neurons = 2",
        "Grower.budget = @Budget()",
        "Budget.neurons = 14",
    ],
}
