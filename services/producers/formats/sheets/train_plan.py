"""Train plans (班列计划, 班期表): slots on numbered services, one row per train; all of it planned.

The plan's time is its date of making or publishing; a plan without one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import Record
from services.producers.formats.sheets import equipment, event_builder, labels
from services.producers.formats.sheets.document import CREATED, Document, Kind, unread
from services.producers.formats.sheets.section import Entry, Section

MEANINGS: Final = frozenset(
    {
        "sequenceNumber", "train.serviceCode", "train.operationalNumber", "train.plannedDeparture",
        "train.plannedArrival", "train.actualDeparture", "train.status", "train.type", "train.direction",
        "train.line", "train.slots", "train.teu", "train.transitTime", "train.count", "train.cancelReason",
        "train.capacityAccepted", "place.origin", "place.destination", "place.border", "wagon.count",
        "container.count", "remarks", CREATED,
    }
)  # fmt: skip
_STATUS: Final = {
    "cancelled": "3 取消 已取消 停运 停开 停发 canceled cancelled отменен отменён отмена",
    "started": "1 2 4 已发 已发车 已开 已开行 已到 已到达 started departed arrived отправлен отправлена прибыл прибыла",
    "waiting": "0 计划 计划中 未发 未发车 待发 待发车 planned план планируется",
}
"""Status words and the codes of one operator's system; a cell is one of them as a whole."""
_STANDING: Final = {labels.fold(word): name for name, words in _STATUS.items() for word in words.split()}


def _likeness(section: Section) -> int:
    if not section.has("train.plannedDeparture") or section.has("bookingReference"):
        return 0
    if not (section.has("train.serviceCode") or section.has("train.operationalNumber")):
        return 0
    if section.has("wagon.id") or section.has("container.id"):
        return 0
    extra = sum(
        section.has(meaning)
        for meaning in (
            "place.origin",
            "place.destination",
            "train.plannedArrival",
            "train.slots",
            "train.status",
        )
    )
    named = section.mentions(
        "班列计划", "班期", "开行计划", "train plan", "schedule", "план отправ", "график"
    )
    return 45 + 6 * extra + (25 if named else 0)


def _records(document: Document) -> Iterator[Record]:
    created = document.created()
    yield from event_builder.row_by_row(document, lambda entry: _of_train(document, entry, created))


def _of_train(document: Document, entry: Entry, created: str) -> Iterator[Record]:
    number = _number(document, entry)
    leaves = document.moment_of(entry, "train.plannedDeparture")
    left = document.moment_of(entry, "train.actualDeparture")
    origin = event_builder.place(document, entry, "place.origin")
    destination = event_builder.place(document, entry, "place.destination")
    day = leaves.day if leaves else left.day if left else ""
    named = event_builder.train(document, number, day, origin, entry.here)
    key = f"{number}/{day}"
    about = {"objects": event_builder.objects("train", [named])}
    status = _status(entry)
    if status == "cancelled" or event_builder.withdrawn(entry):
        data = {**about, "classifier": "ACT", "happened": created, "place": origin, "reason": "OTHER"}
        yield event_builder.draft(
            document, entry.here, key, created, "movement.train_cancelled", data, remarks=entry.remarks
        )
        return
    if leaves is not None:
        data = {**about, **event_builder.time_fields(leaves, "PLN"), "place": origin}
        yield event_builder.draft(
            document,
            entry.here,
            key,
            created,
            "movement.departed",
            data,
            about="planned",
            remarks=entry.remarks,
        )
    arrives = document.moment_of(entry, "train.plannedArrival")
    if arrives is not None and destination is not None:
        data = {**about, **event_builder.time_fields(arrives, "PLN"), "place": destination}
        yield event_builder.draft(
            document, entry.here, key, created, "movement.arrived_at_destination", data, about="planned"
        )
    if left is not None:
        where = entry.where("train.actualDeparture")
        try:
            left = event_builder.require_past(
                created,
                event_builder.require_time(document, left, where, "a departure"),
                where,
                "the departure",
            )
            data = {**about, **event_builder.time_fields(left), "place": origin}
            yield event_builder.draft(document, entry.here, key, created, "movement.departed", data)
        except Refusal as refusal:
            yield unread(where, refusal)
    elif status == "started":
        entry.remark(
            "train.status", "The train has left, and no time of departure is given; only the plan was read."
        )


def _status(entry: Entry) -> str:
    """cancelled, started, waiting or "" where blank; raises Refusal for a status that is not known."""
    text = entry.text("train.status")
    known = _STANDING.get(labels.fold_cell(text), "")
    if text and not known:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The status {text[:40]!r} is not known.",
            str(entry.where("train.status")),
            "Give 0 (planned), 1 (started), 2 (arrived) or 3 (cancelled), or 计划, 已发, 已到, 取消.",
        )
    return known


def _number(document: Document, entry: Entry) -> str:
    """The operational number, else the operator's own code of the service; the choice train.number says otherwise."""
    order = ["train.operationalNumber", "train.serviceCode"]
    if document.choice("train.number") == "train.serviceCode":
        order.reverse()
    for meaning in order:
        text = entry.text(meaning)
        if text:
            if meaning != "train.operationalNumber":
                return text
            try:
                found = equipment.train_numbers(text)
            except Refusal as refusal:
                raise refusal.at(str(entry.where(meaning))) from None
            return found[0] if len(found) == 1 else text
    return ""


KIND: Final = Kind("train_plan", "train plan (班列计划)", MEANINGS, _likeness, _records)
