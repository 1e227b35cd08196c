import gin
import pytest

from tests import compositions
from trainer import experiment
from trainer.command import errors
from trainer.config import reader

_SMALL = compositions.files("small+gradmax")


def _load(*bindings, files=_SMALL):
    reader.load(files, bindings)


def test_files_in_order_then_bindings_and_the_last_wins(tmp_path):
    (tmp_path / "a.gin").write_text("Experiment.steps = 7\nPeriodicSchedule.start = 8\n")
    _load("Experiment.steps = 9", files=[*_SMALL, str(tmp_path / "a.gin")])
    assert gin.query_parameter("Experiment.steps") == 9
    assert gin.query_parameter("PeriodicSchedule.start") == 8
    assert gin.query_parameter("PeriodicSchedule.count") == 5


def test_files_are_found_in_the_working_directory_search_paths_and_workspace(tmp_path, monkeypatch):
    for folder in ("here", "there", "workspace"):
        (tmp_path / folder).mkdir()
    (tmp_path / "here" / "a.gin").write_text("include 'b.gin'\n")
    (tmp_path / "there" / "b.gin").write_text("include 'c.gin'\nx = 1\n")
    (tmp_path / "workspace" / "c.gin").write_text("include 'gin_configs/teacher_student/base.gin'")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path / "workspace"))
    reader.load(["a.gin"], [], [str(tmp_path / "there")])
    assert gin.query_parameter("%x") == 1
    assert gin.query_parameter("TeacherStudent.examples") == 1000


def test_literals_are_numbers_or_text():
    _load("ConstantLrConfig.learning_rate = 0.2", "MLP.use_bias = True")
    literals = reader.literals()
    assert literals["ConstantLrConfig.learning_rate"] == 0.2
    assert literals["MLP.use_bias"] is True
    assert literals["Grower.method"] == "@GradMax()"
    assert literals["seed"] == 0


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        (
            "PeriodcSchedule.start = 3",
            "No configurable matching 'PeriodcSchedule'.*mean Periodic",
        ),
        ("PeriodicSchedule.strt = 3", "parameter named 'strt'.*Did you mean start"),
        ("PeriodicSchedule.bogus = 3", "parameter named 'bogus'.*It has: start, interval, count"),
        ("PeriodicSchedule.start = 'x'", "PeriodicSchedule.start = 'x' must be a whole number"),
        ("PeriodicSchedule.start = 2.5", "PeriodicSchedule.start = 2.5 must be a whole number"),
        ("PeriodicSchedule.start = True", "PeriodicSchedule.start = True must be a whole number"),
        ("seed = 'x'", "Experiment.seed = %seed must be a whole number, but is 'x'"),
        ("MLP.hidden_widths = 5", "MLP.hidden_widths = 5 must be a list with each item a whole"),
        ("MLP.use_bias = 1", "MLP.use_bias = 1 must be True or False"),
        ("MLP.activation = 'relu'", "MLP.activation = 'relu' must be a function or class"),
        ("Grower.schedule = 'weekly'", "Grower.schedule = 'weekly' must be an object of class Sch"),
        ("Grower.method = @GradMx()", "No configurable.*Did you mean GradMax"),
        ("Grower.schedule = @RoundRobin()", "@RoundRobin.. must be an object of class Schedule"),
        ("Grower.policy = @AllAtOnce", "@AllAtOnce must be an object of .* given as @name.."),
        ("Grower.method = @GradMax", "@GradMax must be an object of class GrowthMethod"),
        ("Experiment.objective = @SquaredError", "must be an object of class Objective"),
        ("Experiment.model = @MLP()", "given as @name, without parentheses"),
        ("MLP.kernel_initializer = @MLP()", "must be a class, given as @name, without parenth"),
        (
            "Experiment.dataset = @optimizer",
            "must be a function or class whose result is .* Dataset",
        ),
        (
            "MLP.activation = @AllAtOnce()",
            "must be a function or class whose result is of class Ten",
        ),
        (
            "Experiment.objective = b'x'",
            "Experiment.objective = b'x' must be an object of class Obj",
        ),
        (
            "AllAtOnce.sites = @MLP()",
            "sites = @MLP.. must be a text or a list with each item a text",
        ),
        ("AllAtOnce.sites = ('a', 3)", "must be a text or a list with each item a text"),
        ("MLP.l2 = nan", "a value must be a number, a text in quotes, True, False, None, a list"),
        ("Experiment.steps = %stepps", "%stepps is a macro without a value"),
        ("Experiment.seed = %sede", "%sede is a macro without a value.*Did you mean seed"),
        ("SGDConfig.momentum = 'x'", "SGDConfig.momentum = 'x' must be a number"),
        ("a = = 3", "Unable to parse value.*--gin_bindings=a = = 3"),
        ("include 'gin_configs/nothing.gin'", "Unable to open file: gin_configs/nothing.gin"),
        ("import nothing_there", "No module named 'nothing_there'"),
    ],
)
def test_a_mistake_gives_one_message_that_helps(binding, message):
    with pytest.raises(errors.UserError, match=f"(?s){message}") as raised:
        _load(binding)
    assert len(str(raised.value).splitlines()) <= 5


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("", "--gin_file is empty"),
        (
            "gin_configs/methods/gradmx.gin",
            "is not a file.*Did you mean gin_configs/methods/gradmax",
        ),
        ("gin_configs", "--gin_file=gin_configs is not a file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(file, message):
    with pytest.raises(errors.UserError, match=f"(?s){message}"):
        reader.load([file], [])


def test_a_mistake_in_a_file_names_file_and_line(tmp_path):
    file = tmp_path / "wrong.gin"
    file.write_text(f"include '{_SMALL[0]}'\n\nMLP.hidden_width = (3,)\n")
    with pytest.raises(errors.UserError, match=r"(?s)wrong.gin., line 3.*Did you mean hidden_wid"):
        reader.load([str(file)], [])
    file.write_text("MLP.hidden_widths = (3,\n")
    with pytest.raises(errors.UserError, match="wrong.gin, line"):
        reader.load([str(file)], [])


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("Experiment.steps = 0", "^Experiment.steps = 0 must be at least 1$"),
        ("seed = -1", "seed = -1 must be at least 0"),
        ("MLP.hidden_widths = ()", "MLP.sites must list the places where the model grows"),
        ("AllAtOnce.fraction = 0.5", "^AllAtOnce.neurons = 1 and AllAtOnce.fraction = 0.5"),
        ("Experiment.model = 3", "Experiment.model = 3 must be a function or class"),
        ("optimizer.config = @CosineLrConfig()", "optimizer.config = .* must be one of .*@SGDConf"),
        ("Devices.distribution_strategy = 'bogus'", "bogus"),
        ("MLP.hidden_widths = %gin.REQUIRED", "Required|REQUIRED"),
    ],
)
def test_a_mistake_that_shows_when_a_run_is_built_is_one_message_as_well(binding, message):
    with pytest.raises(errors.UserError, match=message), errors.mistakes():
        _load(binding)
        experiment.Experiment()


