"""One Bazel test for each file of pytest tests."""

load("@rules_python//python:defs.bzl", "py_test")

def pytest_tests(name, data = [], overrides = {}, **kwargs):
    """Makes a py_test of every *_test.py of the package, in subfolders too, so that a new file needs no change of BUILD.

    Args:
      name: of the test suite with all of them.
      data: files that the tests read.
      overrides: file -> attributes that only its test has, such as {"train_test.py": {"shard_count": 2}}; its data come on top.
      **kwargs: attributes of all the tests, such as deps.
    """
    tests = []
    for src in native.glob(["**/*_test.py"]):
        test = src[:-len(".py")]
        attributes = dict(kwargs, **overrides.get(src, {}))
        py_test(
            name = test,
            srcs = [src, "//tools:pytest_main.py"],
            main = "//tools:pytest_main.py",
            args = [native.package_name() + "/" + src],
            data = data + attributes.pop("data", []) + ["//:pyproject.toml", "@python_packages//:freeze.txt"],
            **attributes
        )
        tests.append(test)
    native.test_suite(name = name, tests = tests)
