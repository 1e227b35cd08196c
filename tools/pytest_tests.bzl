"""Bazel tests of pytest files."""

load("@rules_python//python:defs.bzl", "py_test")

def pytest_tests(name, deps, data = [], overrides = {}, **kwargs):
    """Makes a py_test of each *_test.py of the package, and one of all in each folder: A_B_test for the files in A/B.

    A process for each file would spend most of its time on the start of TensorFlow. What takes long by itself lies in no folder,
    so that it runs beside others.

    Args:
      name: of the test suite with all of them, without those that are tagged manual.
      deps: test -> the libraries that it imports; or one list for all tests.
      data: files that the tests read.
      overrides: test -> attributes that only it has, such as {"train_test": {"shard_count": 2}}; its data come on top.
      **kwargs: attributes of all the tests, such as timeout.
    """
    sources = {}
    for src in native.glob(["**/*_test.py"]):
        folder, is_in_folder, _ = src.rpartition("/")
        test = folder.replace("/", "_") + "_test" if is_in_folder else src[:-len(".py")]
        sources.setdefault(test, []).append(src)

    automatic = []
    for test, srcs in sources.items():
        attributes = dict(kwargs, **overrides.get(test, {}))
        needed = deps if type(deps) == "list" else deps.get(test)
        if needed == None:
            fail("%s is new: give what it imports in deps, which pytest tools/folders_test.py can tell" % test)
        py_test(
            name = test,
            srcs = srcs + ["//tools:pytest_main.py"],
            main = "//tools:pytest_main.py",
            args = [native.package_name() + "/" + src for src in srcs],
            data = data + attributes.pop("data", []) + ["//:pyproject.toml", "@python_packages//:freeze.txt"],
            deps = needed + attributes.pop("deps", []),
            **attributes
        )
        if "manual" not in attributes.get("tags", []):
            automatic.append(test)
    native.test_suite(name = name, tests = automatic)
