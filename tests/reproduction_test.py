import csv
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import pytest

from reproduction import (
    accuracy_by_setting,
    claim,
    document,
    expected_verdicts,
    figures,
    measured_run,
    report,
    training_curves,
    variant,
)
from reproduction.singular_vector_alignment import alignment
from tests import tiny_fashion_mnist

pytestmark = pytest.mark.slow

# Not imported: it has a flag of the same name as the tool that prepares the data.
_MAIN = pathlib.Path(figures.__file__).with_name("main.py")
# Five growths, from step 2 to 6.
SHORT = [
    "Experiment.steps = 8",
    "Loop.log_interval = 2",
    "PeriodicSchedule.start = 2",
    "PeriodicSchedule.interval = 1",
    "Loop.checkpoint_interval = 1",
]


def _program(*flags):
    """Runs the program as a user does; returns its exit status and what it wrote."""
    done = subprocess.run(
        [sys.executable, _MAIN, *flags],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _bindings(*bindings):
    return [f"--gin_bindings={each}" for each in bindings]


def _rows(folder, name):
    return list(csv.DictReader((folder / f"{name}.csv").read_text().splitlines()))


ALL = figures.FIGURES


def _only(name, attribute, labels):
    """The figure with some of its curves."""
    figure = ALL[name]
    some = {label: getattr(figure, attribute)[label] for label in labels}
    return dataclasses.replace(figure, **{attribute: some})


SCALE = {name: ALL["5"].panels["scale"][name] for name in ("mean 0.5", "fixed 1")}
IMAGES = ["steps = 2", "ImageClassification.batch_size = 10"]
# Every class of figure, with what makes its runs short.
CASES = {
    "after growth": (
        [ALL["2a"], ALL["2c"]],
        [*SHORT, "after_growth.steps = 4", "after_growth.interval = 2"],
    ),
    "in training": ([_only("2b", "by_label", ["Random", "GradMax"])], SHORT),
    "run times": ([_only("3c", "panels", ["small (20:10:10)"])], SHORT),
    "singular values": (
        [ALL["8"]],
        [
            "growths_by_singular_vector.starts = (2, 4)",
            "growths_by_singular_vector.steps = 8",
            "growths_by_singular_vector.interval = 2",
        ],
    ),
    "accuracies": (
        [
            dataclasses.replace(
                ALL["5"],
                panels={"scale": SCALE},
                claims=[
                    accuracy_by_setting.Better("scale", *SCALE),
                    accuracy_by_setting.Robust("scale", tuple(SCALE), 100.0),
                ],
            )
        ],
        IMAGES,
    ),
    "alignment": (
        [ALL["6"]],
        [*IMAGES, "alignments.examples = 64", "alignments.smallest_batch = 16"],
    ),
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tiny_fashion_mnist.prepare(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("made_of, bindings", CASES.values(), ids=CASES)
def test_a_figure_is_a_picture_a_table_and_verdicts(made_of, bindings, data_dir, tmp_path):
    if made_of[0].needs_images:
        bindings = [*bindings, f"ImageClassification.data_dir = {data_dir!r}"]
    options = variant.Options(str(tmp_path / "runs"), tuple(bindings))
    said = {}
    for figure in made_of:
        runs = figure.runs(2, options)
        for run in runs:
            assert run.result() is not None or measured_run.measure(run) is None
        said[figure.name] = report.write(figure, runs, tmp_path, processes=1)
        assert (tmp_path / f"{figure.name}.png").stat().st_size
        assert {int(row["seed"]) for row in _rows(tmp_path, figure.name)} == {0, 1}
    found = report.read(tmp_path)
    document.write(tmp_path / "page.md", found, tmp_path)
    page = (tmp_path / "page.md").read_text()
    for name, verdicts in said.items():
        assert (tmp_path / "page" / f"{name}.png").exists()
        assert f"## Figure {name}:" in page
        assert found[name]["seconds"] > 0.0
        assert verdicts and len(verdicts) == len(found[name]["verdicts"])
        assert all(f"{each.claim}: **{each.verdict}**, {each.detail}" in page for each in verdicts)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Figure 13a, by the program."""
    folder = tmp_path_factory.mktemp("reproduction")
    flags = ["--figure=13a", f"--output_dir={folder}", "--repeats=2", *_bindings(*SHORT)]
    status, output = _program(*flags)
    assert status == 0, output
    return folder, flags, output


def test_every_point_of_a_run_is_in_the_table_and_every_verdict_on_the_console(made):
    folder, _, output = made
    rows = _rows(folder, "13a")
    # Curves, seeds, points: after each of 8 steps, where a loop is left to save.
    assert len(rows) == 3 * 2 * 8
    for row in rows:
        if (row["label"], row["seed"], row["step"]) == ("GradMax", "1", "8"):
            result = folder / "runs" / "bias" / "gradmax" / "seed_1" / "result.json"
            assert float(row["training_loss"]) == json.loads(result.read_text())["train"]["loss"]
    for each in report.read(folder)["13a"]["verdicts"]:
        assert f"{each['claim']}: {each['verdict']}, {each['detail']}" in output


def test_what_is_done_is_not_run_again(made):
    folder, flags, _ = made
    done = {file: file.stat().st_mtime_ns for file in folder.rglob("measurement.json")}
    table = (folder / "13a.csv").read_text()
    status, output = _program(*flags, f"--document={folder / 'page.md'}")
    assert status == 0 and f"0 of {len(done)} runs to do" in output
    assert {file: file.stat().st_mtime_ns for file in done} == done
    assert (folder / "13a.csv").read_text() == table
    assert (folder / "page.md").exists()


def test_verdicts_are_compared_with_those_of_a_page(made):
    folder, flags, _ = made
    _program(*flags, f"--document={folder / 'page.md'}")
    kept = folder / "page" / "verdicts.json"
    content = json.loads(kept.read_text())
    first = content["13a"]["verdicts"][0]
    assert first["verdict"] == claim.UNDECIDED  # Of two repeats.
    first["verdict"] = claim.TRUE
    kept.write_text(json.dumps(content))
    status, output = _program(*flags, f"--expected={kept}")
    assert status == 0, output
    assert f"13a: {first['claim']}: not decided" in output and "; it was true" in output
    assert output.count("; it was") == 1


def test_a_contradiction_is_one_between_true_and_false():
    def made(verdict):
        return {"3a": {"verdicts": [{"claim": "it grows", "verdict": verdict, "detail": "1"}]}}

    found = {
        (old, new): [
            each.is_contradiction for each in expected_verdicts.differences(made(old), made(new))
        ]
        for old in (claim.TRUE, claim.FALSE, claim.UNDECIDED)
        for new in (claim.TRUE, claim.FALSE, claim.UNDECIDED)
    }
    assert found == {
        (claim.TRUE, claim.TRUE): [],
        (claim.FALSE, claim.FALSE): [],
        (claim.UNDECIDED, claim.UNDECIDED): [],
        (claim.TRUE, claim.FALSE): [True],
        (claim.FALSE, claim.TRUE): [True],
        (claim.TRUE, claim.UNDECIDED): [False],
        (claim.FALSE, claim.UNDECIDED): [False],
        (claim.UNDECIDED, claim.TRUE): [False],
        (claim.UNDECIDED, claim.FALSE): [False],
    }
    assert expected_verdicts.differences(made(claim.TRUE), {"3b": made(claim.FALSE)["3a"]}) == []


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--figure=2d"], "--figure=2d must be one of 2a, 2b, 2c, 3a"),
        ([], "--figure is missing"),
        (["--figure=5", "--data_dir=/nowhere"], "bazel run //tools:prepare_fashion_mnist"),
        (["--figure=2a", "--gin_file=x.gin"], "--gin_file is not for figures"),
        (["--figure=5", "--gin_bindings=Experiment.step = 1"], "Did you mean steps"),
    ],
)
def test_a_mistake_is_one_message(flags, message, data_dir, tmp_path):
    flags = [f"--data_dir={data_dir}", *flags, f"--output_dir={tmp_path / 'out'}"]
    status, output = _program(*flags)
    assert status == 2
    assert message in output and "Traceback" not in output
    assert "Load dataset info" not in output  # Of TensorFlow Datasets, which means it as a log.


def test_runs_of_other_bindings_are_not_taken_for_these(made):
    _, flags, _ = made
    status, output = _program(*flags, "--gin_bindings=TeacherStudent.examples = 999")
    assert status == 2
    assert "+TeacherStudent.examples = 999" in output and "Traceback" not in output


def test_a_number_names_all_parts_and_all_names_everything():
    def chosen(*names):
        return [each.name for each in figures.chosen(names)]

    assert chosen("9", "2b", "9a") == ["2b", "9a", "9b", "9c"]
    assert chosen("all") == list(figures.FIGURES)


def test_every_configuration_of_a_figure_exists_and_names_are_unique():
    by_name = {}
    for each in figures.FIGURES.values():
        for its in each.variants():
            for file in its.files:
                assert pathlib.Path("gin_configs", f"{file}.gin").is_file()
            assert by_name.setdefault(its.name, its) == its


LOW, HIGH = {0: 1.0, 1: 1.1, 2: 0.9}, {0: 2.0, 1: 2.2, 2: 1.9}
MIXED = {0: 0.5, 1: 2.0, 2: 0.9}


@pytest.mark.parametrize(
    "compare, values, others, verdict",
    [
        (claim.below, LOW, HIGH, claim.TRUE),
        (claim.below, HIGH, LOW, claim.FALSE),
        (claim.below, LOW, MIXED, claim.UNDECIDED),
        (claim.below, LOW, {0: 2.0}, claim.UNDECIDED),
        (claim.above, HIGH, LOW, claim.TRUE),
        (claim.above, LOW, HIGH, claim.FALSE),
        (claim.above, MIXED, LOW, claim.UNDECIDED),
        (claim.not_above, LOW, HIGH, claim.TRUE),
        (claim.not_above, LOW, MIXED, claim.TRUE),
        (claim.not_above, HIGH, LOW, claim.FALSE),
        (claim.not_above, LOW, {}, claim.UNDECIDED),
    ],
)
def test_paired_differences_decide(compare, values, others, verdict):
    found = compare("this is so", values, others)
    assert found.verdict == verdict
    assert str(found).startswith(f"this is so: {verdict}, ")


def _curve_rows(label, losses_by_seed, flops=1.0):
    return [
        {
            "panel": "p",
            "label": label,
            "seed": seed,
            "step": 10 * i,
            "training_flops": flops * i,
            "training_loss": loss,
        }
        for seed, losses in losses_by_seed.items()
        for i, loss in enumerate(losses, 1)
    ]


@pytest.mark.parametrize(
    "each, verdict",
    [
        (training_curves.Lower("p", "a", "b"), claim.TRUE),
        (training_curves.Lower("p", "b", "a"), claim.FALSE),
        (training_curves.Lower("p", "a", "b", part=0.3), claim.FALSE),
        (training_curves.NotHigher("p", "a", "b"), claim.TRUE),
        (training_curves.Jumpier("p", "b", "a"), claim.TRUE),
        (training_curves.Jumpier("p", "a", "b"), claim.FALSE),
        (training_curves.Cheaper("p", "a", "b", 50.0), claim.TRUE),
        (training_curves.Cheaper("p", "a", "b", 49.0), claim.FALSE),
    ],
)
def test_claims_about_curves(each, verdict):
    falling, jumping = [9.0, 4.0, 1.0], [5.0, 3.0, 4.0]
    rows = _curve_rows("a", {0: falling, 1: falling[:2] + [1.1]})
    rows += _curve_rows("b", {0: jumping, 1: jumping[:2] + [4.2]}, flops=2.0)
    assert each(rows).verdict == verdict


def test_alignment_is_one_for_the_same_vectors_whatever_their_signs():
    import numpy as np

    left = np.eye(4)[:, :2]
    assert alignment(left, left * [1, -1]) == 1.0
    assert alignment(left, np.eye(4)[:, 2:]) == 0.0
    assert alignment(left, np.eye(4)[:, [0, 2]]) == 0.5
