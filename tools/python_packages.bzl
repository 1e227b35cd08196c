"""The pinned Python packages: a virtual environment, and the toolchain with which every py_binary and py_test runs in it.

The repository holds
    venv/        made by `python3 -m venv` and `pip install` from a lock file
    python       the interpreter of the toolchain
    freeze.txt   what is installed; data of every test, so that no cached result outlives a change of the packages
"""

_LOCKS = {
    "cpu": Label("//:requirements_lock.txt"),
    "cuda": Label("//:requirements_cuda_lock.txt"),
}

# Newest last: whatever `python3` is comes first, where it will do.
_PYTHONS = ["python3", "python3.13", "python3.12", "python3.11"]

# TensorFlow 2.20 has no wheels for 3.14, and the sources are written for 3.11.
_CHECK_PYTHON = "import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"

_NO_PYTHON = """
No Python 3.11, 3.12 or 3.13 with the venv module was found (tried {pythons}).
On Debian and Ubuntu: apt-get install python3-venv"""

# A script instead of venv/bin/python itself: later rules_python lay a virtual environment of their own over the interpreter
# they are given, which would hide the packages. -P keeps the folder of the main file off sys.path, so that trainer/train.py
# is never found as `train`.
_INTERPRETER = """#!/bin/sh
exec '{venv}/bin/python' -P "$@"
"""

# An absolute path: as a label the interpreter would take the whole environment into the runfiles of every target. The shebang
# is that of the launcher, which starts the interpreter; Debian's Bazel has it say `python`, which Debian does not have.
_BUILD = """
load("@rules_python//python:defs.bzl", "py_runtime", "py_runtime_pair")

exports_files(["freeze.txt"])

py_runtime(
    name = "runtime",
    interpreter_path = "{interpreter}",
    python_version = "PY3",
    stub_shebang = "#!/usr/bin/env python3",
)

py_runtime_pair(
    name = "runtime_pair",
    py3_runtime = ":runtime",
)

toolchain(
    name = "toolchain",
    toolchain = ":runtime_pair",
    toolchain_type = "@rules_python//python:toolchain_type",
)
"""

# Some packages come as sources only. The pip of Debian 12 would run their setup.py, which no longer works; this has it build
# wheels as every later pip does. (As a variable, since the pips that need no such option are free to drop it.)
_ENVIRONMENT = {"PIP_USE_PEP517": "1"}

def _execute(repository_ctx, what, command):
    # -I: neither the user's PYTHONPATH nor the current folder may reach into the environment.
    command = [command[0], "-I"] + command[1:]
    result = repository_ctx.execute(command, environment = _ENVIRONMENT, timeout = 3600)
    if result.return_code:
        fail("%s failed:\n%s%s" % (what, result.stdout, result.stderr))
    return result.stdout

def _find_python(repository_ctx):
    for name in _PYTHONS:
        python = repository_ctx.which(name)
        if python and repository_ctx.execute([python, "-I", "-c", _CHECK_PYTHON]).return_code == 0:
            return python
    fail(_NO_PYTHON.format(pythons = ", ".join(_PYTHONS)))

def _python_packages_impl(repository_ctx):
    accelerator = repository_ctx.os.environ.get("GROW_ACCELERATOR", "cpu")
    if accelerator not in _LOCKS:
        fail("GROW_ACCELERATOR is '%s', and must be one of: %s" % (accelerator, ", ".join(_LOCKS)))

    # path() of a label also makes Bazel run this rule again when the file changes.
    lock = repository_ctx.path(_LOCKS[accelerator])
    venv = repository_ctx.path("venv")
    venv_python = str(venv) + "/bin/python"

    _execute(repository_ctx, "python3 -m venv", [_find_python(repository_ctx), "-m", "venv", venv])

    # Printed by a command, since print() would print it as a DEBUG message with the place in this file.
    message = "Installing the Python packages of %s (several GB): some minutes, only this once" % lock.basename
    repository_ctx.execute(["echo", message], quiet = False)
    pip = [venv_python, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    _execute(
        repository_ctx,
        "pip install -r " + lock.basename,
        pip + ["install", "--quiet", "--require-hashes", "-r", lock],
    )
    repository_ctx.file("freeze.txt", _execute(repository_ctx, "pip freeze", pip + ["freeze"]))

    interpreter = repository_ctx.path("python")
    repository_ctx.file(interpreter, _INTERPRETER.format(venv = venv), executable = True)
    repository_ctx.file("BUILD", _BUILD.format(interpreter = interpreter))

python_packages = repository_rule(
    implementation = _python_packages_impl,
    doc = "Installs one of the lock files. GROW_ACCELERATOR=cuda (see .bazelrc, --config=cuda) picks the one with CUDA.",
    environ = ["GROW_ACCELERATOR"],
)
