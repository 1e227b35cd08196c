"""The meaning of a configuration's text: its values, however macros and imports spell them."""

import tokenize
from typing import Any

from gin import config_parser

from trainer.config import renames


def values(text: str) -> dict[str, str]:
    """All bindings of a text, in which the last one of a parameter wins, with macros resolved.

    Args:
      text: what `gin.config_str` gives. Includes are not followed, modules not imported.

    Returns:
      Source text of the value by `scope/name.parameter`. Macros and imports, which say nothing by
      themselves, are left out.

    Raises:
      SyntaxError: it is not text of Gin.
    """
    macros: dict[str, Any] = {}
    found = {}
    for statement in config_parser.ConfigParser(text, _Delegate(macros)):
        if isinstance(statement, config_parser.BindingStatement):
            scope, selector, parameter, value, _ = statement
            name = f"{scope}/{selector}" if scope else selector
            if parameter:
                found[f"{name}.{parameter}"] = value
            else:
                macros[name] = value
    return {name: repr(found[name]) for name in sorted(found)}


def are_equal(former: str, text: str, where: str) -> bool:
    """True if two texts bind the same values.

    Args:
      former: may have names of the former version, and be damaged.
      text: what `gin.config_str` gives.
      where: `former` is, for a warning.
    """
    if former == text:
        return True
    try:
        return values(renames.with_current_names(former, where)) == values(text)
    except (SyntaxError, tokenize.TokenError):
        return False


class _Source:
    """Has the text of a reference, or of the value of a macro, as its representation."""

    def __init__(self, text: str):
        self._text = text

    def __repr__(self):
        return self._text


class _Macro:
    """A macro, which may get its value after it is named."""

    def __init__(self, name: str, macros: dict[str, Any]):
        self._name = name
        self._macros = macros

    def __repr__(self):
        value = self._macros.pop(self._name, None)  # Names itself, if there is a circle.
        if value is None:
            return f"%{self._name}"
        text = repr(value)
        self._macros[self._name] = value
        return text


class _Delegate(config_parser.ParserDelegate):
    """Stands for references and macros by what their text is."""

    def __init__(self, macros: dict[str, Any]):
        self._macros = macros

    def configurable_reference(self, scoped_configurable_name, evaluate):
        return _Source(f"@{scoped_configurable_name}{'()' * evaluate}")

    def macro(self, macro_name):
        return _Macro(macro_name, self._macros)
