"""The types that every format reader takes and returns.

A reader is pure: equal bytes and settings yield equal records on every machine, so that reading a file twice publishes
nothing twice. It uses neither the clock of the machine nor the name or date of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from zoneinfo import ZoneInfo

from schemas.reasons import Refusal
from schemas.remarks import EventRemark


@dataclass(frozen=True, slots=True)
class Settings:
    """What a partner declares once about its files because the files do not state it.

    ``zone`` is the clock that times without an offset are meant in, never the place's. ``zones`` overrides it by format
    (and, after a dot, by column). ``choices`` settles what one header or code may mean in two ways, by format:
    ``{"border_handover": {"口岸": "place.border"}}``. ``company`` is the partner's own code in train numbers.
    """

    party: str
    zone: ZoneInfo
    company: str = ""
    zones: Mapping[str, ZoneInfo] = field(default_factory=dict)
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a file: a sheet's cell (rows from 1, columns by letter), a line, or an element's path."""

    sheet: str = ""
    row: int = 0
    column: str = ""
    path: str = ""

    def __str__(self) -> str:
        cell = f"{self.column}{self.row}" if self.row else self.column
        return "!".join(part for part in (self.sheet, cell or self.path) if part)


@dataclass(frozen=True, slots=True)
class Remark:
    """A notice to the partner on a record or a file; it refuses nothing.

    A remark on the event itself (``schemas.remarks``) has a code, the pointer into the payload, and the text found.
    """

    where: Position
    text: str
    remedy: str = ""
    code: str = ""
    pointer: str = ""
    found: str = ""

    @classmethod
    def on(cls, where: Position, event: EventRemark) -> Self:
        """The remark on an event, where the file says it."""
        return cls(
            where, f"{event.found}: {event.text}", event.remedy, event.code, event.pointer, event.found
        )


def with_event_remarks(
    known: tuple[Remark, ...], where: Position, event: Iterable[EventRemark]
) -> tuple[Remark, ...]:
    """``known`` and the remarks on the event that are not among them; those of the reader name their place in the file."""
    said = {(each.code, each.found) for each in known}
    return (*known, *(Remark.on(where, each) for each in event if (each.code, each.found) not in said))


@dataclass(frozen=True, slots=True)
class EventDraft:
    """The content of one event before it is assembled: the arguments of ``services.producers.unsigned_event.assemble``.

    ``id`` comes from the document's own key and the record, so that the same document sent again, by mail or by copy,
    makes the same event; ``time`` is the document's own creation time. ``edition`` names the list that the record is of,
    the same for all its editions, where the partner declared that each edition is the full list. What is ``lasting``
    happened and stays true though a later edition does not repeat it.
    """

    where: Position
    id: str
    type: str
    time: str
    data: Mapping[str, Any]
    subject: str | None = None
    remarks: tuple[Remark, ...] = ()
    edition: str = ""
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that yields no event: its position, and the refusal with reason and remedy."""

    where: Position
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A row without content of its own: a total, a note, a signature, a cancelled line, a blank form."""

    where: Position
    reason: str


Record = EventDraft | Unread | PassedOver


@dataclass(frozen=True, slots=True)
class Interpretation:
    """How a header, element or code was interpreted; ``certainty`` is read, own, choice or guess."""

    where: Position
    label: str
    meaning: str
    certainty: str


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """A recognised file: its format's name, the interpretations, and its records in order.

    ``records`` may be iterated once and never raises for the content of the file.
    """

    format: str
    interpretations: tuple[Interpretation, ...]
    records: Iterator[Record]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its name for ``--format``, its certainty for a file (0 to 100), and its reader.

    ``read`` raises Refusal where the file as a whole cannot be read (damaged, encrypted, a decompression bomb, empty).
    """

    name: str
    title: str
    recognise: Callable[[bytes], int]
    read: Callable[[bytes, Settings], ReadOutcome]
