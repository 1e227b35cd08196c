import json

import pytest

from tools import count_tests

PASS = "<testcase name='a'/>"
FAIL = "<testcase name='b'><failure>no</failure></testcase>"
ERROR = "<testcase name='c'><error>no</error></testcase>"
SKIP = "<testcase name='d'><skipped>why</skipped></testcase>"


def configured(label="//t"):
    return {"id": {"targetConfigured": {"label": label}}, "configured": {"testSize": "MEDIUM"}}


def built(success, label="//t"):
    completed = {"success": True} if success else {"failureDetail": {"message": "no"}}
    return {"id": {"targetCompleted": {"label": label}}, "completed": completed}


@pytest.fixture
def result(tmp_path):
    """Makes the event of a target, shard or attempt that left a report of `cases`."""

    def make(status, cases, **place):
        place = {"label": "//t", "shard": 1, "attempt": 1, **place}
        report = tmp_path / f"{place['shard']} of {place['attempt']}.xml"
        report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
        output = [{"name": "test.xml", "uri": report.as_uri()}]
        test_result = {"status": status, "testActionOutput": output}
        return {"id": {"testResult": place}, "testResult": test_result}

    return make


def count(*events):
    return dict(+count_tests.count_events([json.dumps(event) for event in events]))


def test_counts_the_cases_of_a_report(result):
    cases = PASS + PASS + FAIL + ERROR + SKIP
    assert count(result("FAILED", cases)) == {"passed": 2, "failed": 2, "skipped": 1}


def test_adds_up_shards_and_takes_the_last_attempt(result):
    first, last = result("FAILED", FAIL), result("PASSED", PASS, attempt=2)
    assert count(first, last, result("PASSED", PASS, shard=2)) == {"passed": 2}


def test_a_crash_after_passing_tests_is_a_failure(result):
    assert count(result("TIMEOUT", PASS)) == {"passed": 1, "failed": 1}
    event = result("FAILED", "")
    event["testResult"]["testActionOutput"] = []
    assert count(event) == {"failed": 1}


def test_a_test_that_does_not_build_is_a_failure():
    assert count(configured(), built(False)) == {"failed": 1}
    assert count(configured(), built(True), built(False, "//library")) == {}


def test_prints_skipped_only_if_there_are_any(result, tmp_path, capsys):
    events = tmp_path / "events.json"
    events.write_text(json.dumps(result("PASSED", PASS)))
    count_tests.main(str(events))
    events.write_text(json.dumps(result("PASSED", PASS + SKIP)))
    count_tests.main(str(events))
    assert capsys.readouterr().out == "1 passed, 0 failed\n1 passed, 0 failed, 1 skipped\n"
