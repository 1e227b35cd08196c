"""A page that shows the figures beside what the paper says of them."""

import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from reproduction import claim, report
from reproduction import figures as figure_list
from trainer.command import errors

_HEAD = """# The paper's figures

Remade by

    bazel run //:reproduce -- --figure=all --repeats=20 --processes=2 \\
        --output_dir=/tmp/reproduction --data_dir=DATA --document=docs/reproduction.md

which makes this page, too; a single one by `--figure=NAME`. The verdicts stand as data in
[reproduction/verdicts.json](reproduction/verdicts.json); with `--expected` and that file the same
command says which ones came out otherwise, and ends with status 1 if a claim that was true is false
or the reverse. Below each picture stands what the
paper says it shows, in its words or nearly so, and what became of that here: `true`, `false`, or
`not decided` where the 95 % interval of the paired difference over seeds (Student's t) includes
zero. Bands are 80 % intervals of the mean over seeds, as in the paper, unless a figure says
otherwise. Times are those of the runs that a figure needs, {processes} at a time, on two cores
shared with others; runs that figures share count in each.

The paper has 3 to 5 repeats, which `--repeats` leaves as they are if it is not given, and which
leave many differences undecided.
"""


def check_place(file: pathlib.Path) -> None:
    """Raises UserError if `file` is another page, which would be replaced."""
    text = file.read_text(errors="replace") if file.is_file() else ""
    title = _HEAD.partition("\n")[0]
    if text and not text.startswith(title):
        raise errors.UserError(
            f'--document={file} is another page, which does not begin with "{title}"; choose '
            "another name"
        )


def write(file: pathlib.Path, figures: Mapping[str, Any], folder: pathlib.Path) -> None:
    """Writes the page; pictures and verdicts go into a folder beside it that has its name.

    Args:
      file: the page.
      figures: what `report.read` gives.
      folder: where the pictures are.
    """
    pictures = file.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    processes = max(each["processes"] for each in figures.values())
    parts = [_HEAD.format(processes=processes)]
    if missing := [name for name in figure_list.FIGURES if name not in figures]:
        parts.append(f"Not made yet: {', '.join(missing)}.\n")
    parts += _overview(figures)
    for name, each in figures.items():
        shutil.copyfile(folder / f"{name}.png", pictures / f"{name}.png")
        parts.append(_section(name, each, f"{pictures.name}/{name}.png"))
    shutil.copyfile(folder / report.VERDICTS, pictures / report.VERDICTS)
    file.write_text("\n".join(parts))


def _overview(figures: Mapping[str, Any]) -> list[str]:
    """The claims that did not come out, and how many did."""
    verdicts = [(name, each) for name, found in figures.items() for each in found["verdicts"]]
    parts = []
    for verdict, heading in [
        (claim.FALSE, "Claims that did not come out"),
        (claim.UNDECIDED, "Claims that are not decided"),
    ]:
        lines = [
            f"- {name}: {_line(each)}" for name, each in verdicts if each["verdict"] == verdict
        ]
        parts += [f"## {heading}\n", *(lines or ["None."]), ""]
    true = sum(each["verdict"] == claim.TRUE for _, each in verdicts)
    return [f"{true} of {len(verdicts)} claims came out.\n", *parts]


def _section(name: str, found: Mapping[str, Any], picture: str) -> str:
    lines: Sequence[str] = [
        f"## Figure {name}: {found['title']}\n",
        f"![{found['title']}]({picture})\n",
        f'The paper: "{found["paper"]}"\n',
        *(f"- {_line(each)}" for each in found["verdicts"]),
        "",
        f"`--figure={name}`: {found['runs']} runs, {found['repeats']} repeats, "
        f"{found['seconds'] / 60:.1f} minutes.\n",
    ]
    return "\n".join(lines)


def _line(verdict: Mapping[str, str]) -> str:
    return f"{verdict['claim']}: **{verdict['verdict']}**, {verdict['detail']}"
