"""The command line of all programs: Gin's flags, and one message for a mistake."""

import difflib
import errno
import importlib.util
import os
import pathlib
import sys
from collections.abc import Callable
from typing import NoReturn

# Before TensorFlow is imported: its start-up notes would drown the one message that matters, and
# tf.keras is tf_keras, which models are made of. Keras 3 would take a second to import.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from absl import app, flags, logging  # noqa: E402

from trainer.command import (  # noqa: E402
    console_text,
    garbage,
    interrupts,
    path_flags,
    standard_streams,
)

_GIN_FILE = path_flags.DEFINE_multi_path("gin_file", "A .gin file; repeat for more.")
_GIN_BINDINGS = flags.DEFINE_multi_string("gin_bindings", [], "A binding; repeat for more.")
_SEARCH_PATHS = path_flags.DEFINE_multi_path(
    "gin_search_paths", "A folder to look for .gin files in; repeat for more."
)


def fail(message: object, status: int) -> NoReturn:
    """Ends the program with one message and an exit status: 2 for a user's mistake, else 1."""
    standard_streams.say(f"error: {console_text.escaped_lines(str(message))}")
    sys.exit(status)


def check_packages(root: pathlib.Path) -> None:
    """Ends the program if modules of the user hide its packages.

    Args:
      root: the folder that this program's packages are in.
    """
    for name in ("growth", "models"):
        spec = importlib.util.find_spec(name)
        places = [spec.origin, *(spec.submodule_search_locations or [])] if spec else []
        found = [os.path.realpath(place) for place in places if place]
        if not any(pathlib.Path(place).is_relative_to(root) for place in found):
            what = f"{found[0]} hides" if found else "there is not"
            fail(
                f"{what} the package {name} of this program, which is in {root}; rename yours, or "
                "start the program in another folder and without it on PYTHONPATH",
                2,
            )


# Before any of them is imported.
check_packages(pathlib.Path(__file__).resolve().parents[2])


def run(main: Callable[[list[str]], None], check: Callable[[], None]) -> NoReturn:
    """Runs a program; only warnings and errors are logged, unless --verbosity says otherwise.

    Args:
      main: the program, called with what is left of the command line.
      check: looks at the parsed flags, and calls `fail` if they do not fit together.
    """

    def parse(argv):
        try:
            rest = flags.FLAGS(argv)
        except flags.Error as error:
            fail(error, 2)
        _check_arguments(rest)
        check()
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)  # absl.app raises it to INFO, if unset.
        return rest

    standard_streams.open_missing()
    interrupts.end_at_once()
    garbage.collect_rarely()
    _enter_folder()
    try:
        app.run(main, flags_parser=parse)
    except OSError as error:
        # Other errors than those of what is printed have a file.
        if error.filename or error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO):
            raise
        standard_streams.end_unread(error)
    finally:
        standard_streams.flush_output()


def _enter_folder() -> None:
    """Goes to the folder that paths are relative to, and finds modules of the user there."""
    # `bazel run` starts the program in a folder of its own; paths are the caller's.
    folder = os.environ.get("BUILD_WORKING_DIRECTORY", ".")
    try:
        os.chdir(folder)
        sys.path.append(os.getcwd())  # For modules of the caller that a .gin file imports.
    except OSError as error:
        named = "the working folder" if folder == "." else f"the working folder {folder}"
        fail(f"{named} cannot be entered ({error.strerror}); cd to one that exists", 2)


def _check_arguments(rest: list[str]) -> None:
    """Ends the program if an argument is no flag; says which of several values a flag takes."""
    if len(rest) > 1:
        hint = "all options are flags, see --help"
        near = difflib.get_close_matches(rest[1].partition("=")[0], list(flags.FLAGS), 1)
        if near:
            hint = f"is --{near[0]} meant? All options are flags, see --help"
        fail(f"unexpected argument {rest[1]!r}; {hint}", 2)
    for flag in dict.fromkeys(flags.FLAGS[name] for name in flags.FLAGS):
        if flag.present > 1 and not isinstance(flag, flags.MultiFlag):
            standard_streams.say(
                f"--{flag.name} is given {flag.present} times; the last one counts, "
                f"--{flag.name}={flag.value}"
            )


def gin_arguments() -> tuple[list[str], list[str], list[str]]:
    """Files, bindings and search paths, as trainer/config/reader.py takes them."""
    return _GIN_FILE.value, _GIN_BINDINGS.value, _SEARCH_PATHS.value
