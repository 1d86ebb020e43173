"""Gate lists of terminals (进出场清单, приём/выдача, EIR): containers gated in or out, full or empty.

Full in is the terminal of origin, full out the terminal of destination; empty out and empty in begin and end a box's
journey. Plates and drivers are personal data: they are recognised and left where they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import format_micros, parse_micros
from services.producers.formats.model import PassedOver, Record
from services.producers.formats.sheets import event_builder, qualifiers
from services.producers.formats.sheets.document import CREATED, Document, Kind, unread
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.quantities import plain
from services.producers.formats.sheets.section import Entry, Section

MEANINGS: Final = frozenset(
    {
        "sequenceNumber", "container.id", "container.type", "container.isoCode", "container.loadState",
        "container.owner", "container.grossMass", "container.tare", "container.condition", "container.position",
        "seal.number", "gate.truckPlate", "gate.secondEntry", "event.gateInDate", "event.gateInTime",
        "event.gateOutDate", "place.terminal", "remarks", CREATED,
    }
)  # fmt: skip
_MOVES: Final = (("event.gateInDate", "event.gateInTime", "in"), ("event.gateOutDate", "", "out"))
_SAYS: Final[Mapping[tuple[str, bool], str]] = {
    ("in", True): "gated_in",
    ("in", False): "empty_returned",
    ("out", True): "gated_out",
    ("out", False): "empty_released",
}
_FULL: Final = re.compile(r"^(重箱?|满|f|full|laden|loaded|гр\.?|груж\w*\.?)$", re.IGNORECASE)
_EMPTY: Final = re.compile(r"^(空箱?|e|mt|empty|пор\.?|порожн\w*\.?)$", re.IGNORECASE)
_YES: Final = re.compile(r"^(да|yes|y|是|1|\+|x|v|√)$", re.IGNORECASE)
_NO: Final = re.compile(r"^(нет|no|n|否|0|-)$", re.IGNORECASE)


def _likeness(section: Section) -> int:
    timed = section.has("event.gateInDate") or section.has("event.gateOutDate")
    if not (section.has("container.id") and timed):
        return 0
    if any(section.has(m) for m in ("wagon.id", "wagon.typeAndId", "bookingReference", "event.operation")):
        return 0
    named = section.mentions(
        "进出场",
        "进场",
        "出场",
        "闸口",
        "设备交接",
        "приём",
        "прием",
        "выдач",
        "кпп",
        "gate",
        "eir",
        "interchange",
    )
    ours = sum(
        section.has(meaning)
        for meaning in ("container.loadState", "event.gateOutDate", "container.condition", "gate.truckPlate")
    )
    return 55 + 25 * named + 5 * ours


def _records(document: Document) -> Iterator[Record]:
    created = document.created(*_times(document))
    return event_builder.row_by_row(document, lambda entry: _of_row(document, entry, created))


def _times(document: Document) -> Iterator[Moment]:
    for section in document.sections:
        for entry in section.entries():
            for meaning, clock, _ in _MOVES:
                try:
                    moment = document.moment_of(entry, meaning, clock)
                except Refusal:
                    continue  # the row says it again, with its place
                if moment is not None:
                    yield moment


def _of_row(document: Document, entry: Entry, created: str) -> Iterator[Record]:
    boxes = event_builder.boxes(entry)
    if not boxes:
        yield PassedOver(entry.here, "a row without a container")
        return
    if event_builder.withdrawn(entry):
        yield PassedOver(entry.here, "a cancelled line")
        return
    full = _full(document, entry)
    place = _place(document, entry)
    moved = False
    for meaning, clock, way in _MOVES:
        try:
            moment = document.moment_of(entry, meaning, clock)
            if moment is None:
                continue
            moved = True
            where = entry.where(meaning)
            moment = event_builder.require_past(
                created, event_builder.require_time(document, moment, where, "a gate move"), where, "it"
            )
            records: list[Record] = [
                _moved(document, entry, boxes, _SAYS[way, full], moment, place, created, meaning)
            ]
            records += _damaged(document, entry, boxes, way, moment, place, created)
            yield from records
        except Refusal as refusal:
            moved = True
            yield unread(entry.where(meaning), refusal)
    if not moved:
        yield PassedOver(entry.here, "a box that neither came in nor went out yet")


def _full(document: Document, entry: Entry) -> bool:
    """Whether the box was full: by its column, else by its seals, else as declared; raises Refusal for doubt."""
    text = entry.text("container.loadState")
    if text:
        columns = entry.section.columns.get("container.loadState", ())
        of_emptiness = any("порожн" in column.label.casefold() for column in columns)
        if _FULL.match(text) or (of_emptiness and _NO.match(text)):
            return True
        if _EMPTY.match(text) or (of_emptiness and _YES.match(text)):
            return False
    elif entry.values("seal.number"):
        entry.remark("seal.number", "The box has a seal, so it was taken as full.")
        return True
    elif document.choice("load") in ("full", "empty"):
        return document.choice("load") == "full"
    raise Refusal(
        Reason.INVALID_SCHEMA,
        f"It is not clear whether the box was full{f': {text[:20]!r}' if text else ''}.",
        str(entry.where("container.loadState")),
        'Give 空/重, гр/пор or F/E in a column; or declare the choice "load" as full or empty.',
    )


def _place(document: Document, entry: Entry) -> str:
    found = event_builder.place(document, entry, "place.terminal") or event_builder.terminal(document)
    if found is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The list does not say which terminal it is of.",
            str(entry.here),
            'Give 场站, Терминал or Terminal above the table, or declare the choice "terminal" once.',
        )
    return found


def _moved(
    document: Document,
    entry: Entry,
    boxes: list[str],
    what: str,
    moment: Moment,
    place: str,
    created: str,
    meaning: str,
) -> Record:
    one = len(boxes) == 1
    data: dict[str, Any] = {
        **event_builder.time_fields(moment),
        "place": place,
        "objects": event_builder.objects("container", boxes),
        "seals": event_builder.seals(entry) if one and what in ("gated_in", "gated_out") else [],
        "gross_weight_kg": event_builder.mass(entry, "container.grossMass")
        if one and what == "gated_in"
        else None,
        "remark": event_builder.remark(entry.joined("gate.secondEntry")),
    }
    return event_builder.draft(
        document, entry.where(meaning), "+".join(boxes), created, f"movement.{what}", data,
        about=format_micros(parse_micros(moment.instant)), remarks=entry.remarks,
    )  # fmt: skip


def _damaged(
    document: Document, entry: Entry, boxes: list[str], way: str, moment: Moment, place: str, created: str
) -> Iterator[Record]:
    words = entry.joined("container.condition")
    if not words or not qualifiers.damage(words):
        if (
            words
            and not qualifiers.unharmed(words)
            and not re.fullmatch(r"(好|良好|ok|good|исправ\w*)", words, re.IGNORECASE)
        ):
            entry.remark(
                "container.condition", f"The condition {words[:40]!r} is not known; it was left out."
            )
        return
    data = {
        **event_builder.time_fields(moment),
        "place": place,
        "objects": event_builder.objects("container", boxes),
        **event_builder.damage(document, entry, "container.condition", words, of_box=True),
        "remark": event_builder.remark(plain(words)),
    }
    yield event_builder.draft(
        document, entry.where("container.condition"), "+".join(boxes), created, "movement.damaged", data,
        about=f"{way}/{format_micros(parse_micros(moment.instant))}", remarks=entry.remarks[-1:],
    )  # fmt: skip


KIND: Final = Kind(
    "gate_list", "gate list of a terminal (进出场清单)", MEANINGS, _likeness, _records, facts=True
)
