"""Tables and pages are replaced where they are of this program, and refused where they are not."""

import pytest
from absl import flags
from absl.testing import flagsaver

from reproduction import document
from trainer.command import errors
from trainer.sweep import curves, main, table


def _check_tables(folder):
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(output_dir=str(folder)):
        main._check_tables()


@pytest.mark.parametrize("name", ["table.md", "table.csv", "curves.csv"])
def test_a_sweep_does_not_replace_a_table_of_something_else(name, tmp_path):
    (tmp_path / name).write_text("a user's own\n")
    with pytest.raises(errors.UserError, match=f"has a {name} that is not of a sweep"):
        _check_tables(tmp_path)


@pytest.mark.parametrize("finished", [True, False])
def test_a_sweep_replaces_its_own_tables(finished, tmp_path):
    result = {"train": {"loss": 1.0}, "parameters": 1, "training_flops": 1, "wall_seconds": 1.0}
    rows = table.rows({"small": {0: result} if finished else {}}, ["train/loss"], "small")
    markdown = table.to_markdown(rows, ["train/loss"], "small")
    (tmp_path / "table.md").write_text(markdown)
    (tmp_path / "table.csv").write_text(table.to_csv(rows))
    (tmp_path / "curves.csv").write_text(curves.to_csv([]))
    _check_tables(tmp_path)
    _check_tables(tmp_path / "new")


def test_a_page_of_figures_replaces_no_other_page(tmp_path):
    page = tmp_path / "README.md"
    document.check_place(page)
    page.write_text(document._HEAD.format(processes=2))
    document.check_place(page)
    page.write_text("# Mine\n")
    with pytest.raises(errors.UserError, match=r"--document=.*README.md is another page"):
        document.check_place(page)
