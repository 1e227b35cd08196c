"""docs/library.md and its notebook: their code runs in order, and both tell the same."""

import json
import pathlib
import re

import pytest

_PAGE = pathlib.Path("docs/library.md").read_text(encoding="utf-8")
_NOTEBOOK = json.loads(pathlib.Path("docs/grow_your_network.ipynb").read_text(encoding="utf-8"))
_CELLS = [cell for cell in _NOTEBOOK["cells"] if cell["cell_type"] == "code"]
_BLOCKS = re.findall(r"```python\n(.*?)```", _PAGE, re.DOTALL)


def _run(blocks, name):
    namespace = {"__name__": name}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{name}, block {number}", "exec"), namespace)
    return namespace


def test_the_page_runs_and_the_network_grows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = _run(_BLOCKS, "docs/library.md")
    assert found["losses"][-1] < 0.1 * found["losses"][0]
    assert found["grower"].widths() == {"hidden_1": 16}
    assert found["fitted"].history["width/hidden_1"] == [4, 7, 10, 13, *[16] * 6]
    assert found["other"].count_params() == found["standard"].count_params() == 16 * 29 + 8
    printed = capsys.readouterr().out
    assert "widths {'hidden_1': 16}" in printed
    assert "train_step was traced 1 time\n" in printed


def test_cells_of_the_notebook_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    found = _run(["".join(cell["source"]) for cell in _CELLS], "docs/grow_your_network.ipynb")
    assert found["grower"].widths() == {"hidden_1": 16}
    assert len(found["fitted"].history["loss"]) == 10


def test_the_notebook_has_the_outputs_of_its_cells():
    assert [cell["execution_count"] for cell in _CELLS] == [*range(1, len(_CELLS) + 1)]
    for cell in _CELLS:
        source = "".join(cell["source"])
        assert bool(cell["outputs"]) == bool(re.search(r"print\(|summary\(|plt\.", source)), source
        assert all(output["output_type"] != "error" for output in cell["outputs"])


@pytest.mark.parametrize("cell", _CELLS, ids=range(len(_CELLS)))
def test_code_of_the_notebook_is_that_of_the_page(cell):
    source = "".join(cell["source"])
    assert "plt." in source or f"{source}\n" in _BLOCKS
