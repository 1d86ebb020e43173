"""What a reader of a partner's format takes and gives; every format speaks these words and no others.

A reader is pure: the same bytes and the same settings give the same records on every machine, so that reading a file
twice publishes nothing twice. It never uses this machine's clock, the file's name or its date on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from schemas.reasons import Refusal


@dataclass(frozen=True, slots=True)
class Settings:
    """What a partner declares once about its files, because no file says it.

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
class Where:
    """Where in a file something stood: a sheet's cell (rows from 1, columns by letter), a line, or an element's path."""

    sheet: str = ""
    row: int = 0
    column: str = ""
    path: str = ""

    def __str__(self) -> str:
        cell = f"{self.column}{self.row}" if self.row else self.column
        return "!".join(part for part in (self.sheet, cell or self.path) if part)


@dataclass(frozen=True, slots=True)
class Remarked:
    """Something that a person should know of a record or a file, though it stops nothing."""

    where: Where
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One event that a record makes: the arguments of ``services.producers.unsigned_event.assemble``.

    ``id`` comes from the document's own key and the record, so that the same document sent again, by mail or by copy,
    makes the same event; ``time`` is the document's own creation time. ``edition`` names the list that the record is of,
    the same for all its editions, where the partner declared that each edition is the full list. What is ``lasting``
    happened and stays true though a later edition does not repeat it.
    """

    where: Where
    id: str
    type: str
    time: str
    data: Mapping[str, Any]
    subject: str | None = None
    remarks: tuple[Remarked, ...] = ()
    edition: str = ""
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that makes no event: why, where, and what its sender can do."""

    where: Where
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A row that was seen and says nothing by itself: a total, a note, a signature, a cancelled line, a blank form."""

    where: Where
    reason: str


Record = Said | Unread | PassedOver


@dataclass(frozen=True, slots=True)
class Taken:
    """Which header, element or code was taken for what; ``certainty`` is read, own, choice or guess."""

    where: Where
    label: str
    meaning: str
    certainty: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that was recognised: its format's name, how it was understood, and its records in order.

    ``records`` may be walked once and never raises for what the file says.
    """

    format: str
    taken: tuple[Taken, ...]
    records: Iterator[Record]
    remarks: tuple[Remarked, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its name for ``--format``, how sure it is of a file (0 to 100), and its reader.

    ``read`` raises Refusal where the file as a whole cannot be read (broken, encrypted, a bomb, empty).
    """

    name: str
    title: str
    recognise: Callable[[bytes], int]
    read: Callable[[bytes, Settings], Reading]
