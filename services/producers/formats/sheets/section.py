"""A table in the terms of one kind of document: the meaning of its columns, and each row's values by meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from schemas.reasons import Reason, Refusal
from schemas.remarks import remarks_on
from services.producers.formats.model import Interpretation, Position, Remark
from services.producers.formats.sheets import equipment, labels, places
from services.producers.formats.sheets.grid import Flaw, Row, Scalar, column_letters
from services.producers.formats.sheets.head import Given
from services.producers.formats.sheets.moments import Stated
from services.producers.formats.sheets.quantities import plain
from services.producers.formats.sheets.tables import Column, Table

_SAMPLE: Final = 20
_ORDER: Final = ("choice", "read", "own")
_JOINED: Final = ("remarks", "goods.", "party.", "seal.", "container.id", "consignmentNoteNumber")
"""Meanings of which several columns may stand side by side; elsewhere two columns must not contradict."""
_ONE: Final = {"container.isoCode": "container.type"}
"""Meanings that a list never needs apart: a trade word and an ISO code say the same of a box."""
_NARROWER: Final = {**_ONE, "customs.declarationNumber": "customs.transitNumber"}
"""Where a label may mean both, the second is what it says."""
_CODE: Final = re.compile(r"[A-Z#]|[0-9]{1,3}(\.0)?")
_CLUES: Final[Mapping[str, Callable[[Scalar], bool]]] = {
    "wagon.id": equipment.looks_like_wagon,
    "wagon.id1520": equipment.looks_like_wagon,
    "container.id": equipment.looks_like_box,
    "container.type": lambda value: equipment.quarter_teu(value) is not None,
    "customs.statusCode": lambda value: _CODE.fullmatch(plain(value).upper()) is not None,
    "place.border": lambda value: places.find(value) is not None,
    "place.origin": lambda value: places.find(value) is not None,
    "place.destination": lambda value: places.find(value) is not None,
}


@dataclass(frozen=True, slots=True)
class Section:
    """A table with its columns by meaning; ``choices`` are the partner's own for this format."""

    table: Table
    columns: Mapping[str, tuple[Column, ...]]
    units: Mapping[str, str]
    given: tuple[Given, ...]
    interpretations: tuple[Interpretation, ...]
    remarks: tuple[Remark, ...]

    def has(self, *meanings: str) -> bool:
        """Whether each of ``meanings`` has a column."""
        return all(meaning in self.columns for meaning in meanings)

    def gives(self, meaning: str) -> Given | None:
        """The value above or below the table for ``meaning``."""
        return next(iter(self.all_given(meaning)), None)

    def stated(self, meaning: str) -> Stated | None:
        """The zone or offset that the header of ``meaning`` names; None where it names none."""
        return next((column.found.zone for column in self.columns.get(meaning, ())), None)

    def all_given(self, meaning: str) -> list[Given]:
        """All values outside the rows for ``meaning``, from top to bottom."""
        return [given for given in self.given if meaning in given.meanings]

    @property
    def title(self) -> str:
        """The lines above the table and the sheet's name, normalised, for searching."""
        return labels.fold(" ".join([self.table.sheet.name, *(line.text for line in self.table.lines)]))

    def mentions(self, *words: str) -> bool:
        """Whether the title contains one of ``words``."""
        title = self.title
        return any(labels.fold(word) in title for word in words)

    def sample(self, meaning: str) -> list[Scalar]:
        """The first filled cells of a meaning."""
        found: list[Scalar] = []
        for row in self.table.rows[: _SAMPLE * 3]:
            for column in self.columns.get(meaning, ()):
                value = row.cell(column.index)
                if value is not None and len(found) < _SAMPLE:
                    found.append(value)
        return found

    def entries(self) -> Iterator[Entry]:
        """The rows of data."""
        for row in self.table.rows:
            yield Entry(self, row)


