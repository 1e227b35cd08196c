"""Files that a process that was killed left half-written, beside their place."""

import contextlib
import os
import pathlib
import platform
import re
import shutil


def beside(path: pathlib.Path) -> pathlib.Path:
    """The place to write what will be renamed to `path`: `.NAME.MACHINE.PROCESS`."""
    return path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}")


def write(path: pathlib.Path, text: str) -> None:
    """Writes `text` into a file, replacing it in one step.

    Raises:
      OSError: it cannot be written; what was there is left as it was.
    """
    temporary = beside(path)
    try:
        with open(temporary, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # Else a crash of the machine may leave an empty file.
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        # An error in writing does not say where.
        raise OSError(error.errno, error.strerror, str(path)) from error


def remove(folder: pathlib.Path, names: str) -> None:
    """Removes what processes of this machine left in `folder` that have ended.

    A user's own files look otherwise, and processes of other machines cannot be asked.

    Args:
      folder: where `beside` was used; need not exist.
      names: a regular expression for the names it was used for.
    """
    if not folder.is_dir():
        return
    machine = re.escape(platform.node())
    pattern = re.compile(rf"\.(?:{names})\.{machine}\.(?P<process>[0-9]+)")
    for path in folder.iterdir():
        match = pattern.fullmatch(path.name)
        if match is None or not _has_ended(int(match["process"])):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _has_ended(process: int) -> bool:
    """True if there is no such process on this machine, other than this one."""
    if process == os.getpid():  # Of an earlier one with its number, as in containers.
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # It is another user's.
        return False
    return False