def test_what_is_missing_is_named():
    with pytest.raises(errors.UserError, match="Experiment.*'dataset'"), errors.mistakes():
        reader.load([], ["Experiment.steps = 3"])
        experiment.Experiment()


_USER_MODULE = """
import gin
import tensorflow as tf
import tf_keras
from growth import policies, schedules, scales
from growth.methods import method, random
from models import activations, layers, mlp
from trainer import objectives
from trainer.datasets import dataset


@gin.configurable
class MyData(dataset.Dataset):
    batch_size = 8
    output_width = 2

    def train(self, first_step):
        return self.test().repeat()

    def test(self):
        return tf.data.Dataset.from_tensors((tf.ones([8, 3]), tf.zeros([8, 2])))


@gin.configurable
class MyNetwork(mlp.MLP):
    def __init__(self, output_width, width: int = 4):
        super().__init__((width,), output_width)


@gin.configurable
def my_optimizer(rate: float = 0.1):
    return tf_keras.optimizers.Adam(rate, jit_compile=False)


@gin.configurable
class MySchedule(schedules.Schedule):
    def next_growth(self, step, growths):
        return 2 if growths < 1 else None


@gin.configurable
class MyPolicy(policies.Policy):
    def allot(self, growth, sites):
        return [2 for _ in sites]


@gin.configurable
class MyMethod(random.Random):
    pass


@gin.configurable
class MyObjective(objectives.SquaredError):
    pass
"""


def test_every_part_can_be_replaced_by_a_users_own_class(tmp_path, monkeypatch):
    (tmp_path / "my_parts.py").write_text(_USER_MODULE)
    (tmp_path / "mine.gin").write_text(
        """
import my_parts
Experiment.dataset = @MyData
Experiment.model = @MyNetwork
MyNetwork.width = 5
Experiment.objective = @MyObjective()
Experiment.optimizer = @my_optimizer
Experiment.steps = 4
Grower.schedule = @MySchedule()
Grower.policy = @MyPolicy()
Grower.method = @MyMethod()
"""
    )
    monkeypatch.syspath_prepend(tmp_path)
    reader.load([str(tmp_path / "mine.gin")], [])
    built = experiment.Experiment()
    (growth,) = built.grower.plan(built.steps)
    assert (growth.step, growth.from_width, growth.to_width) == (2, 5, 7)
    built.grower.grow(2, next(iter(built.batches(2))))
    assert built.grower.widths() == {"hidden_1": 7}