@dataclass(slots=True)
class Entry:
    """One row of data by meaning; ``remarks`` collects the notices on it."""

    section: Section
    row: Row
    remarks: list[Remark] = field(default_factory=list)

    @property
    def here(self) -> Position:
        """The row as a whole."""
        return Position(self.section.table.sheet.name, self.row.number)

    def where(self, meaning: str) -> Position:
        """The cell of ``meaning``, or the row where it has none."""
        columns = self.section.columns.get(meaning)
        if not columns:
            return self.here
        filled = next((c for c in columns if self.row.cell(c.index) is not None), columns[0])
        return self.section.table.sheet.where(self.row.number, filled.index)

    def value(self, meaning: str) -> Scalar | None:
        """The cell of ``meaning``, None where blank; raises Refusal where two columns of it contradict."""
        values = [
            (column, value)
            for column in self.section.columns.get(meaning, ())
            if (value := self.row.cell(column.index)) is not None
        ]
        if not values:
            return None
        if len(values) > 1 and not meaning.startswith(_JOINED):
            first, other = (
                values[0],
                next((v for v in values[1:] if plain(v[1]) != plain(values[0][1])), None),
            )
            if other is not None:
                raise Refusal(
                    Reason.INVALID_SCHEMA,
                    f"The columns {first[0].label!r} and {other[0].label!r} both mean {meaning} and differ.",
                    str(self.where(meaning)),
                    "Declare by a choice which of the two counts.",
                )
        return values[0][1]

    def stated(self, meaning: str) -> Stated | None:
        """The zone or offset that the header of the cell of ``meaning`` names; None where it names none."""
        columns = self.section.columns.get(meaning, ())
        return next((c.found.zone for c in columns if self.row.cell(c.index) is not None), None)

    def values(self, meaning: str) -> list[Scalar]:
        """The cells of every column of ``meaning``."""
        cells = (self.row.cell(column.index) for column in self.section.columns.get(meaning, ()))
        return [cell for cell in cells if cell is not None]

    def text(self, meaning: str) -> str:
        """The text of ``meaning``, "" where blank; raises Refusal where the cell holds no value that can be read."""
        value = self.value(meaning)
        if isinstance(value, Flaw):
            raise Refusal(
                Reason.INVALID_SCHEMA,
                f"The cell holds {value.value}.",
                str(self.where(meaning)),
                "Open the file in the program that made it and save it again.",
            )
        return plain(value)

    def joined(self, meaning: str) -> str:
        """The texts of every column of ``meaning``, parted by semicolons."""
        return "; ".join(plain(value) for value in self.values(meaning) if not isinstance(value, Flaw))

    def remark(self, meaning: str, text: str, remedy: str = "") -> None:
        """Add a remark at the cell of ``meaning``."""
        self.remarks.append(Remark(self.where(meaning), text, remedy))

    def doubt(self, meaning: str, kind: str, id: str) -> None:
        """Add what is doubtful about the object of ``kind`` in the cell of ``meaning``; it is kept as written."""
        self.remarks += (Remark.on(self.where(meaning), each) for each in remarks_on(kind, id))


