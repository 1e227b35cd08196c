"""Text of .gin files, as editors and other systems save it."""

import io
import os
import unicodedata

from trainer.config import former_files, renames

# What word processors put in the place of characters that a program reads.
_LOOK_ALIKE = {
    **dict.fromkeys("“”„‟«»‘’‚‛´", "a straight quote, ' or \""),
    **dict.fromkeys("−–—‐‑", "a hyphen, -"),
    **dict.fromkeys("\u00a0\u2007\u202f\u200b\u200c\u200d\u2060\ufeff\u3000", "a space"),
    **dict.fromkeys("＝＠％．，（）", "the plain character"),
}


def open_file(path: str) -> io.StringIO:
    """Reads a .gin file, with or without a byte order mark; a reader for Gin.

    A file of the former version includes what is in its place.

    Raises:
      ValueError: the file is not text in UTF-8.
    """
    if not os.path.exists(path) and (former := former_files.find(path)):
        return _named(former, path)
    with open(path, "rb") as file:
        content = file.read()
    try:
        text = content.decode("utf-8-sig")
        wrong = content.find(b"\0")
    except UnicodeDecodeError as error:
        wrong = error.start
    if wrong >= 0:
        found = f"the byte {content[wrong]:#04x}"
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            found = "UTF-16"
        line = content.count(b"\n", 0, wrong) + 1
        raise ValueError(f"{path}, line {line}: {found} is not utf-8 text; save the file as UTF-8")
    return _named(renames.with_current_names(text, path), path)


def _named(text: str, path: str) -> io.StringIO:
    named = io.StringIO(text, newline=None)
    named.name = path  # Gin's messages have it.
    return named


def look_alikes(line: str) -> str:
    """A hint on characters in `line` that look like others; empty if there are none."""
    found = [character for character in dict.fromkeys(line) if character in _LOOK_ALIKE]
    return "".join(
        f"\n  The character U+{ord(c):04X} ({unicodedata.name(c).lower()}) must be "
        f"{_LOOK_ALIKE[c]}."
        for c in found[:3]
    )
