"""Text of .gin files, as editors and other systems save it."""

import io
import unicodedata

# What word processors put in the place of characters that a program reads.
_LOOK_ALIKE = {
    **dict.fromkeys("“”„‟«»‘’‚‛´", "a straight quote, ' or \""),
    **dict.fromkeys("−–—‐‑", "a hyphen, -"),
    **dict.fromkeys("\u00a0\u2007\u202f\u200b\u200c\u200d\u2060\ufeff\u3000", "a space"),
    **dict.fromkeys("＝＠％．，（）", "the plain character"),
}


def open_file(path: str) -> io.StringIO:
    """Reads a .gin file in UTF-8, or in UTF-16 with a byte order mark; a reader for Gin.

    Raises:
      ValueError: the file is not text.
    """
    with open(path, "rb") as file:
        content = file.read()
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}, is not UTF-8: it has the byte {content[error.start]:#04x}. Save "
            "the file as UTF-8 text"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"{path}, line {line}, has a zero byte. Save the file as UTF-8 text")
    named = io.StringIO(text, newline=None)
    named.name = path  # Gin's messages have it.
    return named


def look_alikes(line: str) -> str:
    """A hint on characters in `line` that look like others; empty if there are none."""
    found = [character for character in dict.fromkeys(line) if character in _LOOK_ALIKE]
    return "".join(
        f"\n  The character U+{ord(c):04X} ({unicodedata.name(c).lower()}) must be {_LOOK_ALIKE[c]}."
        for c in found[:3]
    )
