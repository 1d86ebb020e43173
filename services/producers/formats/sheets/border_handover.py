"""Hand-over lists of a border (货物交接单, передаточная ведомость): what one railway delivered and the other received.

Both railways sign the same list; each partner publishes its own side, identified by whose station it is. The hand-over needs
its complete set of containers, which is compared with the other side's: where a row cannot be read, or the list's own total
differs, the set is withheld. The list's time is its date of making, else the latest time in it: transfers to the other gauge
continue after the hand-over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas import railnet
from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import format_micros, parse_micros
from services.producers.formats.model import PassedOver, Position, Record, Remark
from services.producers.formats.sheets import event_builder, places, qualifiers, totals
from services.producers.formats.sheets.document import CREATED, Document, Kind, unread
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.quantities import plain
from services.producers.formats.sheets.section import Entry, Section

MEANINGS: Final = frozenset(
    {
        "sequenceNumber", "listNumber", "consignmentNoteNumber", "wagon.id", "wagon.typeAndId", "wagon.id1520",
        "container.id", "container.isoCode", "container.type", "place.origin", "place.destination",
        "place.handoverFrom", "place.handoverTo", "goods.description", "goods.packages", "goods.grossMass",
        "seal.number", "seal.new", "actNumber", "event.handoverDate", "event.transshippedAt",
        "train.operationalNumber", "train.index", "remarks", CREATED,
    }
)  # fmt: skip
_LIST_NUMBER: Final = re.compile(
    r"(?:№|No\.?|编号|单号)\s*[:：]?\s*([0-9A-Za-zА-Яа-я][0-9A-Za-zА-Яа-я/_-]{1,30})"
)


def _likeness(section: Section) -> int:
    if not section.has("container.id") or section.has("bookingReference") or section.has("container.count"):
        return 0
    named = section.mentions("交接单", "передаточн", "handover list", "hand-over list")
    stations = all(section.gives(m) or section.has(m) for m in ("place.handoverFrom", "place.handoverTo"))
    if not (named or stations):
        return 0
    extra = sum(
        section.has(m) for m in ("wagon.id", "wagon.id1520", "seal.new", "actNumber", "event.transshippedAt")
    )
    return 35 + 30 * named + 20 * stations + 5 * extra


def _records(document: Document) -> Iterator[Record]:
    for section in document.sections:
        if not section.table.rows:
            continue
        where = Position(section.table.sheet.name, section.table.header_row)
        try:
            yield from _of_section(document, section, where)
        except Refusal as refusal:
            yield unread(where, refusal)


def _of_section(document: Document, section: Section, where: Position) -> Iterator[Record]:
    border = _border(document, section, where)
    signed, at = _signed(document, section, where)
    number = _list_number(document, section)
    boxes: list[Box] = []
    failed = 0
    for entry in section.entries():
        try:
            event_builder.require_visible(document, entry)
            if event_builder.withdrawn(entry):
                yield PassedOver(entry.here, "a cancelled line")
                continue
            rows = _of_row(document, entry)
        except Refusal as refusal:
            failed += 1
            yield unread(entry.here, refusal)
            continue
        known = {box.number for box in boxes}
        for row in rows:
            if row.number in known:
                yield PassedOver(entry.here, f"container {row.number} stands above")
            else:
                boxes.append(row)
        if not rows:
            yield PassedOver(entry.here, "a row without a container")
    created = document.created(signed, *(box.moved for box in boxes), among=section)
    event_builder.require_past(created, signed, at, "the hand-over")
    key = number or f"{border.crossing.id}/{signed.instant}"
    clock = _other_clock(document, signed, at) if any(box.moved for box in boxes) else ()
    yield _handed_over(document, section, border, signed, at, number, key, created, boxes, failed, clock)
    for box in boxes:
        try:
            yield from list(of_box(document, border, signed, key, created, box))
        except Refusal as refusal:
            yield unread(box.entry.here, refusal)
    yield from links(document, border, signed, key, created, boxes)


def _border(document: Document, section: Section, where: Position) -> Border:
    found = [_station(document, section, meaning) for meaning in ("place.handoverFrom", "place.handoverTo")]
    crossing = places.crossing_between(found[0], found[1])
    if crossing is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The list does not name the two stations of a border that is known.",
            str(where),
            "Give the delivering and the receiving station above the table (交付站, 接收站; Станция передающая, "
            "принимающая), by name or ESR code.",
        )
    gives, takes = crossing.a, crossing.b
    delivering = places.station(found[0])
    if delivering is None or gives.station != delivering.id:
        gives, takes = takes, gives
    side = document.choice("side").upper()
    if side not in ("DELIVERING", "RECEIVING"):
        ours = {document.company, document.settings.party}
        side = (
            "DELIVERING" if ours & set(gives.managers) else "RECEIVING" if ours & set(takes.managers) else ""
        )
    if not side:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"Neither side of {crossing.id} is {document.settings.party}, so it is not clear which side speaks.",
            str(where),
            'Declare the partner\'s company, or the choice "side" as DELIVERING or RECEIVING.',
        )
    other = takes if side == "DELIVERING" else gives
    counterparty = document.choice("counterparty") or other.managers[0]
    return Border(crossing, side, counterparty, f"railnet:{takes.station}", gives.gauge, takes.gauge)


def _station(document: Document, section: Section, meaning: str) -> str | None:
    given = document.given(meaning, section)
    if given is not None:
        return places.find(given[0])
    found = {places.find(value) for value in section.sample(meaning)}
    return found.pop() if len(found) == 1 else None


def _signed(document: Document, section: Section, where: Position) -> tuple[Moment, Position]:
    meaning = "event.handoverDate"
    given = document.given(meaning, section)
    found, at = (
        (None, where)
        if given is None
        else (document.moment(given.value, meaning, given.where, given.stated), given[1])
    )
    if found is None:
        values = section.sample(meaning)
        if values and len({plain(value) for value in values}) == 1:
            found = document.moment(values[0], meaning, where, section.stated(meaning))
    if found is None:
        raise Refusal(
            Reason.INVALID_TIME,
            "The list does not say when it was handed over.",
            str(where),
            "Give 交接时间, Дата передачи or Hand-over time above the table.",
        )
    return event_builder.require_time(document, found, at, "a hand-over"), at


def _list_number(document: Document, section: Section) -> str:
    given = document.given("listNumber", section)
    text = plain(given[0]) if given is not None else ""
    if text:
        return event_builder.remark(text)[:64].strip()
    for line in section.table.lines:
        if "交接单" in line.text or "ередаточн" in line.text.casefold():
            found = _LIST_NUMBER.search(plain(line.text))
            if found:
                return found[1]
    return ""


def _of_row(document: Document, entry: Entry) -> list[Box]:
    named = event_builder.boxes(entry)
    meaning = "wagon.id" if entry.section.has("wagon.id") else "wagon.typeAndId"
    old, new = event_builder.wagon(entry, meaning), event_builder.wagon(entry, "wagon.id1520")
    moved = document.moment_of(entry, "event.transshippedAt")
    if moved is not None:
        moved = event_builder.require_time(document, moved, entry.where("event.transshippedAt"), "a transfer")
    return [Box(box, entry, old, new, moved) for box in named]


def _handed_over(
    document: Document,
    section: Section,
    border: Border,
    signed: Moment,
    at: Position,
    number: str,
    key: str,
    created: str,
    boxes: list[Box],
    failed: int,
    clock: tuple[Remark, ...],
) -> Record:
    stated = totals.stated_boxes(section)
    why = ""
    if failed:
        why = f"{failed} rows could not be read"
    elif stated is not None and stated != len(boxes):
        why = f"its total tells {stated} containers and its rows name {len(boxes)}"
    elif not 0 < len(boxes) <= event_builder.MOST_OBJECTS:
        why = f"it names {len(boxes)} containers, and a hand-over has 1 to {event_builder.MOST_OBJECTS}"
    if why:
        return unread(
            at,
            Refusal(
                Reason.INVALID_SCHEMA,
                f"The hand-over is withheld: {why}, and both sides' sets are compared.",
                str(at),
                "Mend the list and send it again.",
            ),
        )
    given = document.given("train.operationalNumber", section)
    trains = plain(given[0]) if given is not None else ""
    data = {
        **event_builder.time_fields(signed),
        "place": border.crossing.place,
        "occurrence": number,
        "objects": event_builder.objects("container", [box.number for box in boxes]),
        "side": border.side,
        "counterparty": border.counterparty,
        "list_number": number,
        "remark": event_builder.remark(f"trains {trains}" if trains else ""),
    }
    return event_builder.draft(document, at, key, created, "movement.handed_over", data, remarks=clock)


def _other_clock(document: Document, signed: Moment, at: Position) -> tuple[Remark, ...]:
    """A remark where the list writes its own time on another clock than the one declared for the times of its rows."""
    zone = document.zone("event.transshippedAt")
    declared = signed.local.replace(tzinfo=zone).utcoffset()
    if declared == datetime.fromisoformat(signed.instant.replace("Z", "+00:00")).utcoffset():
        return ()
    return (
        Remark(
            at,
            f"The list gives its own time as {signed.instant}; the times of its rows were taken as {zone.key}.",
            f"If they are on the list's clock too, declare it for {document.kind.name} in zones.",
        ),
    )


KIND: Final = Kind(
    "border_handover",
    "border hand-over list (货物交接单, передаточная ведомость)",
    MEANINGS,
    _likeness,
    _records,
    whole=True,
    facts=True,
)


_BY_CUSTOMS: Final = re.compile(r"海关|查验|досмотр|таможен|customs|inspect", re.IGNORECASE)
_BROKEN: Final = re.compile(
    r"破封|封.{0,3}(破|断)|сорван|поврежд.{0,12}пломб|пломб.{0,12}(поврежд|наруш)|broken", re.IGNORECASE
)
_MISSING: Final = re.compile(
    r"无封|缺封|封.{0,3}(丢|失|缺)|отсутств.{0,12}пломб|пломб.{0,12}отсутств|missing", re.IGNORECASE
)

_SEAL_GONE: Final = re.compile(r"无封|缺封|отсутств\w*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Border:
    """Where the list was signed, by whom, and which side the partner is."""

    crossing: railnet.Crossing
    side: str  # DELIVERING or RECEIVING
    counterparty: str
    receiving: str  # the receiving station as a place
    gauge_from: int
    gauge_to: int


@dataclass(slots=True)
class Box:
    """One container of the list with the content of its row."""

    number: str
    entry: Entry
    old: str | None
    new: str | None
    moved: Moment | None


def of_box(
    document: Document, border: Border, signed: Moment, key: str, created: str, box: Box
) -> Iterator[Record]:
    """The transfer of one box to the other gauge, its new seal and its damage."""
    entry = box.entry
    about = {"objects": event_builder.objects("container", [box.number]), "place": border.receiving}
    noted = entry.remarks
    if box.moved is not None:
        event_builder.require_past(created, box.moved, entry.where("event.transshippedAt"), "the transfer")
    if box.moved is not None and border.gauge_from != border.gauge_to:
        data = {
            **about,
            **event_builder.time_fields(box.moved),
            "gauge_from": border.gauge_from,
            "gauge_to": border.gauge_to,
        }
        yield event_builder.draft(
            document, entry.where("event.transshippedAt"), key, created, "movement.transshipped", data,
            about=box.number, remarks=noted,
        )  # fmt: skip
    act, words = entry.joined("actNumber"), entry.joined("remarks")
    remark = event_builder.remark(f"act {act}" if act else "")
    when = event_builder.time_fields(signed)
    fresh = event_builder.seals(entry, "seal.new")
    if fresh:
        where = entry.where("seal.new")
        cause = _cause(words)
        on = _sealed_again(signed, box, created)
        if cause and on is not None:
            data = {**about, **when, "seals": event_builder.seals(entry), "cause": cause, "remark": remark}
            yield event_builder.draft(
                document, where, key, created, "movement.seal_broken", data, about=box.number
            )
        data = {**about, **(on or when), "seals": fresh, "remark": remark}
        yield event_builder.draft(document, where, key, created, "movement.resealed", data, about=box.number)
    if act and qualifiers.damage(_BROKEN.sub("", words)):
        data = {
            **about,
            **when,
            **event_builder.damage(document, entry, "actNumber", words),
            "remark": remark,
        }
        yield event_builder.draft(
            document, entry.where("actNumber"), key, created, "movement.damaged", data,
            about=box.number, remarks=entry.remarks[-1:],
        )  # fmt: skip
    elif act and not fresh:
        yield unread(
            entry.where("actNumber"),
            Refusal(
                Reason.INVALID_SCHEMA,
                f"Act {act[:30]} is named, and the remark does not tell damage or a new seal.",
                str(entry.where("actNumber")),
                "Write what the act is about into the remarks of the row, or publish it as an event of its own.",
            ),
        )


def _sealed_again(signed: Moment, box: Box, created: str) -> dict[str, Any] | None:
    """When the new seal was on at the latest: at the transfer, else at the making of the list; None where not after.

    The old seal was off by the hand-over. Told at one instant, neither would be known to come after the other, and the
    broken seal might stay open for ever.
    """
    if box.moved is not None and event_builder.is_future(signed.instant, box.moved):
        return event_builder.time_fields(box.moved)
    if parse_micros(created) > parse_micros(signed.instant):
        return {"classifier": "ACT", "happened": created}
    return None


def _cause(words: str) -> str:
    """Why the old seal went, "" where the remark does not say; raises Refusal where it may deny what it names."""
    if any(pattern.search(words) for pattern in (_MISSING, _BROKEN, _BY_CUSTOMS)):
        qualifiers.require_plain(_SEAL_GONE.sub(" ", words))
    if _MISSING.search(words):
        return "FOUND_MISSING"
    if _BROKEN.search(words):
        return "FOUND_BROKEN"
    return "OPENED_BY_CUSTOMS" if _BY_CUSTOMS.search(words) else ""


def links(
    document: Document, border: Border, signed: Moment, key: str, created: str, boxes: list[Box]
) -> Iterator[Record]:
    """Which wagon carried a box at the hand-over and, where it changed wagons, until when; and which one from then on."""
    carried: dict[tuple[str, str, str], list[Box]] = {}
    for box in boxes:
        if box.old is not None:
            until = box.moved.instant if box.moved is not None and box.new is not None else ""
            carried.setdefault((box.old, signed.instant, until), []).append(box)
        if box.new is not None and (box.moved is not None or box.old is None):
            since = box.moved.instant if box.moved is not None else signed.instant
            carried.setdefault((box.new, since, ""), []).append(box)
        elif box.new is not None:
            where = box.entry.where("wagon.id1520")
            refusal = Refusal(
                Reason.INVALID_TIME,
                f"The list does not tell when {box.number} was put on {box.new}.",
                str(where),
                "Give 换装时间 or Время перегруза in the row.",
            )
            yield unread(where, refusal)
    for (wagon, since, until), some in carried.items():
        first = some[0].entry
        link: dict[str, Any] = {
            "from": since,
            "to": until,
            "place": border.receiving if since != signed.instant or wagon == some[0].new else None,
            "wagon": wagon,
            "containers": [box.number for box in some],
            "remark": event_builder.remark(*(_documents(box) for box in some)),
        }
        if until and until < since:
            link["to"] = ""
        about = "/".join([wagon, *(format_micros(parse_micros(each)) for each in (since, until) if each)])
        yield event_builder.draft(document, first.here, key, created, "link.wagon_loaded", link, about=about)


def _documents(box: Box) -> str:
    note, seals = box.entry.joined("consignmentNoteNumber"), " ".join(event_builder.seals(box.entry))
    words = " ".join(
        part for part in (f"note {note}" if note else "", f"seals {seals}" if seals else "") if part
    )
    return f"{box.number} {words}" if words else ""
