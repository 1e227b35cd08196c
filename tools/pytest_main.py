"""Runs the pytest files of one Bazel test, as Bazel's test protocol wants it.

The main file of every test that tools/pytest_tests.bzl makes. Arguments go on to pytest:

    ./bazelw test //tests:growth_test --test_arg=-x --test_filter="grower_test and slots"
"""

import os
import pathlib
import sys

import pytest


class Shard:
    """Keeps every total-th test, from the index-th on."""

    def __init__(self, index: int, total: int):
        self.index = index
        self.total = total
        self.is_empty = False

    def pytest_collection_modifyitems(self, items):
        collected = len(items)
        items[:] = items[self.index :: self.total]
        self.is_empty = collected > 0 and not items


def main(arguments: list[str]) -> int:
    """Runs pytest and returns its exit status; that no test was found is a failure."""
    environ = os.environ
    arguments = ["-p", "no:cacheprovider", *arguments]
    if "XML_OUTPUT_FILE" in environ:
        arguments.append(f"--junitxml={environ['XML_OUTPUT_FILE']}")
    if "TEST_TMPDIR" in environ:
        scratch = pathlib.Path(environ["TEST_TMPDIR"])
        arguments.append(f"--basetemp={scratch / 'pytest'}")
        # No test may find, or leave, something in the user's home.
        environ["HOME"] = environ["TMPDIR"] = str(scratch)
    test_filter = environ.get("TESTBRIDGE_TEST_ONLY")
    if test_filter:
        arguments += ["-k", test_filter]
    shard = Shard(
        int(environ.get("TEST_SHARD_INDEX", 0)), max(1, int(environ.get("TEST_TOTAL_SHARDS", 0)))
    )
    if "TEST_SHARD_STATUS_FILE" in environ:
        pathlib.Path(environ["TEST_SHARD_STATUS_FILE"]).touch()  # "I know how to shard."

    status = pytest.main(arguments, plugins=[shard])
    if status == pytest.ExitCode.NO_TESTS_COLLECTED and (shard.is_empty or test_filter):
        status = pytest.ExitCode.OK
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
