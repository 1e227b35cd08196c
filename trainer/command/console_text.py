"""Text for the console in which names from files cannot pose as something else."""

import unicodedata

# Control characters, such as those that begin a terminal's commands; marks that reverse the order
# of letters or cannot be seen; halves of characters, which cannot be printed; ends of lines.
_ESCAPED = ("Cc", "Cf", "Cs", "Zl", "Zp")


def escaped(text: str) -> str:
    """`text` on one line: what no reader would see is written as in Python's literals."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _ESCAPED
        else character
        for character in text
    )


def escaped_lines(text: str) -> str:
    """`text`, each of its lines `escaped`."""
    return "\n".join(map(escaped, text.split("\n")))
