"""Reasons of errors, without the stack frames and the notes that libraries wrap them in."""

import re

from trainer.command import user_code

# Of a message: Gin lists every file of an include, and adds values of any length.
_FIRST_LINES, _LAST_LINES = 5, 3
_LONGEST_LINE = 400
# Gin adds a line for each configurable on the way, with the repr of its class.
_CALL = r"\n  In call to configurable '(\S+)' .*"
# Lines that introduce frames, or say something of the library that raises.
_WRAPPING = (
    r"Graph execution error:",
    r"(Detected at node|The op is created at|Stack trace for op|tf2xla conversion failed)\b.*",
    r"(Original stack trace for|Input Source operations|Errors may have originated) .*",
    r"<stack traces unavailable>",
    r"Traceback \(most recent call last\):",
    r"in user code:",
    r"(\w+: )?Exception encountered when calling layer .*",
    r"\d+ root error\(s\) found\.",
    r"\d+ (successful operations|derived errors ignored)\.",
    r"Hint: If you want to see a list of allocated tensors .*",
    r"The above exception was the direct cause .*|During handling of the above exception.*",
    r"(\[\[.*\]\]\s*)+",
    r"dummy_file_name:.*",
    r"[\^~\s]+",
)
# Parts of a line: of the operation, of the device and of the pipeline.
_PARTS = (
    r"\{\{?(function_)?node .*?\}\}? ?",
    r"Error in user-defined function passed to \S+ transformation with iterator: \S+: ",
    r" ?\[Op:.*",
    r"^\s*\(\d+\) [A-Z_]+: +",
    r"\b__inference_\S+?\[[^]]*\] ",
    r" on /job:\S+ by allocator \S+",
    r" for '\{\{node .*?(?= with input shapes)",
)
# What comes after the reason: arguments of a layer, and names of functions.
_REST = re.compile(r"\s*(Call arguments received by layer|Function call stack:)")
_WRAPPING_LINE = re.compile(rf"\s*({'|'.join(_WRAPPING)})\s*(\[Op:.*)?")
_PART = re.compile("|".join(reversed(_PARTS)))
# Of a branch or a loop in Python on what is known only when the graph runs.
_BRANCH = re.compile(r"(Using|Iterating over) a symbolic `tf\.Tensor`.*is not allowed.*", re.DOTALL)
_NO_BRANCH = (
    "Python cannot branch on a tensor or loop over it: steps and growths are traced once, without "
    "AutoGraph; use tf.where, tf.cond or tf.while_loop, or put the branch into a @tf.function of "
    "its own"
)


def brief(text: str) -> str:
    """The first and the last lines of `text` that differ, each cut to a length to read."""
    lines = list(dict.fromkeys(filter(str.strip, text.splitlines())))
    if len(lines) > _FIRST_LINES + _LAST_LINES:
        lines[_FIRST_LINES:-_LAST_LINES] = ["  ..."]
    return "\n".join(map(_shortened, lines))


def reason(error: BaseException) -> str:
    """The reason that `error` gives, where in the user's code it arose, and its notes.

    The text of TensorFlow, AutoGraph and Keras begins with stack frames and ends with the reason;
    that of Gin ends with all configurables that were being called.
    """
    calls = re.findall(_CALL, str(error))
    text = re.sub(_CALL, "", str(error))
    lines = [line for line in map(_stripped, _without_frames(text)) if line]
    lines = [line.removeprefix(f"{type(error).__name__}: ") for line in lines]
    found = brief(_BRANCH.sub(_NO_BRANCH, "\n".join(lines))) or "no reason given"
    if calls and calls[0] not in found:
        found += f"\n  in {calls[0]}"
    if place := user_code.place(error):
        found += f"\n  at {place}"
    return "\n  ".join([found, *getattr(error, "__notes__", [])])


def _without_frames(text: str) -> list[str]:
    """The lines of `text` that neither belong to a stack frame nor introduce one."""
    kept, depth = [], None
    for line in text.splitlines():
        if _REST.match(line):
            break
        if frame := user_code.FRAME.match(line):
            depth = len(frame["indent"])
            continue
        # The source of a frame is indented by more than its place.
        if depth is not None and (not line.strip() or _indent(line) > depth):
            continue
        depth = None
        if not _WRAPPING_LINE.fullmatch(line):
            kept.append(line)
    return _dedented(kept)


def _dedented(lines: list[str]) -> list[str]:
    """Lines without the indentation that AutoGraph and Keras give to all of them."""
    indents = [_indent(line) for line in lines if line.strip()]
    return [line[min(indents, default=0) :] for line in lines]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _stripped(line: str) -> str:
    return _PART.sub("", line).rstrip()


def _shortened(line: str) -> str:
    """The line, or its beginning and its end: a reason may be in either."""
    if len(line) <= _LONGEST_LINE:
        return line
    return f"{line[: _LONGEST_LINE // 2]} ... {line[-_LONGEST_LINE // 2 :]}"
