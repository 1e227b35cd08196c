"""Type checks of Gin bindings against the annotations of parameters."""

import collections.abc
import inspect
import types
import typing
from typing import Any

import gin

from trainer.command import errors
from trainer.upstream import gin_config

# Layers, losses and rates are of this type, steps of int64.
_LARGEST_FLOAT = 3.4028235e38
_LARGEST_INT = 2**63 - 1
# Characters of a value in a message.
_LONGEST = 80

# Gin's bindings: (scope, selector) to parameters and their values.
Bindings = dict[tuple[str, str], dict[str, Any]]


def check(bindings: Bindings) -> None:
    """Compares every value with the annotation of its parameter.

    Args:
      bindings: without circles of macros.

    Raises:
      UserError: a value cannot be meant.
    """
    for (scope, selector), parameters in bindings.items():
        if selector.startswith("gin."):
            continue
        annotations = hints(gin_config.configurable(selector))
        prefix = f"{scope}/" if scope else ""
        for parameter, value in parameters.items():
            resolved = _without_macros(value, bindings)
            hint = annotations.get(parameter, Any)
            rule = words(hint) if not _fits(resolved, hint) else _out_of_range(resolved)
            if rule:
                raise errors.UserError(
                    f"{prefix}{selector.rpartition('.')[2]}.{parameter} = {_short(value)} must be "
                    + rule
                    + (f", but is {_short(resolved)}" if resolved is not value else "")
                )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def hints(target: Any) -> dict[str, Any]:
    """The annotations of the parameters of a function or of a class's constructor.

    Of a constructor that takes any keyword also those of its base class, which it passes them to.
    """
    if not inspect.isclass(target):
        return _annotations(target)
    found = {}
    for owner in target.__mro__:
        if "__init__" in vars(owner):
            found = _annotations(owner.__init__) | found
            kinds = [p.kind for p in inspect.signature(owner.__init__).parameters.values()]
            if inspect.Parameter.VAR_KEYWORD not in kinds:
                break
    return found


def _annotations(function: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(inspect.unwrap(function))
    except (NameError, TypeError):
        return {}  # Annotations of a user's class that cannot be evaluated check nothing.


def _without_macros(value: Any, bindings: Bindings) -> Any:
    """`value`, or what it stands for if it is a macro, of which there are no circles."""
    while isinstance(value, gin.config.ConfigurableReference) and value.selector == "gin.macro":
        value = bindings.get(value.config_key, {}).get("value")
    return value


def _out_of_range(value: Any) -> str:
    """The rule for a number, or one within lists, that TensorFlow cannot hold."""
    if isinstance(value, list | tuple):
        return next(filter(None, map(_out_of_range, value)), "")
    if isinstance(value, int) and abs(value) > _LARGEST_INT:
        return f"within {_LARGEST_INT}, which is what 64 bits hold"
    if isinstance(value, float) and not abs(value) <= _LARGEST_FLOAT:
        return f"finite and within {_LARGEST_FLOAT:.2g}, which is what float32 holds"
    return ""


def _fits(value: Any, hint: Any) -> bool:
    """True if a bound value fits a parameter annotated with `hint`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if isinstance(value, gin.config.ConfigurableReference):
        return _reference_fits(value, hint)
    if hint in (int, float):
        numbers = (int,) if hint is int else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool)
    if isinstance(origin, type) and issubclass(origin, collections.abc.Sequence):
        items = arguments[:1] or (Any,)
        return isinstance(value, (list, tuple)) and all(_fits(item, items[0]) for item in value)
    if hint in (list, tuple):
        return isinstance(value, (list, tuple))
    if origin is collections.abc.Callable:
        return callable(value)
    # Other annotations, such as Literal, say more than is looked at here.
    return _is_instance(value, origin or hint)


def _is_instance(value: Any, hint: Any) -> bool:
    try:
        return not isinstance(hint, type) or isinstance(value, hint)
    except TypeError:  # A protocol that cannot be asked.
        return True


def _reference_fits(reference: gin.config.ConfigurableReference, hint: Any) -> bool:
    """True if @name or @name() may fit `hint`, as far as its result is known."""
    target, origin = reference.configurable.wrapped, typing.get_origin(hint)
    if origin is collections.abc.Callable:
        wanted = typing.get_args(hint)[-1]
        if reference.evaluate:
            return _can_be_called(target) and not _is_subclass(target, wanted)
        return _may_give(target, wanted)
    if hint is type or origin is type:
        return not reference.evaluate
    if inspect.isclass(origin or hint) and hint not in (object, Any):
        return reference.evaluate and _may_give(target, origin or hint)
    return True


def _can_be_called(target: Any) -> bool:
    """True if the result of calling `target` may be callable."""
    return not inspect.isclass(target) or any("__call__" in vars(c) for c in target.__mro__)


def _may_give(target: Any, wanted: Any) -> bool:
    """True if calling `target` may return a `wanted`: if either is a subclass of the other."""
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        return any(_may_give(target, choice) for choice in typing.get_args(wanted))
    given = target if inspect.isclass(target) else _result(target)
    if not (inspect.isclass(given) and inspect.isclass(wanted)):
        return True  # A function need not say what it returns.
    return _is_subclass(given, wanted) or (given is not target and _is_subclass(wanted, given))


def _result(function: Any) -> Any:
    """The annotation of what a function returns, or None."""
    try:
        return typing.get_type_hints(inspect.unwrap(function)).get("return")
    except (NameError, TypeError):
        return None


def _is_subclass(given: Any, wanted: Any) -> bool:
    return inspect.isclass(given) and inspect.isclass(wanted) and issubclass(given, wanted)


def words(hint: Any) -> str:
    """An annotation in words: what a value must be."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(words(argument) for argument in arguments)
    if isinstance(origin, type) and issubclass(origin, collections.abc.Sequence):
        return f"a list with each item {words(arguments[0])}" if arguments else "a list"
    kinds = {int: "a whole number", float: "a number", str: "a text", bool: "True or False"}
    kinds |= {type(None): "None", list: "a list", tuple: "a list", dict: "a dictionary"}
    if (origin or hint) in kinds:
        return kinds[origin or hint]
    if origin is collections.abc.Callable:
        made = typing.get_args(arguments[-1])[:1] or arguments[-1:]  # One of several says enough.
        gives = f" whose result is of class {made[0].__name__}" if inspect.isclass(made[0]) else ""
        return f"a function or class{gives}, given as @name, without parentheses"
    if hint is type or origin is type:
        return "a class, given as @name, without parentheses"
    return f"an object of class {getattr(hint, '__name__', hint)}, given as @name()"
