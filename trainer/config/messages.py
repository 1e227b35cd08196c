"""Messages for mistakes in Gin files and bindings."""

import difflib
import inspect
import re
import tokenize
from collections.abc import Sequence

import gin

from trainer.command import error_reasons, user_code
from trainer.config import gin_text, missing_imports
from trainer.upstream import gin_config

_VALUE = "a value must be a number, a text in quotes, True, False, None, a list of them, or @name"
# What Gin's parser says, and what a line should be.
_HINTS = (
    (r"Unable to parse value", _VALUE),
    (
        r"Expected newline",
        "after a value the line must end: each binding has a line, or a --gin_bindings, of its "
        "own; a list has parentheses, (3, 4)",
    ),
    (
        r"Couldn't parse statement|Expected '='|Unexpected token|Malformatted",
        'a line must be name.parameter = value, macro = value, import module, or include "file"',
    ),
)
# Values as other languages write them.
_FOREIGN = {"true": "True", "yes": "True", "on": "True", "false": "False", "no": "False"}
_FOREIGN |= {"off": "False", "null": "None", "none": "None", "nil": "None"}


def message(error: Exception, where: str, folders: Sequence[str]) -> str:
    """The message for an error that Gin raised, or a module that it imported.

    Args:
      error: what was raised.
      where: the file or the binding.
      folders: of modules of the user.
    """
    if isinstance(error, SyntaxError):
        return _of_syntax(error, where)
    text = _text(error, where)
    found = error_reasons.brief(text) + _suggestion(text, folders)
    place = user_code.place(error)
    return f"{found}\n  at {place}" if place else found


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A line with the names that are nearest to `name`; empty if there are none."""
    name = name[:100]  # The search takes the square of its length.
    near = difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.6)
    return f"\n  Did you mean {' or '.join(near)}?" if near else ""


def _of_syntax(error: SyntaxError, where: str) -> str:
    """The message for a line that cannot be parsed, of a .gin file or of a module."""
    place = f"{error.filename}, line {error.lineno}" if error.filename else where
    line = (error.text or "").strip()
    said = re.sub(r"malformed node or string.*", _VALUE, error.msg)
    text = error_reasons.brief(f"{said}, in {place}: {line}")
    if token := re.search(r"Failed to parse token '(.*?)'", said):
        text += _meant(token[1])
    elif not str(error.filename).endswith(".py"):
        hints = [hint for pattern, hint in _HINTS if re.search(pattern, said)]
        text += "".join(f"\n  {hint[0].upper()}{hint[1:]}." for hint in hints)
    return text + gin_text.look_alikes(line)


def _meant(token: str) -> str:
    """The right way to write a value that is a bare word."""
    if token.lower() in _FOREIGN:
        return f"\n  Did you mean {_FOREIGN[token.lower()]}?"
    if token in _registered():
        return f"\n  Did you mean @{token} or @{token}()?"
    return f"\n  Did you mean {token!r}, in quotes?"


def _text(error: Exception, where: str) -> str:
    """Gin's message, in fewer words."""
    text = str(error).partition(" in config string:")[0]  # Gin adds the whole configuration.
    if isinstance(error, tokenize.TokenError):
        text = f"{error.args[0]}, in {where}, line {error.args[1][0]}"
    if isinstance(error, RecursionError):
        text = "files that include each other in a circle, or lists in lists without end" + (
            text.partition("\n")[1] + text.partition("\n")[2]
        )
    if not isinstance(error, (ValueError, RecursionError, OSError, tokenize.TokenError)):
        if user_code.place(error):  # Of a module that is imported.
            text = f"{type(error).__name__}: {text}"
    return text.replace("In bindings string line 1", f"In {where}") if where else text


def _suggestion(text: str, folders: Sequence[str]) -> str:
    """The nearest valid names, for a message of Gin about an unknown one."""
    if match := re.search(r"No configurable matching (?:reference )?'@?(.*?)(?:\(\))?'", text):
        return _nearest_configurable(match[1].rpartition("/")[2].rpartition(".")[2], folders)
    if match := re.search(r"No bindings specified for '(.*?)/gin.macro'", text):
        macros = [scope for scope, selector in gin_config.bindings() if selector == "gin.macro"]
        return f"\n  %{match[1]} is a macro without a value." + did_you_mean(match[1], macros)
    if match := re.search(r"Configurable '(.*?)' doesn't have a parameter named '(.*?)'", text):
        known = list(inspect.signature(gin.get_configurable(match[1])).parameters)
        return did_you_mean(match[2], known) or f"\n  It has: {', '.join(known)}"
    if match := re.search(r"No module named '(.*?)'.*\n(?s:.*)\bimport \1\b", text):
        return _nearest_module(match[1], folders)
    return ""


def _nearest_configurable(name: str, folders: Sequence[str]) -> str:
    modules = missing_imports.modules(folders)
    if name in modules:
        return f'\n  "import {modules[name]}" is missing.'
    near = did_you_mean(name, [*_registered(), *modules])
    named = [found for found in modules if re.search(rf"\b{found}\b", near)]
    imports = [f"import {modules[found]}" for found in named if found not in _registered()]
    return near + "".join(f'\n  It needs "{line}".' for line in imports[:1])


def _nearest_module(name: str, folders: Sequence[str]) -> str:
    """A hint on a module that cannot be imported: its place, or similar names."""
    there = missing_imports.files(folders)
    if name.endswith(".py") and name.removesuffix(".py") in there:
        return f'\n  A module is imported without its ending: "import {name.removesuffix(".py")}".'
    if name in there:
        folder = there[name].rpartition("/")[0]
        return f"\n  It is {there[name]}: start the program in {folder}, or add it to PYTHONPATH."
    return did_you_mean(name, list(there)) or (
        "\n  Modules are looked for in the working folder and on PYTHONPATH."
    )


def _registered() -> list[str]:
    return [each.selector.rpartition(".")[2] for each in gin_config.configurables()]
