"""TrainComposition (3003): which wagons stand in a train, and which containers on each wagon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from schemas.identifiers import wagon as wagons
from schemas.identifiers.form import MalformedIdentifier
from schemas.reasons import Reason, Refusal
from services.producers.formats import instants
from services.producers.formats.instants import Instant
from services.producers.formats.markup import Node
from services.producers.formats.messages import Notes, chunks, doubts, remarks_at
from services.producers.formats.model import EventDraft, PassedOver, Position, Record, Remark, Unread
from services.producers.formats.taf import names
from services.producers.formats.taf.head import FORMAT, Head

GRACE_HOURS = 72
"""How long after the booked arrival a train still counts as composed, because trains are late."""
_UNITS = {"01": "container", "02": "swap body", "00": "unknown load unit"}
_OTHER_UNITS = {"03": "semi-trailer", "04": "road vehicle"}


def records(message: Node, _raw: bytes, head: Head, notes: Notes) -> Iterator[tuple[tuple[str, ...], Record]]:
    """The links of each section of the journey, each with its key; never raises for the content of a section."""
    sections = message.all("TrainCompositionJourneySection")
    if not sections:
        message.require("TrainCompositionJourneySection")
    manager = next(
        (im for s in sections if (im := s.value("JourneySection/ResponsibilityActualSection/ResponsibleIM"))),
        head.recipient,
    )
    trains = names.trains(message, manager, notes)
    yield from _sections(sections, trains, head, notes)
    yield from _same(message, sections[0], trains, manager, head, notes)


def _sections(
    sections: Sequence[Node], trains: tuple[str, ...], head: Head, notes: Notes
) -> Iterator[tuple[tuple[str, ...], Record]]:
    for number, section in enumerate(sections, start=1):
        try:
            yield from _section(section, number, trains, head, notes)
        except Refusal as refusal:
            yield (f"{number}",), Unread(Position(path=section.path), refusal)


def _same(
    message: Node, first: Node, trains: tuple[str, ...], manager: str, head: Head, notes: Notes
) -> Iterator[tuple[tuple[str, ...], Record]]:
    """The train's whole name, with the origin of its first section, and its other names are one train."""
    key = ("same",)
    try:
        origin = first.require("JourneySection/JourneySectionOrigin")
        place = names.place(origin, notes)
        whole = names.operational(message, place, origin.find("BookedLocationDateTime"), manager, notes)
        data = names.same((*trains, *whole), place, head.created.text)
    except Refusal:
        return  # the section itself is unread, with the reason
    if data is not None:
        where = Position(path=first.path)
        yield key, EventDraft(where, head.id(*key), "cre.link.trains_same.v1", head.created.text, data)


def _section(
    section: Node, number: int, trains: tuple[str, ...], head: Head, notes: Notes
) -> Iterator[tuple[tuple[str, ...], Record]]:
    interval, remarks = _interval(section, number, head, notes)
    by_number: dict[str, Node] = {}
    loads: list[tuple[tuple[str, ...], Record]] = []
    for node in section.all("WagonData"):
        written = node.value("WagonNumberFreight")
        if not written:
            refusal = Refusal(
                Reason.INVALID_SCHEMA,
                "The wagon has no number.",
                f"{node.path}/WagonNumberFreight",
                "Send its 12 digits.",
            )
            loads.append(((f"{number}", "wagon", node.path), Unread(Position(path=node.path), refusal)))
            continue
        wagon = _wagon(written)
        if wagon in by_number:
            remarks += remarks_at(node.path, f"The wagon {written} stands in the section twice.")
        else:
            remarks += doubts(f"{node.path}/WagonNumberFreight", "wagon", wagon)
        by_number.setdefault(wagon, node)
        loads.extend(_loaded(node, wagon, number, interval, head, notes))
    if not by_number:
        yield (
            (f"{number}",),
            PassedOver(Position(path=section.path), "A section without wagons: a locomotive alone."),
        )
        yield from loads
        return
    remarks += _counts(section, len(by_number))
    if not any(isinstance(record, EventDraft) for _, record in loads):
        remarks += remarks_at(
            section.path,
            "No wagon names a container: the composition ends at the wagons.",
            remedy="Send a loading list, or IntermodalTransportData with LoadUnitNumber (schema 3.5).",
        )
    for name_number, train in enumerate(trains, start=1):
        for part, some in enumerate(chunks(sorted(by_number)), start=1):
            key = (f"{number}", "train", f"{name_number}.{part}")
            data = {"train": train, "wagons": list(some), **interval}
            noted = tuple(remarks) if (name_number, part) == (1, 1) else ()
            where = Position(path=section.path)
            yield (
                key,
                EventDraft(
                    where, head.id(*key), "cre.link.train_composed.v1", head.created.text, data, None, noted
                ),
            )
    yield from loads


