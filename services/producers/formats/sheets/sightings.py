"""What one line of a tracking list says of a box or wagon: one event at a place and time, or why it makes none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas import railnet
from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import format_micros, parse_micros
from services.producers.formats.model import PassedOver, Record, Where
from services.producers.formats.sheets import event_builder, operations, places
from services.producers.formats.sheets.document import Document
from services.producers.formats.sheets.moments import Moment
from services.producers.formats.sheets.section import Entry

_NEEDED: Mapping[str, dict[str, Any]] = {"train_held": {"reason": "OTHER"}}


@dataclass(frozen=True, slots=True)
class Sighted:
    """Whom a line is about, in the order of objects: ``key`` names it in ids."""

    key: str
    objects: list[dict[str, str]]


def operation(document: Document, entry: Entry) -> str:
    """What the words of a line say (``operations.read``); raises Refusal where that is not known."""
    words = entry.joined("event.operation")
    if not words:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The row does not say what happened.",
            str(entry.where("event.operation")),
            "Give 动态, Операция or Status.",
        )
    found = operations.read(words, lambda text: document.choice(f"status:{text}"))
    if found is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The status {words[:40]!r} is not known, or says several things{_rest(words)}.",
            str(entry.where("event.operation")),
            f'Declare the choice "status:{words[:40]}" as one of {", ".join(sorted(operations.EVENTS))}, or none.',
        )
    return found


def _rest(words: str) -> str:
    rest = operations.not_understood(words)
    return f": {rest[:40]!r} is not understood" if rest else ""


def at(document: Document, entry: Entry, meaning: str, what: str) -> Moment:
    """The time of a line in the column ``meaning``; raises Refusal where there is none, or a day alone."""
    moment = document.moment_of(entry, meaning)
    where = entry.where(meaning)
    if moment is None:
        raise Refusal(
            Reason.INVALID_TIME,
            f"The row does not say when {what} was.",
            str(where),
            "Give its date and time (动态时间, Дата операции, Time).",
        )
    return event_builder.timed(document, moment, where, what)


def where_of(document: Document, entry: Entry, *meanings: str) -> str:
    """The first known place of a line in the columns ``meanings``; raises Refusal where there is none."""
    for meaning in meanings:
        found = event_builder.place(document, entry, meaning)
        if found is not None:
            return found
    raise Refusal(
        Reason.INVALID_SCHEMA,
        "The place of the row is not known.",
        str(entry.where(meanings[0])),
        "Write the station with its ESR code or UN/LOCODE.",
    )


def sighted(
    document: Document,
    entry: Entry,
    about: Sighted,
    what: str,
    moment: Moment,
    place: str,
    created: str,
    meaning: str = "event.operation",
    *,
    words: Iterable[str] = (),
    classifier: str = "ACT",
) -> Record:
    """The event ``movement.<what>`` of a line. Raises Refusal where the time lies after the making of the list, or the
    gauges of a transfer cannot be told."""
    where = entry.where(meaning)
    if what.startswith("none"):
        return PassedOver(entry.here, f"{entry.joined(meaning)[:60]}: {what.partition(':')[2]}")
    if classifier == "ACT":
        moment = event_builder.fact(created, moment, where, "it")
    destination = places.find(entry.value("place.destination"))
    if what == "arrived" and destination == place:
        what = "arrived_at_destination"
    if what == "unloaded" and destination is not None and destination != place:
        return PassedOver(entry.here, "unloaded on the way, which is no event of its own")
    data: dict[str, Any] = {
        **event_builder.happening(moment, classifier),
        "place": place,
        "objects": about.objects,
        **_NEEDED.get(what, {}),
        "remark": event_builder.remark(*words),
    }
    if what == "transshipped":
        data.update(_gauges(document, place, destination, where))
    instant = format_micros(parse_micros(moment.instant))
    about_it = "/".join(part for part in (instant, "planned" if classifier != "ACT" else "") if part)
    return event_builder.said(
        document, where, about.key, created, f"movement.{what}", data, about=about_it, remarks=entry.remarks
    )


def expected(
    document: Document, entry: Entry, about: Sighted, created: str, words: Iterable[str] = ()
) -> list[Record]:
    """The arrival at the destination as a line estimates it; nothing where it gives no day with time, or no place."""
    value = entry.value("train.plannedArrival")
    destination = event_builder.place(document, entry, "place.destination")
    if value is None or destination is None:
        return []
    try:
        moment = at(document, entry, "train.plannedArrival", "the expected arrival")
    except Refusal as refusal:
        text = f"The expected arrival was left out. {refusal.detail}"
        entry.remark("train.plannedArrival", text, refusal.remedy)
        return []
    if not event_builder.told_ahead(created, moment):
        return []  # it lies before the list: what became of it, the list's facts tell
    return [
        sighted(
            document, entry, about, "arrived_at_destination", moment, destination, created,
            "train.plannedArrival", words=words, classifier="EST",
        )
    ]  # fmt: skip


def _gauges(document: Document, place: str, destination: str | None, where: Where) -> dict[str, int]:
    found = gauges(place, destination, document.choice("direction").upper())
    if found is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "It cannot be told from which gauge to which the box was lifted there.",
            str(where),
            'Give the destination (到站, Станция назначения), or declare the choice "direction" as WEST or EAST.',
        )
    return {"gauge_from": found[0], "gauge_to": found[1]}


def gauges(place: str, destination: str | None, direction: str) -> tuple[int, int] | None:
    """The gauges before and after the border at ``place``, for cargo on its way to ``destination``; None for doubt.

    Of all corridors that pass the border there, and reach the destination behind it, every one must change alike.
    """
    here, goal = places.station(place), places.station(destination)
    if here is None or (goal is None and not direction):
        return None
    found = set()
    for corridor in railnet.corridors().values():
        if direction and not corridor.id.endswith(f"-{direction[:1]}"):
            continue
        for number, leg in enumerate(corridor.legs):
            crossing = railnet.crossings().get(leg.crossing or "")
            if crossing is None or here.id not in (
                crossing.a.station,
                crossing.b.station,
                crossing.transfer_at,
            ):
                continue
            sides = {side.station: side.gauge for side in (crossing.a, crossing.b)}
            behind = corridor.stations[number + 1 :]
            if goal is None or goal.id in behind:
                found.add((sides.get(leg.from_station), sides.get(leg.to_station)))
    changes = {pair for pair in found if None not in pair and pair[0] != pair[1]}
    if len(changes) != 1 or len(found) != 1:
        return None
    before, after = changes.pop()
    return (before, after) if before and after else None
