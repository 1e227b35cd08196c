"""Files of JSON in the folder of a run, which may be damaged."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from trainer.command import errors
from trainer.model_dir import strict_json


def read(file: pathlib.Path, keys: Sequence[str] = ()) -> dict[str, Any] | None:
    """Reads an object; None if there is no file.

    Args:
      file: its path.
      keys: what the object must have.

    Raises:
      UserError: the file is damaged.
    """
    if (text := _text(file)) is None:
        return None
    return _object(text, keys, file, 1)


def read_lines(file: pathlib.Path, keys: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Reads an object from each line; none if there is no file.

    Args:
      file: its path.
      keys: what each object must have.

    Raises:
      UserError: the file is damaged.
    """
    lines = (_text(file) or "").splitlines()
    return [_object(line, keys, file, number) for number, line in enumerate(lines, 1)]


def _text(file: pathlib.Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise errors.UserError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _damage(file, 1, "it is no text") from error


def _object(text: str, keys: Sequence[str], file: pathlib.Path, line: int) -> dict[str, Any]:
    try:
        found = strict_json.loads(text)
    except json.JSONDecodeError as error:
        raise _damage(file, line + error.lineno - 1, error.msg) from error
    except (ValueError, RecursionError) as error:
        raise _damage(file, line, str(error)) from error
    if not isinstance(found, dict):
        raise _damage(file, line, "it must be an object, {...}")
    if missing := [key for key in keys if key not in found]:
        raise _damage(file, line, f"it has no {json.dumps(missing[0])}")
    return found


def _damage(file: pathlib.Path, line: int, what: str) -> errors.UserError:
    return errors.UserError(
        f"{file} is damaged in line {line}: {what}. Restore the file, or remove it"
    )
