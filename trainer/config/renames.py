"""Bindings under their former names, for one version."""

import functools
import re

from absl import logging

_TO_LOOP = ("log_interval", "eval_interval", "checkpoint_interval", "checkpoints_kept")
_TO_DEVICES = (
    "distribution_strategy",
    "logical_cpus",
    "tpu_address",
    "mixed_precision",
    "jit_compile",
    "deterministic",
    "static_shapes",
)
# Current binding by former one.
BINDINGS = {
    "Grower.initializer": "Grower.method",
    "Firefly.epsilon": "Firefly.fraction",
    **{f"Experiment.{name}": f"Loop.{name}" for name in _TO_LOOP},
    **{f"Experiment.{name}": f"Devices.{name}" for name in _TO_DEVICES},
}
# The module of each configurable that is named above, all or the end of which may stand before it.
_MODULES = {
    "Grower": "growth.grower",
    "Firefly": "growth.methods.firefly",
    "Experiment": "trainer.experiment",
}


def with_current_names(text: str, where: str) -> str:
    """Puts the current names of parameters into Gin text, and warns of the former ones, once.

    Scopes stay, and so do the numbers of lines.

    Args:
      text: of a file, or a binding.
      where: names it in the warning.
    """
    renamed = {}
    for name in _MODULES:
        parameters = [p for owner, _, p in (b.partition(".") for b in BINDINGS) if owner == name]
        start, parameter = _start(name), f"(?P<parameter>{'|'.join(parameters)})(?=\\s*=)"

        def current(match, name=name):
            former = f"{name}.{match['parameter']}"
            renamed[former] = BINDINGS[former]
            return match["scope"] + BINDINGS[former]

        text = _without_blocks(text, start, parameter)
        text = re.sub(rf"^{start}\.{parameter}", current, text, flags=re.MULTILINE)
    if renamed:
        names = ", ".join(f"{former} is now {current}" for former, current in renamed.items())
        _warn(f"{where}: {names}; the next version will not know the old name")
    return text


def _start(name: str) -> str:
    """A pattern for a configurable, with its scopes and with what there may be of its module."""
    parts = _MODULES[name].split(".")
    modules = "|".join(re.escape(".".join(parts[i:]) + ".") for i in range(len(parts)))
    return rf"(?P<scope>[ \t]*(?:[\w./]*/)?)(?:{modules})?{name}"


def _without_blocks(text: str, start: str, parameter: str) -> str:
    """Text in which blocks that bind a former parameter, `name:` and lines below, are bindings."""

    def flat(match):
        if not re.search(rf"^[ \t]+{parameter}", match["body"], re.MULTILINE):
            return match[0]
        name = match["name"].strip()
        body = re.sub(r"^[ \t]+(?=\w+\s*=)", f"{name}.", match["body"], flags=re.MULTILINE)
        return f"{match['comment']}\n{body}"

    block = (
        rf"^(?P<name>{start})\s*:[ \t]*(?P<comment>(?:#.*)?)\n(?P<body>(?:(?:[ \t].*)?(?:\n|\Z))*)"
    )
    return re.sub(block, flat, text, flags=re.MULTILINE)


@functools.cache
def _warn(message: str) -> None:
    """Warns, once: a sweep reads a file for each of its runs."""
    logging.warning("%s", message)
