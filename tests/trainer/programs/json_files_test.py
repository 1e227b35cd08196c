import pytest

from trainer.command import errors
from trainer.logs import run_curves
from trainer.model_dir import json_files, run_report
from trainer.sweep import seeded_run


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "Expecting value"),
        ('{\n"a":\n}', 3, "Expecting value"),
        ("[1]", 1, "it must be an object"),
        ('{"b": 1}', 1, 'it has no "a"'),
        (b"\xff\xfe", 1, "it is no text"),
    ],
)
def test_damage_is_named_with_its_line(text, line, what, tmp_path):
    file = tmp_path / "x.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(errors.UserError, match=f"^{file} is damaged in line {line}: {what}"):
        json_files.read(file, ["a"])


def test_what_is_whole_is_read_and_what_is_missing_is_none(tmp_path):
    (tmp_path / "x.json").write_text('{"a": 1}')
    assert json_files.read(tmp_path / "x.json", ["a"]) == {"a": 1}
    assert json_files.read(tmp_path / "y.json") is None
    assert json_files.read_lines(tmp_path / "y.jsonl") == []


def test_the_line_of_a_table_is_named_wherever_it_is_read(tmp_path):
    (tmp_path / "config.gin").touch()
    (tmp_path / "growth.jsonl").write_text('{"step": 3, "sites": {}}\n{"step": 6, "si')
    message = "growth.jsonl is damaged in line 2: Unterminated string"
    with pytest.raises(errors.UserError, match=message):
        run_report.read(str(tmp_path))
    with pytest.raises(errors.UserError, match=message):
        run_curves.read("config", 0, tmp_path)


def test_a_damaged_result_is_named_by_a_sweep(tmp_path):
    run = seeded_run.SeededRun("a", ["a.gin"], 0, (), (), str(tmp_path))
    run.path.mkdir(parents=True)
    (run.path / "result.json").write_text('{"train": {"loss": 1')
    with pytest.raises(errors.UserError, match=r"seed_0/result.json is damaged in line 1: Exp"):
        run.result()
