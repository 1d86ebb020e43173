"""The cells of a file of tables: sheets of rows of values, each with its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import Enum

from services.producers.formats.model import Position, Remark


class Flaw(Enum):
    """A cell that holds something which cannot be read: no value is not the same as no cell."""

    UNCOMPUTED = "a formula that was never computed"
    ERROR = "an error value of the spreadsheet"
    STRUCK = "text that is struck through"


Scalar = str | float | bool | datetime | date | time | timedelta | Flaw
"""What stands in a cell; whole numbers are floats too, because that is how workbooks keep them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row with at least one filled cell; ``cells`` by column from 0, None where blank. ``number`` counts from 1."""

    number: int
    cells: tuple[Scalar | None, ...]
    hidden: bool = False
    struck: bool = False  # most of its cells are struck through

    def cell(self, column: int) -> Scalar | None:
        """The cell in ``column``, None where blank or beyond the row's end."""
        return self.cells[column] if column < len(self.cells) else None


@dataclass(frozen=True, slots=True)
class Merge:
    """Merged cells, with the value in the first. Rows from 1, columns from 0, both ends included."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """The filled rows of one sheet in order; ``name`` is "" for a text file."""

    name: str
    rows: tuple[Row, ...]
    merges: tuple[Merge, ...] = ()
    hidden_columns: frozenset[int] = frozenset()

    def where(self, row: int, column: int) -> Position:
        """The address of a cell for people."""
        return Position(self.name, row, column_letters(column))


@dataclass(frozen=True, slots=True)
class Book:
    """An opened file: ``kind`` is xlsx, xls or csv; ``epoch_1904`` is the epoch of bare date numbers."""

    kind: str
    sheets: tuple[Sheet, ...]
    remarks: tuple[Remark, ...] = ()
    epoch_1904: bool = False


@dataclass(frozen=True, slots=True)
class Markup:
    """What a sheet's markup states beside its values: hidden rows and columns, struck rows and cells, missing values, errors."""

    hidden: frozenset[int] = frozenset()
    struck: frozenset[int] = frozenset()
    flaws: Mapping[tuple[int, int], Flaw] = field(default_factory=dict)  # (row from 1, column from 0)
    hidden_columns: frozenset[int] = frozenset()


def column_letters(column: int) -> str:
    """The letters of a column counted from 0: 0 is A, 26 is AA."""
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def column_of(reference: str) -> int:
    """The column from 0 of a cell reference such as ``AB12``."""
    number = 0
    for character in reference:
        if not "A" <= character <= "Z":
            break
        number = number * 26 + ord(character) - 64
    return number - 1
