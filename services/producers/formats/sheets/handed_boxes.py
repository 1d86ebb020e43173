"""What a hand-over list says of each box: its wagons before and after, its transfer, its new seal and its damage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from schemas import railnet
from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import format_micros, parse_micros
from services.producers.formats.model import Record
from services.producers.formats.sheets import damage, event_builder
from services.producers.formats.sheets.document import Document
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.records import unread
from services.producers.formats.sheets.section import Entry

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
    """One container of the list and what its row says of it."""

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
    kept = entry.remarks
    if box.moved is not None:
        event_builder.fact(created, box.moved, entry.where("event.transshippedAt"), "the transfer")
    if box.moved is not None and border.gauge_from != border.gauge_to:
        data = {
            **about,
            **event_builder.happening(box.moved),
            "gauge_from": border.gauge_from,
            "gauge_to": border.gauge_to,
        }
        yield event_builder.said(
            document, entry.where("event.transshippedAt"), key, created, "movement.transshipped", data,
            about=box.number, remarks=kept,
        )  # fmt: skip
    act, words = entry.joined("actNumber"), entry.joined("remarks")
    remark = event_builder.remark(f"act {act}" if act else "")
    when = event_builder.happening(signed)
    fresh = event_builder.seals(entry, "seal.new")
    if fresh:
        where = entry.where("seal.new")
        cause = _cause(words)
        on = _sealed_again(signed, box, created)
        if cause and on is not None:
            data = {**about, **when, "seals": event_builder.seals(entry), "cause": cause, "remark": remark}
            yield event_builder.said(
                document, where, key, created, "movement.seal_broken", data, about=box.number
            )
        data = {**about, **(on or when), "seals": fresh, "remark": remark}
        yield event_builder.said(document, where, key, created, "movement.resealed", data, about=box.number)
    if act and damage.told(_BROKEN.sub("", words)):
        data = {**about, **when, **damage.fields(document, entry, "actNumber", words), "remark": remark}
        yield event_builder.said(
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
    if box.moved is not None and event_builder.told_ahead(signed.instant, box.moved):
        return event_builder.happening(box.moved)
    if parse_micros(created) > parse_micros(signed.instant):
        return {"classifier": "ACT", "happened": created}
    return None


def _cause(words: str) -> str:
    """Why the old seal went, "" where the remark does not say; raises Refusal where it may deny what it names."""
    if any(pattern.search(words) for pattern in (_MISSING, _BROKEN, _BY_CUSTOMS)):
        damage.require_plain(_SEAL_GONE.sub(" ", words))
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
            "remark": event_builder.remark(*(_papers(box) for box in some)),
        }
        if until and until < since:
            link["to"] = ""
        about = "/".join([wagon, *(format_micros(parse_micros(each)) for each in (since, until) if each)])
        yield event_builder.said(document, first.here, key, created, "link.wagon_loaded", link, about=about)


def _papers(box: Box) -> str:
    note, seals = box.entry.joined("consignmentNoteNumber"), " ".join(event_builder.seals(box.entry))
    words = " ".join(
        part for part in (f"note {note}" if note else "", f"seals {seals}" if seals else "") if part
    )
    return f"{box.number} {words}" if words else ""
