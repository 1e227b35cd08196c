"""Verdicts beside those that were kept from an earlier time."""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from reproduction import claim
from trainer.command import errors
from trainer.model_dir import json_files


class Difference(NamedTuple):
    """A claim with another verdict than before.

    Attributes:
      text: a line.
      is_contradiction: true if one verdict is true and the other false; more repeats, or fewer,
        decide a claim or leave it open.
    """

    text: str
    is_contradiction: bool


def read(file: pathlib.Path) -> dict[str, Any]:
    """The contents of a verdicts.json.

    Raises:
      UserError: there is none.
    """
    found = json_files.read(file)
    if not found:
        raise errors.UserError(
            f"--expected={file} is no file of verdicts; give docs/reproduction/verdicts.json"
        )
    return found


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[Difference]:
    """The claims of figures in both whose verdicts differ; of claims in one of them none.

    Args:
      expected: what `read` gives.
      found: as `report.read`.

    Example:
      >>> def verdicts(verdict):
      ...     each = {"claim": "it grows", "verdict": verdict, "detail": "2"}
      ...     return {"2a": {"verdicts": [each]}}
      >>> differences(verdicts("true"), verdicts("false"))
      [Difference(text='2a: it grows: false, 2; it was true', is_contradiction=True)]
    """
    made = []
    for name, each in found.items():
        before = {v["claim"]: v["verdict"] for v in expected.get(name, {}).get("verdicts", [])}
        for verdict in each["verdicts"]:
            old, new = before.get(verdict["claim"]), verdict["verdict"]
            if old is not None and old != new:
                text = f"{name}: {verdict['claim']}: {new}, {verdict['detail']}; it was {old}"
                made.append(Difference(text, claim.UNDECIDED not in (old, new)))
    return made
