"""Reads a file of comma-separated values, and says where it is wrong."""

import csv
import difflib
from collections.abc import Sequence

import numpy as np

from trainer.command import paths

_LARGEST = float(np.finfo(np.float32).max)


class CsvFile:
    """The cells of a file whose first line names the columns.

    Args:
      owner: the parameter that names the file, e.g. CsvTable.path, for messages.
      path: of the file, text in UTF-8, with a byte order mark or without.
      delimiter: the character between cells.

    Attributes:
      columns: their names, in the order of the file.

    Raises:
      ValueError: the file cannot be read, has no examples, or a line has not a cell for each
        column.
    """

    def __init__(self, owner: str, path: str, delimiter: str = ","):
        self._name = f"{owner} = {path!r}"
        path = paths.bound(owner, path)
        try:
            # utf-8-sig leaves out the byte order mark that spreadsheets write.
            with open(path, encoding="utf-8-sig", newline="") as file:
                rows = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
                # Lines as an editor counts them; blank ones are skipped.
                lines = [(rows.line_num, row) for row in rows if row]
        except OSError as error:
            raise ValueError(f"{self._name} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ValueError(f"{self._name} must be text in UTF-8") from None
        except csv.Error as error:
            raise ValueError(f"{self._name}, line {rows.line_num}: {error}") from None
        if not lines:
            raise ValueError(f"{self._name} is empty; its first line must name the columns")
        self.columns = self._checked_columns(lines[0][1])
        self._check_rows(lines[1:], delimiter)
        self._lines = [line for line, _ in lines[1:]]
        cells = zip(*(row for _, row in lines[1:]), strict=True)
        self._cells = dict(zip(self.columns, cells, strict=True))

    def __len__(self) -> int:
        """The number of examples."""
        return len(self._lines)

    def check_columns(self, parameter: str, columns: Sequence[str]) -> None:
        """Raises ValueError, naming `parameter`, unless the file has all of `columns`."""
        for column in columns:
            if column not in self._cells:
                near = difflib.get_close_matches(column, self.columns, n=1, cutoff=0.5)
                raise ValueError(
                    f"{parameter} names the column {column!r}, which {self._name} has not"
                    + (f"; did you mean {near[0]!r}?" if near else "")
                    + f" Its columns are {', '.join(self.columns)}"
                )

    def texts(self, column: str) -> list[str]:
        """The cells of a column, without spaces around them.

        Raises:
          ValueError: one is empty.
        """
        texts = [text.strip() for text in self._cells[column]]
        if "" in texts:
            raise self.fault(
                texts.index(""), column, "is empty; fill it, or leave out the line or the column"
            )
        return texts

    def numbers(self, column: str) -> np.ndarray:
        """The cells of a column as float32 `[examples]`.

        Raises:
          ValueError: one is no finite number.
        """
        values = np.empty([len(self)], np.float32)
        for example, text in enumerate(self.texts(column)):
            number = _number(text)
            if number is None:
                raise self.fault(
                    example,
                    column,
                    f"= {text!r} must be a finite number; columns of text go into "
                    "CsvTable.categorical or CsvTable.ignored",
                )
            values[example] = number
        return values

    def fault(self, example: int, column: str, text: str) -> ValueError:
        """The error for a cell."""
        return ValueError(f"{self._name}, line {self._lines[example]}: {column} {text}")

    def _checked_columns(self, row):
        columns = [text.strip() for text in row]
        for number, column in enumerate(columns, 1):
            if not column or columns.index(column) != number - 1:
                fault = "has no name" if not column else f"has the name {column!r} of another"
                raise ValueError(
                    f"{self._name}: column {number} {fault}; the first line must give each column "
                    "a name of its own"
                )
        return columns

    def _check_rows(self, lines, delimiter):
        if not lines:
            raise ValueError(
                f"{self._name} has no examples; they come after the first line, which must name "
                "the columns"
            )
        for line, row in lines:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"{self._name}, line {line}: {len(row)} cells, and the first line names "
                    f"{len(self.columns)} columns; CsvTable.delimiter = {delimiter!r} is between "
                    "cells, and text that has it must be in quotes"
                )


def _number(text: str) -> float | None:
    """The number that a text is, None if it is none or none that float32 can hold."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) <= _LARGEST else None  # NaN is not.
