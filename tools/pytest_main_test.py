import os
import subprocess
import sys

import pytest

from tools import pytest_main

TWO_TESTS = "def test_a(): pass\ndef test_b(): pass\n"


def run(tmp_path, source, **environ):
    """Runs pytest_main on `source` as Bazel would; returns the exit status and the report."""
    (tmp_path / "some_test.py").write_text(source)
    report, scratch = tmp_path / "report.xml", tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TEST")}
    protocol = {"XML_OUTPUT_FILE": str(report), "TEST_TMPDIR": str(scratch)}
    command = [sys.executable, pytest_main.__file__, "some_test.py"]
    done = subprocess.run(command, cwd=tmp_path, env={**kept, **protocol, **environ}, check=False)
    return done.returncode, report.read_text()


def test_home_and_temporary_files_are_the_tests_own(tmp_path):
    source = (
        "import pathlib\ndef test_a(tmp_path): assert pathlib.Path.home() in tmp_path.parents\n"
    )
    assert run(tmp_path, source)[0] == 0


def test_a_failure_and_no_test_at_all_both_fail(tmp_path):
    assert run(tmp_path, "def test_a(): assert False\n")[0] == 1
    assert run(tmp_path, "")[0] == 5


def test_a_filter_picks_tests_and_may_leave_none(tmp_path):
    status, report = run(tmp_path, TWO_TESTS, TESTBRIDGE_TEST_ONLY="test_b")
    assert status == 0 and "test_b" in report and "test_a" not in report
    assert run(tmp_path, TWO_TESTS, TESTBRIDGE_TEST_ONLY="test_c")[0] == 0


@pytest.mark.parametrize(("index", "expected"), [(0, {"test_a"}), (1, {"test_b"}), (2, set())])
def test_each_shard_runs_its_share(tmp_path, index, expected):
    touched = tmp_path / "touched"
    status, report = run(
        tmp_path,
        TWO_TESTS,
        TEST_TOTAL_SHARDS="3",
        TEST_SHARD_INDEX=str(index),
        TEST_SHARD_STATUS_FILE=str(touched),
    )
    assert status == 0 and touched.exists()
    assert {name for name in ("test_a", "test_b") if name in report} == expected
