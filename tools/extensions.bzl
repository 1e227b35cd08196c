"""The repository of tools/python_packages.bzl, as MODULE.bazel asks for it.

It has a file to itself because Debian's Bazel 4.2.3, which never loads it, does not know module_extension.
"""

load("//tools:python_packages.bzl", "python_packages")

def _packages_impl(_module_ctx):
    python_packages(name = "python_packages")

packages = module_extension(implementation = _packages_impl)
