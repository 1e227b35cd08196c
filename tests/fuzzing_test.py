"""A thousand wrong configurations: each gives a run that can be built, or one message."""

import inspect
import os
import pathlib
import re
import subprocess
import sys
import time
from unittest import mock

import gin
import hypothesis
import pytest
from hypothesis import strategies as st

from models.layers import memory
from tests import compositions
from trainer import dry_run, experiment
from trainer.command import errors
from trainer.config import reader
from trainer.upstream import gin_config

# Includes a shipped task and its method.
_SMALL = "".join(
    f"include '{os.path.abspath(file)}'\n" for file in compositions.files("small+gradmax")
)
_BASES = ("small+gradmax", "small+firefly", "small+split", "batch_norm+gradmax+short_outgoing")
_BASES += ("convolution/small+gradmax", "large+gradmax_opt")
_MOST_SECONDS = 30  # Of processor time, for one case.

# The same cases every time, and none kept on disk.
_settings = hypothesis.settings(
    max_examples=int(os.environ.get("FUZZING_CASES", "500")),
    derandomize="FUZZING_CASES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.fixture(autouse=True, scope="module")
def small_machine():
    """Has arrays refused that would fit into the memory, but would take their time."""
    with mock.patch.object(memory, "size", lambda: 2 * 10**9):
        yield


def _report(files, *bindings):
    """The output of a dry run, or the message for the user; fails on anything else."""
    gin.clear_config()
    start = time.process_time()
    try:
        with errors.mistakes():
            reader.load(files, bindings)
            report = dry_run.report(experiment.Experiment())
    except errors.UserError as error:
        report = str(error)
        assert 0 < len(report) < 4000 and len(report.splitlines()) <= 14
        assert "Traceback" not in report
    assert report.strip()
    assert time.process_time() - start < _MOST_SECONDS
    return report


def _with_includes(file):
    """The text of a file, with what it includes in place."""
    lines = []
    for line in file.read_text().splitlines():
        included = line.startswith("include") and line.split("'")[1]
        lines += _with_includes(pathlib.Path(included)) if included else [line]
    return lines


_TEXTS = {
    name: [line for file in compositions.files(name) for line in _with_includes(pathlib.Path(file))]
    for name in _BASES
}


def _configurables():
    """The parameters that the files can bind, by name."""
    for name in _BASES:
        reader.load(compositions.files(name), [])
        gin.clear_config()
    return {
        each.selector.rpartition(".")[2]: list(inspect.signature(each.wrapped).parameters)
        for each in sorted(gin_config.configurables(), key=lambda each: each.selector)
        if each.selector.startswith(("trainer", "growth", "models", "official"))
    }


_CONFIGURABLES = _configurables()
_parameters = [f"{name}.{p}" for name, parameters in _CONFIGURABLES.items() for p in parameters]
_used = sorted({x.partition(" = ")[0] for text in _TEXTS.values() for x in text if " = " in x})
_known = st.one_of(*[st.sampled_from(_used)] * 3, st.sampled_from([*_parameters, "a/MLP.seed"]))
_unknown = st.builds(lambda name, i: name[:i] + name[i + 1 :], _known, st.integers(0, 30))

_broken = ["(", "x", "...", "10**12", "@gin.macro", "%gin.REQUIRED", "%nothing", "@nothing", "1e"]
_plain = ["-2", "-0.5", "0", "1", "3", "64", "1000", "10000000", "1e-4", "0.5", "30.0", "1e30"]
_plain += ["None", "True", "False", "'same'", "(3,)", "(0,)", "(4, -1)", "(20, 10, 10)", "()"]
_plain += ["1e-320", "1e400", "-1e400", str(10**12), str(2**64), "''", "'☃'", "b'x'", "1j", "{}"]
_references = st.builds(
    str.format,
    st.sampled_from(["@{}", "@{}()", "@a/b/{}()", "'{}'"]),
    st.sampled_from(list(_CONFIGURABLES)),
)
_random = st.one_of(
    st.integers(-(2**70), 2**70).map(str), st.floats().map(repr), st.text(max_size=10).map(repr)
)
_scalars = st.one_of(st.sampled_from(_plain), _references, _random)
_lists = st.recursive(
    _scalars, lambda items: st.lists(items, max_size=3).map(lambda x: f"({', '.join(x)},)")
)
_values = st.one_of(
    st.sampled_from(_plain), _scalars, _references, _lists, st.sampled_from(_broken)
)
_bindings = st.builds("{} = {}".format, st.one_of(*[_known] * 5, _unknown), _values)


@_settings
@hypothesis.given(
    base=st.sampled_from(_BASES), bindings=st.lists(_bindings, min_size=1, max_size=3)
)
def test_any_binding_gives_a_plan_or_a_message(base, bindings):
    _report(compositions.files(base), *bindings)


@st.composite
def _damaged_texts(draw):
    """The lines of a shipped file after a few accidents of an editor."""
    lines = list(_TEXTS[draw(st.sampled_from(_BASES))])
    for _ in range(draw(st.integers(1, 4))):
        i, j = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        line = lines[i]
        start = draw(st.integers(0, len(line)))
        name, equals, _ = line.partition(" = ")
        bound = f"{name}{equals}{draw(_values)}"
        lines[i] = draw(
            st.sampled_from(
                [
                    "",
                    f"{line}\n{line}",
                    line[:start] + line[start + 1 :],
                    line[:start] + draw(st.characters(codec="utf-8")) + line[start:],
                    line[start:] + line[:start],
                    line * 1000,
                    *[bound] * 3,
                ]
            )
        )
        lines[i], lines[j] = draw(st.sampled_from([(lines[i], lines[j]), (lines[j], lines[i])]))
    return "\n".join(lines)


@_settings
@hypothesis.given(text=_damaged_texts())
def test_any_damaged_file_gives_a_plan_or_a_message(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / "damaged.gin"
    file.write_bytes(text.encode())
    _report([str(file)])


_HUGE = ("1000000000000", "100000000")
_TOO_MUCH = {
    **{f"MLP.hidden_widths = ({n},)": f"kernel of hidden_1 .* {n}.? and take" for n in _HUGE},
    **{f"MLP.hidden_widths = (50, {n})": f"kernel of hidden_2 .* {n}. and take" for n in _HUGE},
    **{f"AllAtOnce.neurons = {n}": "site hidden_1, once it has grown" for n in _HUGE},
    **{f"TeacherStudent.examples = {n}": "TeacherStudent.examples asks for" for n in _HUGE},
    **{f"TeacherStudent.sizes = (20, {n}, 10)": "teacher's hidden layer" for n in _HUGE},
    **{f"TeacherStudent.sizes = (20, 10, {n})": "teacher's hidden layer" for n in _HUGE},
    "TeacherStudent.sizes = (20, 10, 1000000)": "the targets of TeacherStudent",
    "PeriodicSchedule.interval = 1\nPeriodicSchedule.count = 1000000\nExperiment.steps = 1000000": (
        "PeriodicSchedule plans more than 100000 growths within 1000000 steps"
    ),
    "seed = %seed": "%seed is bound to itself: %seed -> %seed",
    "a = %b\nb = %a": "%. is bound to itself: %. -> %. -> %.",
    "import growth.policies\nInTurn.policies = (@InTurn(),)": "InTurn is bound to itself: InTurn",
    "Experiment.optimizer = @Experiment": "must be .* whose result is of class Optimizer",
    "Experiment.seed = 1e400": "Experiment.seed = inf must be a whole number",
    "MLP.l2 = 1e39": "MLP.l2 = 1e.39 must be finite and within 3.4e.38, which is what float32",
    f"Experiment.seed = {2**63}": f"must be within {2**63 - 1}",
    "MLP.hidden_widths = " + "[" * 10**5 + "]" * 10**5: "too deep|lists in lists without end",
    "MLP.hidden_widths = ("
    + "5, " * 10**5
    + "'x')": "must be a list with each item a whole number",
}


@pytest.mark.parametrize("text", _TOO_MUCH, ids=lambda text: text[:50])
def test_what_would_fill_the_memory_or_never_end_is_a_message(text, tmp_path):
    file = tmp_path / "wrong.gin"
    file.write_text(f"{_SMALL}{text}\n")
    assert re.search(_TOO_MUCH[text], _report([str(file)]))


_FILES = {
    "include 'self.gin'": "include each other in a circle.*\n.*self.gin., line 1",
    "include 'other.gin'": "include each other in a circle(.*\n)*.*other.gin., line 1",
    "include 'missing.gin'": "Unable to open file: missing.gin",
    "include '/dev/zero'": "Unable to open file: /dev/zero",
    "include 3": "self.gin, line 1",
    "import missing_module": "No module named 'missing_module'",
    "import broken_module": "'.' was never closed, in .*broken_module.py, line 1",
    "import raising_module": "'it never works'.*\n.*self.gin., line 1",
    "\0": "self.gin",
    "": "Experiment",
}


@pytest.mark.parametrize("text", _FILES)
def test_files_that_cannot_be_read_and_modules_that_cannot_be_imported(text, tmp_path, monkeypatch):
    (tmp_path / "self.gin").write_text(text)
    (tmp_path / "other.gin").write_text("include 'self.gin'")
    (tmp_path / "broken_module.py").write_text("(")
    (tmp_path / "raising_module.py").write_text("raise KeyError('it never works')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert re.search(_FILES[text], _report(["self.gin"]))
    (tmp_path / "self.gin").write_bytes(b"\xff\xfe")
    assert "utf-8" in _report(["self.gin"])


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("MLP.hidden_widths = (1000000000000,)", "the kernel of hidden_1 would have the shape"),
        ("ConstantLrConfig.default_params = 3", "AttributeError: .*\n  in ConstantLrConfig"),
        ("include 'self.gin'", "include each other in a circle"),
        ("☃ = (((", "error: "),
    ],
)
def test_the_program_ends_with_status_2_and_a_message(binding, message, tmp_path):
    (tmp_path / "self.gin").write_text(f"{_SMALL}{binding}\n")
    ended = subprocess.run(
        [sys.executable, "-m", "trainer.main", "--dry_run", "--gin_file=self.gin"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.search(message, ended.stderr) and "Traceback" not in ended.stderr