def understand(table: Table, meanings: frozenset[str], choices: Mapping[str, str]) -> Section:
    """``table`` as a document that knows ``meanings`` reads it; ``choices`` map labels to a meaning, or to "" for none."""
    wanted = {labels.fold(label): meaning for label, meaning in choices.items()}
    found: dict[str, list[tuple[int, str, Column]]] = {}
    interpretations: list[Interpretation] = []
    remarks: list[Remark] = []
    for column in table.columns:
        where = Position(table.sheet.name, column.row, column_letters(column.index))
        meaning, certainty = _meaning(column, table, meanings, wanted)
        if certainty == "several":
            remarks.append(
                Remark(
                    where,
                    f"The header {column.label!r} may mean {meaning}; the column was not read.",
                    "Declare by a choice which one it is.",
                )
            )
        elif meaning:
            meaning = _ONE.get(meaning, meaning)
            interpretations.append(Interpretation(where, column.label, meaning, certainty))
            if column.index in table.sheet.hidden_columns:
                text = f"The column {column.label!r} is hidden; it was read as {meaning} all the same."
                remarks.append(Remark(where, text, "Show it, or delete it if it does not count."))
            if column.found.beside and certainty != "choice":
                remarks.append(
                    Remark(
                        where,
                        f"Of the header {column.label!r}, {column.found.beside[:40]!r} is not understood; "
                        f"its column was read as {meaning}.",
                        "Declare by a choice what the column means, if that is wrong.",
                    )
                )
            found.setdefault(meaning, []).append((_ORDER.index(certainty), labels.fold(column.label), column))
        elif certainty == "unknown" and _filled(table, column):
            remarks.append(
                Remark(
                    where,
                    f"The header {column.label!r} is not known; nothing was read from its column.",
                    "Declare by a choice what it means, if it matters.",
                )
            )
    columns = {
        meaning: tuple(c for _, _, c in sorted(each, key=lambda x: x[:2])) for meaning, each in found.items()
    }
    units = {meaning: each[0].found.unit for meaning, each in columns.items()}
    given = tuple(_given(each, wanted) for each in table.given)
    for each in given:
        used = sorted(each.meanings & meanings)
        if used:
            certainty = next(
                (e.certainty for e in labels.look_up(each.label).entries if e.meaning in used), "choice"
            )
            interpretations.append(Interpretation(each.where, each.label, " or ".join(used), certainty))
    return Section(table, columns, units, given, tuple(interpretations), tuple(remarks))


def _given(given: Given, wanted: Mapping[str, str]) -> Given:
    """A value outside the rows, under the meaning that the partner chose for its label."""
    chosen = wanted.get(labels.fold(given.label))
    return given if chosen is None else replace(given, meanings=frozenset({chosen} - {""}))


def _meaning(
    column: Column, table: Table, meanings: frozenset[str], wanted: Mapping[str, str]
) -> tuple[str, str]:
    chosen = wanted.get(labels.fold(column.label))
    if chosen is not None:
        return chosen, "choice"
    entries = [
        entry
        for entry in column.found.entries
        if entry.meaning in meanings and not {_NARROWER.get(entry.meaning)} & column.found.meanings & meanings
    ]
    if not column.found.known:
        return "", "unknown"
    if not entries:
        first = column.found.entries[0]
        return (first.meaning, first.certainty) if len(column.found.entries) == 1 else ("", "unused")
    if len(entries) > 1:
        entries = _by_values(entries, column, table)
    if len(entries) != 1:
        return " or ".join(entry.meaning for entry in entries), "several"
    return entries[0].meaning, entries[0].certainty


def _by_values(entries: list[labels.Entry], column: Column, table: Table) -> list[labels.Entry]:
    """The one meaning that most of the values fit, where only one has such a clue; else what was given."""
    cells = [cell for row in table.rows[:_SAMPLE] if (cell := row.cell(column.index)) is not None]
    fitting = [
        entry for entry in entries if entry.meaning in _CLUES and _mostly(_CLUES[entry.meaning], cells)
    ]
    if len(fitting) == 1:
        return fitting
    without = [entry for entry in entries if entry.meaning not in _CLUES]
    return without if not fitting and len(without) == 1 else entries


def _mostly(clue: Callable[[Scalar], bool], cells: list[Scalar]) -> bool:
    return bool(cells) and sum(map(clue, cells)) * 5 >= len(cells) * 3


def _filled(table: Table, column: Column) -> bool:
    return any(row.cell(column.index) is not None for row in table.rows)


def margins(table: Table) -> Iterable[Remark]:
    """Remarks on text beside the table without a header: annotations that are not read."""
    known = {column.index for column in table.columns}
    for row in table.rows:
        for index, cell in enumerate(row.cells):
            if cell is not None and index not in known:
                where = table.sheet.where(row.number, index)
                yield Remark(where, f"Outside the table stands {str(cell)[:80]!r}; it was not read.")
