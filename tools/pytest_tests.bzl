"""Bazel tests of pytest files."""

load("@rules_python//python:defs.bzl", "py_test")

def pytest_tests(name, data = [], overrides = {}, **kwargs):
    """Makes a py_test of each *_test.py of the package, and one, FOLDER_test, of all in a folder: a new file needs no change of BUILD.

    A process for each file would spend most of its time on the start of TensorFlow. What takes long by itself lies in no folder,
    so that it runs beside others.

    Args:
      name: of the test suite with all of them, without those that are tagged manual.
      data: files that the tests read.
      overrides: test -> attributes that only it has, such as {"train_test": {"shard_count": 2}}; its data come on top.
      **kwargs: attributes of all the tests, such as deps.
    """
    sources = {}
    for src in native.glob(["**/*_test.py"]):
        folder, is_in_folder, _ = src.partition("/")
        test = folder + "_test" if is_in_folder else src[:-len(".py")]
        sources.setdefault(test, []).append(src)

    automatic = []
    for test, srcs in sources.items():
        attributes = dict(kwargs, **overrides.get(test, {}))
        py_test(
            name = test,
            srcs = srcs + ["//tools:pytest_main.py"],
            main = "//tools:pytest_main.py",
            args = [native.package_name() + "/" + src for src in srcs],
            data = data + attributes.pop("data", []) + ["//:pyproject.toml", "@python_packages//:freeze.txt"],
            **attributes
        )
        if "manual" not in attributes.get("tags", []):
            automatic.append(test)
    native.test_suite(name = name, tests = automatic)
