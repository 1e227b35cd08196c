"""Places in a user's own code, told apart from those in this program and in libraries."""

import linecache
import os
import pathlib
import re
import sysconfig
from collections.abc import Iterator

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_OURS = tuple(
    f"{_ROOT / name}{os.sep}"
    for name in ("trainer", "growth", "models", "reproduction", "benchmarks", "tests")
)
_STANDARD_LIBRARY = sysconfig.get_paths()["stdlib"] + os.sep
_LIBRARIES = (*(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages")), "<")
_GENERATED = "__autograph_generated_file"

# A stack frame in the text of an error, as Python, AutoGraph and TensorFlow write it.
FRAME = re.compile(
    r'(?P<indent>\s*)File "(?P<file>[^"]+)", line (?P<line>\d+)(, in (?P<function>[^*]*?))?[ *]*$'
)

# File, line and function.
_Frame = tuple[str, int, str]


def place(error: BaseException) -> str | None:
    """The innermost line of a user's code that `error` came through, or None if there is none."""
    # AutoGraph runs generated code: what stands in its text has the user's lines.
    for frames in (_written_frames(str(error)), _frames(error)):
        if own := [frame for frame in frames if _is_users(frame[0])]:
            return _shown(*own[-1])
    return None


def _is_users(file: str) -> bool:
    path = os.path.realpath(file)
    # XLA keeps no more than the end of a path.
    return (os.path.isabs(file) or os.path.isfile(file)) and not (
        path.startswith((*_OURS, _STANDARD_LIBRARY))
        or any(part in file for part in (*_LIBRARIES, _GENERATED))
    )


def _written_frames(text: str) -> Iterator[_Frame]:
    for line in text.splitlines():
        if found := FRAME.match(line):
            yield found["file"], int(found["line"]), found["function"] or ""


def _frames(error: BaseException) -> Iterator[_Frame]:
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield code.co_filename, traceback.tb_lineno, code.co_name
        traceback = traceback.tb_next


def _shown(file: str, line: int, function: str) -> str:
    shown = f"{file}, line {line}"
    if function not in ("", "None", "<module>"):
        shown += f", in {function}"
    source = linecache.getline(file, line).strip()
    return f"{shown}: {source}" if source else shown
