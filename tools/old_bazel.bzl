"""What Debian's Bazel 4.2.3 would fetch from the network, replaced by small local repositories.

Its built-in BUILD files load rules_cc, rules_java and remote_coverage_tools although a Python project uses none of them, and our
own load rules_python. In Bazel 4 all these rules are built in, so the stand-ins only map the names to native rules.
"""

_RULES_PYTHON = """
load("@bazel_tools//tools/python:toolchain.bzl", _py_runtime_pair = "py_runtime_pair")

py_binary = native.py_binary
py_library = native.py_library
py_runtime = native.py_runtime
py_runtime_pair = _py_runtime_pair
py_test = native.py_test
"""

_PYTHON_TOOLCHAIN_TYPE = """
alias(
    name = "toolchain_type",
    actual = "@bazel_tools//tools/python:toolchain_type",
    visibility = ["//visibility:public"],
)
"""

_COVERAGE_TOOLS = """
[filegroup(name = name, visibility = ["//visibility:public"]) for name in ["coverage_report_generator", "lcov_merger"]]
"""

def _native_rules(names):
    return "".join(["{0} = native.{0}\n".format(name) for name in names])

def _stand_in_impl(repository_ctx):
    repository_ctx.file("WORKSPACE", "")
    for path, content in repository_ctx.attr.files.items():
        repository_ctx.file(path, content)

_stand_in = repository_rule(
    implementation = _stand_in_impl,
    attrs = {"files": attr.string_dict(doc = "path in the repository -> content")},
)

def old_bazel_repositories():
    """Defines the stand-ins. Fails on a Bazel that has a version number: that is none of Debian's."""
    if native.bazel_version:
        fail("Bazel %s cannot build this workspace: use 7 or later (with its default, --enable_bzlmod), or Debian's 4.2.3" %
             native.bazel_version)
    _stand_in(
        name = "rules_python",
        files = {"python/BUILD": _PYTHON_TOOLCHAIN_TYPE, "python/defs.bzl": _RULES_PYTHON},
    )
    _stand_in(
        name = "rules_cc",
        files = {
            "cc/BUILD": "",
            "cc/defs.bzl": _native_rules(["cc_binary", "cc_library", "cc_test", "cc_toolchain", "cc_toolchain_suite"]),
        },
    )
    _stand_in(
        name = "rules_java",
        files = {
            "java/BUILD": "",
            "java/defs.bzl": _native_rules(["java_binary", "java_import", "java_library", "java_runtime", "java_toolchain"]),
        },
    )
    _stand_in(name = "remote_coverage_tools", files = {"BUILD": _COVERAGE_TOOLS})
