"""What the programs of this package share: Gin's flags, and one message for a mistake."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn

# Before TensorFlow is imported: its start-up notes would drown the one message that matters, and
# tf.keras is tf_keras, which models are made of. Keras 3 would take a second to import.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from absl import app, flags, logging  # noqa: E402

from trainer import path_flags  # noqa: E402

_GIN_FILE = path_flags.DEFINE_multi_path("gin_file", "A .gin file; repeat for more.")
_GIN_BINDINGS = flags.DEFINE_multi_string("gin_bindings", [], "A binding; repeat for more.")
_SEARCH_PATHS = path_flags.DEFINE_multi_path(
    "gin_search_paths", "A folder to look for .gin files in; repeat for more."
)


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
        if len(rest) > 1:
            fail(f"unexpected argument {rest[1]!r}; all options are flags, see --help", 2)
        check()
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)  # absl.app raises it to INFO, if unset.
        return rest

    # `bazel run` starts the program in a folder of its own; paths are the caller's.
    os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    sys.path.append(os.getcwd())  # For modules of the caller that a .gin file imports.
    app.run(main, flags_parser=parse)


def gin_arguments() -> tuple[list[str], list[str], list[str]]:
    """Files, bindings and search paths, as trainer/config.py takes them."""
    return _GIN_FILE.value, _GIN_BINDINGS.value, _SEARCH_PATHS.value


def fail(message: object, status: int) -> NoReturn:
    """Ends the program with one message and an exit status: 2 for a user's mistake, else 1."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(status)