def _interval(section: Node, number: int, head: Head, notes: Notes) -> tuple[dict[str, Any], list[Remark]]:
    """Place, start and end of a section's links.

    The first section holds from the message on, or from the booked departure if that is earlier; a later one from its
    booked departure. It ends GRACE_HOURS after the booked arrival; without one, at the next composition.
    """
    origin = section.require("JourneySection/JourneySectionOrigin")
    goal = section.require("JourneySection/JourneySectionDestination")
    booked, remarks = _booked(origin, notes)
    arrival, more = _booked(goal, notes)
    remarks += more
    start = head.created
    if booked is not None and (number > 1 or booked.micros < start.micros):
        start = booked
    elif number > 1:
        remarks += remarks_at(
            origin.path,
            "The section has no booked departure: it counts from the message on.",
            remedy="Send BookedLocationDateTime at the section's origin.",
        )
    interval: dict[str, Any] = {"place": names.place(origin, notes), "from": start.text}
    names.place(goal, notes)
    if arrival is not None:
        zone = instants.zone_of(notes.settings, FORMAT)
        end = instants.shifted(arrival, zone, _grace(notes) * 3_600)
        if end.micros > start.micros:
            interval["to"] = end.text
        else:
            remarks += remarks_at(goal.path, "The booked arrival lies before the departure: no end is set.")
    return interval, remarks


def _grace(notes: Notes) -> int:
    chosen = notes.choice("grace_hours")
    if chosen is None or not (chosen.isascii() and chosen.isdigit() and len(chosen) <= 4):
        return GRACE_HOURS
    return int(chosen)


def _booked(location: Node, notes: Notes) -> tuple[Instant | None, list[Remark]]:
    at = location.find("BookedLocationDateTime")
    if at is None or not at.text:
        return None, []
    instant = notes.instant(at, "BookedLocationDateTime")
    return instant, [*remarks_at(at.path, *instant.remarks)]


def _wagon(written: str) -> str:
    try:
        return wagons.parse(written).text
    except MalformedIdentifier:
        return f"UIC/{written.replace(' ', '').replace('-', '')}"  # kept under its own number, with a doubt


def _loaded(
    node: Node, wagon: str, number: int, interval: dict[str, Any], head: Head, notes: Notes
) -> Iterator[tuple[tuple[str, ...], Record]]:
    boxes: dict[str, Node] = {}
    for unit in node.all("IntermodalTransportData"):
        kind, text = unit.value("TypeOfLoadUnit"), unit.value("LoadUnitNumber")
        key: tuple[str, ...] = (f"{number}", "unit", unit.path)
        if kind in _OTHER_UNITS:
            yield key, PassedOver(Position(path=unit.path), f"A {_OTHER_UNITS[kind]} is no container.")
        elif not text:
            yield key, PassedOver(Position(path=unit.path), "A load unit without a number.")
        elif kind not in _UNITS:
            refusal = Refusal(
                Reason.INVALID_SCHEMA,
                f"TypeOfLoadUnit {kind[:20]!r} is not known.",
                f"{unit.path}/TypeOfLoadUnit",
                "Send 01 for a container, 02 for a swap body.",
            )
            yield key, Unread(Position(path=unit.path), refusal)
        else:
            certainty = "read" if kind != "00" else "own"
            notes.interpret(f"{unit.path}/TypeOfLoadUnit", f"TypeOfLoadUnit {kind}", "container", certainty)
            boxes.setdefault(text, unit)
    for part, some in enumerate(chunks(list(boxes)), start=1):
        key = (f"{number}", "wagon", wagon, f"{part}")
        noted = [
            doubt for box in some for doubt in doubts(f"{boxes[box].path}/LoadUnitNumber", "container", box)
        ]
        data = {"wagon": wagon, "containers": list(some), **interval}
        yield (
            key,
            EventDraft(
                Position(path=node.path),
                head.id(*key),
                "cre.link.wagon_loaded.v1",
                head.created.text,
                data,
                None,
                tuple(noted),
            ),
        )


def _counts(section: Node, wagons_seen: int) -> tuple[Remark, ...]:
    path = "TrainRunningData/TrainRunningTechData/NumberOfVehicles"
    given = section.value(path)
    if not given or given.lstrip("0") == f"{wagons_seen}":
        return ()
    return remarks_at(
        f"{section.path}/{path}",
        f"NumberOfVehicles is {given[:10]}, the section lists {wagons_seen} wagons.",
        remedy="Check that the list is whole; locomotives may be counted.",
    )
