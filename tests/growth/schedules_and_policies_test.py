import gin
import pytest

from growth.decisions import policies, schedules


def _steps(schedule, until):
    """All growths before `until`, as a training loop meets them."""
    steps, step = [], schedule.next_growth(0, 0)
    while step is not None and step < until:
        steps.append(step)
        step = schedule.next_growth(step, len(steps))
    return steps


@pytest.mark.parametrize(
    ("arguments", "until", "expected"),
    [
        ((200, 200, 5), 1500, [200, 400, 600, 800, 1000]),
        ((200, 200, 5), 600, [200, 400]),
        ((0, 1, 3), 10, [0, 1, 2]),
        ((5, 10, 0), 100, []),
    ],
)
def test_periodic_schedule(arguments, until, expected):
    assert _steps(schedules.PeriodicSchedule(*arguments), until) == expected


@pytest.mark.parametrize("arguments", [(-1, 1, 1), (0, 0, 1), (0, 1, -1)])
def test_a_schedule_names_what_is_out_of_range(arguments):
    with pytest.raises(ValueError, match=r"PeriodicSchedule\.\w+ = -?\d+ must be at least"):
        schedules.PeriodicSchedule(*arguments)


def _grow(policy, initial, growths):
    """Widths after each growth."""
    widths, course = list(initial), []
    for growth in range(growths):
        sites = [
            policies.SiteWidth(str(i), first, now)
            for i, (first, now) in enumerate(zip(initial, widths, strict=True))
        ]
        widths = [w + n for w, n in zip(widths, policy.allot(growth, sites), strict=True)]
        course.append(tuple(widths))
    return course


@pytest.mark.parametrize(
    ("policy", "initial", "expected"),
    [
        (policies.AllAtOnce(neurons=2), (3, 4), [(5, 6), (7, 8), (9, 10)]),
        (policies.AllAtOnce(neurons=2, max_width=7), (3, 6), [(5, 7), (7, 7), (7, 7)]),
        (policies.AllAtOnce(fraction=0.5), (4, 8), [(6, 12), (8, 16), (10, 20)]),
        (policies.AllAtOnce(fraction=0.01), (4,), [(5,), (6,), (7,)]),
        (policies.RoundRobin(neurons=1), (3, 4), [(4, 4), (4, 5), (5, 5)]),
        (policies.RoundRobin(neurons=5, max_width=6), (3, 6), [(6, 6), (6, 6), (6, 6)]),
        (policies.RoundRobin(fraction=1.0, max_width=7), (3, 6), [(6, 6), (6, 7), (7, 7)]),
    ],
)
def test_policies(policy, initial, expected):
    assert _grow(policy, initial, 3) == expected


def test_a_policy_grows_the_sites_that_it_names():
    sites = [policies.SiteWidth(name, 4, 4) for name in ("a_1", "a_2", "b")]
    assert policies.AllAtOnce(neurons=1, sites=("a_*",)).allot(0, sites) == [1, 1, 0]
    assert policies.RoundRobin(neurons=1, sites="b").allot(0, sites) == [0, 0, 1]
    turns = policies.RoundRobin(neurons=1, sites=("a_1", "b"))
    assert [turns.allot(i, sites) for i in range(4)] == [[1, 0, 0], [0, 0, 1]] * 2
    for names, message in [
        (("c",), r"AllAtOnce.sites = \('c',\): 'c' names none of .* a_1, a_2, b"),
        # Also beside another one that does.
        (("a_*", "a_11"), r"'a_11' names none of .* Did you mean 'a_1'"),
        ((), r"AllAtOnce.sites = \(\) must name one of"),
    ]:
        with pytest.raises(ValueError, match=message):
            policies.AllAtOnce(neurons=1, sites=names).allot(0, sites)
    with pytest.raises(ValueError, match="'c' names none of"):
        policies.AllAtOnce(neurons=1, sites=("c",)).allot(0, sites)


def test_policies_in_turn_count_their_own_growths():
    policy = policies.InTurn([policies.RoundRobin(neurons=1), policies.AllAtOnce(neurons=2)])
    assert _grow(policy, (3, 4), 4) == [(4, 4), (6, 6), (6, 7), (8, 9)]
    with pytest.raises(ValueError, match=r"InTurn.policies = \[\] must be a list"):
        policies.InTurn([])
    with pytest.raises(ValueError, match=r"InTurn.policies = .* must be a list"):
        policies.InTurn(policies.AllAtOnce(neurons=1))


def test_a_fraction_of_the_target_stops_there():
    policy = policies.AllAtOnce(target_fraction=0.25)
    widths = [policies.SiteWidth("a", 2, 2, target=16), policies.SiteWidth("b", 15, 15, target=16)]
    assert policy.allot(0, widths) == [4, 1]
    with pytest.raises(ValueError, match=r"AllAtOnce.target_fraction .* c has none"):
        policy.allot(0, [policies.SiteWidth("c", 2, 2)])


@pytest.mark.parametrize("policy", [policies.AllAtOnce, policies.RoundRobin])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"neurons": 1, "fraction": 0.5},
        {"fraction": 1.0, "target_fraction": 0.5},
        {"target_fraction": -1.0},
        {"neurons": 0},
        {"fraction": 0.0},
        {"neurons": 1, "max_width": 0},
    ],
)
def test_a_policy_names_what_is_wrong(policy, arguments):
    with pytest.raises(ValueError, match=rf"{policy.__name__}\.\w+ = "):
        policy(**arguments)


@pytest.mark.parametrize(
    ("fractions", "steps", "expected"),
    [((0.25, 0.5), 100, [25, 50]), ((0,), 10, [0]), ([0.999], 10, [10]), ((), 10, [])],
)
def test_fractional_schedule(fractions, steps, expected):
    schedule = schedules.FractionalSchedule(fractions, steps)
    assert _steps(schedule, steps + 1) == expected


@pytest.mark.parametrize(
    ("fractions", "steps", "message"),
    [
        ((0.5, 1.0), 10, "below 1"),
        ((-0.1,), 10, "0 or more"),
        (0.5, 10, "must be numbers"),
        ((0.5, 0.51), 10, r"a step apart: of 10 steps they give \[5, 5\]"),
        ((0.6, 0.5), 10, "must ascend"),
        ((0.5,), 0, "at least 1"),
        ((0.5,), None, "needs Experiment.steps to be bound"),
    ],
)
def test_a_fractional_schedule_tells_what_is_wrong(fractions, steps, message):
    with pytest.raises(ValueError, match=message):
        schedules.FractionalSchedule(fractions, steps)


@pytest.mark.parametrize("bound", ["Experiment.steps = 40", "n = 40\nExperiment.steps = %n"])
def test_a_fractional_schedule_knows_how_long_the_run_is(bound):
    gin.parse_config(f"import trainer.experiment\n{bound}\nFractionalSchedule.fractions = (0.5,)")
    assert _steps(schedules.FractionalSchedule(), 40) == [20]
