"""Prints `N passed, N failed` (and `, N skipped`, if any) for one run of `bazel test`.

    bazel test --build_event_json_file=events.json //... ; python3 tools/count_tests.py events.json

Bazel itself counts targets, not tests. The events name the tests of this very run, cached ones
too, so reports of an earlier run are never counted. A target that left no report of its own (it did
not build, crashed or ran out of time) counts as one failure. Needs nothing but Python.
"""

import collections
import json
import pathlib
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree


def count_report(path: pathlib.Path) -> collections.Counter:
    """Counts the test cases of a JUnit report."""
    counts = collections.Counter()
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
        else:
            counts["skipped" if case.find("skipped") is not None else "passed"] += 1
    return counts


def count_result(result: dict) -> collections.Counter:
    """Counts one testResult event: one shard of one target."""
    counts = collections.Counter()
    for output in result.get("testActionOutput", []):
        path = pathlib.Path(urllib.request.url2pathname(urllib.parse.urlparse(output["uri"]).path))
        if output["name"] == "test.xml" and path.exists():
            counts = count_report(path)
    if result["status"] not in ("PASSED", "FLAKY") and not counts["failed"]:
        counts["failed"] += 1
    return counts


def count_events(lines: list[str]) -> collections.Counter:
    """Counts a file of build events, one JSON object a line."""
    test_labels, shards, unbuilt = set(), {}, 0
    for event in map(json.loads, lines):
        if "testSize" in event.get("configured", {}):
            test_labels.add(event["id"]["targetConfigured"]["label"])
        elif "completed" in event and not event["completed"].get("success"):
            unbuilt += event["id"]["targetCompleted"]["label"] in test_labels
        elif "testResult" in event:
            # A later attempt at the same shard, of a flaky test, replaces the earlier one.
            key = {k: v for k, v in event["id"]["testResult"].items() if k != "attempt"}
            shards[json.dumps(key, sort_keys=True)] = count_result(event["testResult"])
    return sum(shards.values(), collections.Counter(failed=unbuilt))


def main(events_file: str) -> None:
    """Counts and prints."""
    counts = count_events(pathlib.Path(events_file).read_text(encoding="utf-8").splitlines())
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")


if __name__ == "__main__":
    main(sys.argv[1])
