"""Event drafts from lists: ids from the document's own key, full names of trains and notes, values with their remarks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from schemas import railnet
from schemas.legibility import fault, without_hidden
from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import format_micros, parse_micros
from services.producers.formats.model import EventDraft, Position, Record, Remark
from services.producers.formats.sheets import equipment, places, qualifiers, quantities
from services.producers.formats.sheets.document import Document, clean, unread
from services.producers.formats.sheets.grid import Flaw
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.section import Entry

MOST_OBJECTS: Final = 256
MOST_KILOGRAMS: Final = 200_000
"""What an event can say of a mass."""
_NAME: Final = re.compile(r"[^\s/]{1,40}")
_LONGEST_REMARK: Final = 200
_LONGEST_ID: Final = 256


def draft(
    document: Document,
    where: Position,
    key: str,
    created: str,
    what: str,
    data: Mapping[str, Any],
    *,
    about: str = "",
    remarks: Iterable[Remark] = (),
    lasting: bool = False,
) -> EventDraft:
    """The draft of ``cre.<what>.v1``; its id is the format, the document's key and time, and what the event is about.

    A list made again at another time makes new events, later ones; the same list sent again makes the same ones.
    """
    name = what.rpartition(".")[2]
    made = format_micros(parse_micros(created))
    identity = "/".join(part for part in (document.kind.name, key, made, name, about) if part)
    if len(identity) > _LONGEST_ID:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The key {key[:40]!r} of the record is too long.",
            str(where),
            "Keep keys of a list under 100 characters.",
        )
    full = document.kind.whole and document.choice("edition") == "full"
    edition = f"{document.kind.name}/{key}" if full else ""
    return EventDraft(
        where, identity, f"cre.{what}.v1", created, clean(data), None, tuple(remarks), edition, lasting
    )


def train(document: Document, number: str, day: str, origin: str | None, where: Position) -> str:
    """The train as on the wire, ``company/number/day/origin``; raises Refusal for what is missing."""
    missing = [
        what
        for what, there in (
            ("its number (车次, Поезд №, Train No)", number),
            ("its day of departure (发车时间, Дата отправления, Departure)", day),
            ("its first station (发站, Станция отправления, Origin)", origin),
        )
        if not there
    ]
    if missing:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The train cannot be named without {' and '.join(missing)}.",
            str(where),
            "Give it above the table. A station that is not known may be written with its ESR code or UN/LOCODE.",
        )
    if not name(number):
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"{number[:40]!r} is no train number.",
            str(where),
            "Give it like X8999 or 1402.",
        )
    return f"{document.company}/{number}/{day}/{origin}"


def note(document: Document, number: str, origin: str | None, year: str) -> str | None:
    """The key of the consignment note, None unless the partner declared the form of its numbers.

    A number is a key only with its form, country and station of departure: the choice ``note.form`` distinguishes SMGS from
    CIM/SMGS.
    """
    form = document.choice("note.form").upper()
    station = places.station(origin)
    if (
        form not in ("SMGS", "CIM", "CIMSMGS")
        or station is None
        or not re.fullmatch(r"[0-9A-Z-]{1,32}", number)
    ):
        return None
    code = station.esr or station.telecode or (station.locode or "")
    return f"{form}/{station.country}/{code}/{number}/{year}" if code else None


def require_visible(document: Document, entry: Entry) -> None:
    """Raise Refusal for a hidden row, unless the partner declared that hidden rows count."""
    if entry.row.hidden and document.choice("hidden") != "read":
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The row is hidden, so it is not clear whether it counts.",
            str(entry.here),
            'Show it or delete it; or declare the choice "hidden" as "read".',
        )


def row_by_row(document: Document, read: Callable[[Entry], Iterator[Record]]) -> Iterator[Record]:
    """The records of each row by itself: all that ``read`` yields, or one Unread where it raises Refusal."""
    for section in document.sections:
        for entry in section.entries():
            try:
                require_visible(document, entry)
                yield from list(read(entry))
            except Refusal as refusal:
                yield unread(entry.here, refusal)


def place(document: Document, entry: Entry, meaning: str) -> str | None:
    """The station of a row, else the one given for the table; an unknown one is remarked and omitted.

    Raises Refusal where a qualifier beside it may change its meaning.
    """
    value = entry.value(meaning)
    found = places.find(value)
    if value is not None and found is None:
        turned = qualifiers.found(quantities.plain(value))
        if turned:
            raise Refusal(
                Reason.INVALID_SCHEMA,
                f"The place {quantities.plain(value)[:40]!r} is not understood: {turned!r} stands in it.",
                str(entry.where(meaning)),
                "Give the place alone; write the rest into the remarks.",
            )
        text = f"The place {quantities.plain(value)[:40]!r} is not known; it was left out."
        entry.remark(meaning, text, "Write it with its ESR code or UN/LOCODE.")
    if value is None:
        given = document.given(meaning, entry.section)
        found = places.find(given[0]) if given is not None else None
    return None if found is None or found.startswith("crossing:") else found


def terminal(document: Document) -> str | None:
    """The terminal that the partner declared for lists that do not name theirs; None where it declared none."""
    chosen = document.choice("terminal")
    return railnet.canonical(chosen) if ":" in chosen else places.find(chosen or None)


def boxes(entry: Entry) -> list[str]:
    """The containers of a row, wrong check digits remarked; raises Refusal where a filled cell names none."""
    found: list[str] = []
    for value in entry.values("container.id"):
        try:
            for box in equipment.boxes(value):
                entry.doubt("container.id", "container", box)
                found.append(box)
        except Refusal as refusal:
            raise refusal.at(str(entry.where("container.id"))) from None
    return list(dict.fromkeys(found))


def wagon(entry: Entry, meaning: str = "wagon.id") -> str | None:
    """The wagon of a row as on the wire, None where blank; raises Refusal where the cell holds no wagon number."""
    value = entry.value(meaning)
    if value is None:
        return None
    try:
        found = equipment.wagon_of(value)
    except Refusal as refusal:
        raise refusal.at(str(entry.where(meaning))) from None
    entry.doubt(meaning, "wagon", found)
    return found


def seals(entry: Entry, meaning: str = "seal.number") -> list[str]:
    """The seals of a row; raises Refusal for text among them that is no seal."""
    found: list[str] = []
    for value in entry.values(meaning):
        good, bad = equipment.seals(value)
        found += good
        if bad:
            raise Refusal(
                Reason.INVALID_SCHEMA,
                f"In {quantities.plain(value)[:60]!r}, {' '.join(bad)[:40]!r} is no seal.",
                str(entry.where(meaning)),
                "Give the numbers of the seals alone; write the rest into the remarks.",
            )
    return list(dict.fromkeys(found))


def require_time(document: Document, moment: Moment, where: Position, what: str) -> Moment:
    """``moment`` as the time of a fact: a day alone is refused, unless the partner declared ``day.alone``."""
    if moment.timed or document.choice("day.alone") == "start":
        return moment
    raise Refusal(
        Reason.INVALID_TIME,
        f"{moment.written!r} is a day, and {what} needs the time of day.",
        str(where),
        'Write the time too, such as 2026-03-01 08:30; or declare the choice "day.alone" as "start".',
    )


def is_future(created: str, moment: Moment) -> bool:
    """Whether ``moment`` is later than the making of the list, so that it is a plan."""
    return parse_micros(moment.instant) > parse_micros(created)


def require_past(created: str, moment: Moment, where: Position, what: str) -> Moment:
    """``moment`` as the time of a fact; raises Refusal where it is later than the making of the list."""
    if is_future(created, moment):
        raise Refusal(
            Reason.INVALID_TIME,
            f"{moment.written!r} lies after the making of the list ({created}), so {what} had not happened yet.",
            str(where),
            "Send the list once it has happened, or correct one of the two times.",
        )
    return moment


def time_fields(moment: Moment, classifier: str = "ACT") -> dict[str, Any]:
    """The time fields of a milestone, with the text that was read."""
    return {"classifier": classifier, "happened": moment.instant, "happened_as_written": written(moment)}


def written(moment: Moment) -> str:
    """What was written, in at most 40 characters of one line."""
    return without_hidden(moment.written)[:40].strip()


def remark(*parts: str) -> str:
    """A remark of the wire from its filled parts, on one line and cut to its length."""
    text = without_hidden("; ".join(part for part in parts if part)).strip()
    return text[:_LONGEST_REMARK].strip()


def withdrawn(entry: Entry, *meanings: str) -> bool:
    """Whether the remarks of a line withdraw it; raises Refusal where that is ambiguous."""
    for meaning in meanings or ("remarks",):
        try:
            if qualifiers.taken_back(entry.joined(meaning)):
                return True
        except Refusal as refusal:
            raise refusal.at(str(entry.where(meaning))) from None
    return False


def mass(entry: Entry, meaning: str) -> int | None:
    """The mass of a row in whole kilograms, None where blank; raises Refusal where the cell holds no one mass."""
    value = entry.value(meaning)
    if value is None:
        return None
    found = None
    if not isinstance(value, Flaw):
        found = quantities.kilograms(value, entry.section.units.get(meaning, ""))
    if found is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"{quantities.plain(value)[:40]!r} is no one mass.",
            str(entry.where(meaning)),
            "Give one number, with kg or t where the header does not name it; write the rest into the remarks.",
        )
    return found if found <= MOST_KILOGRAMS else None


def count(entry: Entry, meaning: str) -> int | None:
    """The count of a row, None where blank; raises Refusal where the cell holds no one whole number."""
    value = entry.value(meaning)
    if value is None:
        return None
    found = None if isinstance(value, Flaw) else quantities.whole(value)
    if found is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"{quantities.plain(value)[:40]!r} is no count.",
            str(entry.where(meaning)),
            "Give one whole number; write the rest into the remarks.",
        )
    return found


def damage(
    document: Document, entry: Entry, meaning: str, words: str, *, of_box: bool = False
) -> dict[str, str]:
    """Severity and object of ``movement.damaged``; lists state no severity, so it is a choice, remarked at ``meaning``."""
    severity = document.choice("damage.severity", "MINOR").upper()
    entry.remark(
        meaning,
        f"The list does not tell how severe the damage is; it was taken as {severity}.",
        'Declare the choice "damage.severity", or publish the survey.',
    )
    about_container = of_box or qualifiers.of_container(words)
    return {"severity": severity, "concerns": "CONTAINER" if about_container else "CARGO"}


def name(text: str) -> bool:
    """Whether ``text`` is valid as a part of a composite id."""
    return _NAME.fullmatch(text) is not None and not fault(text)


def objects(kind: str, ids: Iterable[str]) -> list[dict[str, str]]:
    """References to objects of one kind."""
    return [{"kind": kind, "id": id} for id in ids]


def train_events(
    document: Document,
    where: Position,
    key: str,
    created: str,
    number: str,
    departs: Moment | None,
    departs_at: Position,
    origin: str | None,
    wagons: list[str],
    boxes: list[str],
    since: str,
    *,
    unread_rows: int = 0,
    note: str = "",
) -> Iterator[Record]:
    """The wagons of a train as a link, and its departure; where the train cannot be named, the departure of its boxes."""
    remarks = []
    if unread_rows:
        text = f"{unread_rows} rows could not be read; the wagons are those of the others."
        remarks.append(Remark(where, text, "Mend the rows and send the list again."))
    try:
        named = train(document, number, departs.day if departs else "", origin, where)
    except Refusal as refusal:
        yield unread(where, refusal)
        named = None
    if named is not None:
        for part, some in enumerate(parts(wagons), start=1):
            link = {
                "from": since,
                "place": origin,
                "train": named,
                "wagons": some,
                "remark": remark(note),
            }
            about = "" if part == 1 else str(part)
            yield draft(
                document, where, key, created, "link.train_composed", link, about=about, remarks=remarks
            )
    if departs is None:
        return
    if origin is None:
        return
    try:
        left = require_time(document, departs, departs_at, "a departure")
    except Refusal as refusal:
        yield unread(departs_at, refusal)
        return
    ahead = is_future(created, left)
    early = [Remark(departs_at, "The list was made before the train left; the departure is said as planned.")]
    about_it = objects("train", [named]) if named is not None else objects("container", boxes)
    for part, some in enumerate(parts(about_it), start=1):
        data = {
            **time_fields(left, "PLN" if ahead else "ACT"),
            "place": origin,
            "objects": some,
            "remark": remark(note),
        }
        about = "/".join(
            each for each in ("planned" if ahead else "", "" if part == 1 else str(part)) if each
        )
        remarks = early if ahead else []
        yield draft(
            document, departs_at, key, created, "movement.departed", data, about=about, remarks=remarks
        )


def parts(items: list[Any]) -> Iterator[list[Any]]:
    """``items`` in chunks of at most as many objects as one event may name."""
    for start in range(0, len(items), MOST_OBJECTS):
        yield items[start : start + MOST_OBJECTS]
