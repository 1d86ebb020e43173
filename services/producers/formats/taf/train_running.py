"""TrainRunningInformation (4005) and TrainRunningForecast (4004): where a train was, or is expected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from schemas import railnet
from schemas.reasons import Reason, Refusal
from services.producers.formats import instants
from services.producers.formats.markup import Node
from services.producers.formats.messages import Notes, relay, remarks_at, time_fields
from services.producers.formats.model import EventDraft, Position, Record, Remark, Unread
from services.producers.formats.taf import names
from services.producers.formats.taf.head import Head

_STATUS = {
    "01": "arrived",  # at the train's destination, which need not be the cargo's
    "02": "departed",
    "03": "arrived",
    "04": "departed",
    "05": "position_reported",
}
_WAGON_LEVEL = {f"{code}" for code in range(11, 20)}
_DELAY = re.compile(r"([+-]?)([0-9]{1,5})")
_DELAY_RANGE = (-1_440, 525_600)  # minutes, as position_reported allows


def records(message: Node, raw: bytes, head: Head, notes: Notes) -> Iterator[tuple[tuple[str, ...], Record]]:
    """Each location report of ``message`` with its key; never raises for the content of a report."""
    trains = names.trains(message, head.sender, notes)
    relayed = _relayed(message, raw, head, notes)
    reports = message.all("TrainLocationReport")
    if not reports:
        message.require("TrainLocationReport")
    for number, report in enumerate(reports, start=1):
        key = (f"{number}",)
        try:
            yield key, _draft(message, report, key, trains, relayed, head, notes)
            yield from _same(message, report, trains, key, head, notes)
        except Refusal as refusal:
            yield key, Unread(Position(path=report.path), refusal)


def _same(
    message: Node, report: Node, trains: tuple[str, ...], key: tuple[str, ...], head: Head, notes: Notes
) -> Iterator[tuple[tuple[str, ...], EventDraft]]:
    """The link between a train's names at its origin (status 02), where alone its whole name is known."""
    if head.number != "4005" or f"{report.value('TrainLocationStatus'):0>2}" != "02":
        return
    origin = names.place(report.require("Location"), notes)
    whole = names.operational(message, origin, report.find("BookedLocationDateTime"), head.sender, notes)
    data = names.same((*trains, *whole), origin, head.created.text)
    if data is not None:
        about = (*key, "same")
        where = Position(path=report.path)
        yield about, EventDraft(where, head.id(*about), "cre.link.trains_same.v1", head.created.text, data)


def _draft(
    message: Node,
    report: Node,
    key: tuple[str, ...],
    trains: tuple[str, ...],
    relayed: dict[str, Any] | None,
    head: Head,
    notes: Notes,
) -> EventDraft:
    at = report.require("LocationDateTime")
    instant = notes.instant(at, "LocationDateTime")
    location = report.require("Location")
    place = names.place(location, notes)
    kind = _milestone(report, location, place, notes)
    remarks = [*remarks_at(at.path, *instant.remarks)]
    delay, described = _delay(report, instant, notes, remarks)
    transfer = message.find("TransferPoint")
    data: dict[str, Any] = {
        **time_fields(instant, "EST" if head.number == "4004" else "ACT"),
        "place": place,
        "objects": [{"kind": "train", "id": train} for train in _counted(trains, message)],
    }
    if kind == "position_reported":
        if transfer is not None:
            data["next_place"] = names.place(transfer, notes)
        if delay is not None:
            data["delay_minutes"] = delay
    elif described:
        data["remark"] = described
    if relayed is not None:
        data["relay"] = relayed
    where = Position(path=report.path)
    return EventDraft(
        where, head.id(*key), f"cre.movement.{kind}.v1", head.created.text, data, None, tuple(remarks)
    )


def _counted(trains: tuple[str, ...], message: Node) -> tuple[str, ...]:
    """The best name of the train, and its former number, under which it may have been composed."""
    former = message.find("ReferenceOTN")
    return (trains[0], trains[-1]) if former is not None and len(trains) > 1 else trains[:1]


def _milestone(report: Node, location: Node, place: str, notes: Notes) -> str:
    status = report.require("TrainLocationStatus")
    code = f"{status.text:0>2}"
    kind = _STATUS.get(code)
    if kind is None:
        about = (
            "is about a wagon that the message does not name"
            if code in _WAGON_LEVEL
            else "has no known meaning"
        )
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"TrainLocationStatus {status.text[:20]!r} {about}.",
            status.path,
            "Send 01 to 05 for trains; tell of wagons in a composition (3003) or in an event of your own.",
        )
    if code != "01":
        notes.interpret(status.path, f"TrainLocationStatus {code}", kind)
        return kind
    chosen = notes.choice(f"01@{place}")
    if chosen in ("destination", "stop"):
        kind = "arrived_at_destination" if chosen == "destination" else "arrived"
        notes.interpret(status.path, f"TrainLocationStatus 01 at {place}", kind, "choice")
        return kind
    station = railnet.resolve(place)
    roles = frozenset() if station is None else frozenset(station.roles)
    between = {railnet.StationRole.BORDER, railnet.StationRole.GAUGE_CHANGE, railnet.StationRole.INTERCHANGE}
    ends = railnet.StationRole.TERMINAL in roles and not roles & between
    kind = "arrived_at_destination" if ends else "arrived"
    subsidiary = location.find("LocationSubsidiaryIdentification/LocationSubsidiaryCode")
    point = "" if subsidiary is None else subsidiary.attributes.get("LocationSubsidiaryTypeCode", "")
    notes.interpret(
        status.path,
        f"TrainLocationStatus 01 at {place}" + (f" (point type {point})" if point else ""),
        kind,
        "own" if ends else "guess",
    )
    return kind


def _delay(
    report: Node, instant: instants.Instant, notes: Notes, remarks: list[Remark]
) -> tuple[int | None, str]:
    """The delay in minutes and in words, against the booked time if given; differences are remarked."""
    best: int | None = None
    described: list[str] = []
    for against, plan in (
        ("AgainstBooked", "BookedLocationDateTime"),
        ("AgainstReferenced", "ReferencedLocationDateTime"),
    ):
        given, planned = report.find(f"TrainDelay/{against}"), report.find(plan)
        minutes: int | None = None
        if planned is not None and planned.text:
            try:
                minutes = (instant.micros - notes.instant(planned, "LocationDateTime").micros) // 60_000_000
            except Refusal as refusal:
                remarks.extend(remarks_at(planned.path, refusal.detail, remedy=refusal.remedy))
        if given is not None and given.text:
            found = _DELAY.fullmatch(given.text)
            if found is None:
                remarks.extend(
                    remarks_at(given.path, f"The delay {given.text[:20]!r} is no sign and minutes.")
                )
            else:
                stated = int(found[1] + found[2])
                if minutes is not None and abs(stated - minutes) > 1:
                    remarks.extend(
                        remarks_at(
                            given.path, f"The delay is {stated} minutes, the two times differ by {minutes}."
                        )
                    )
                minutes = stated
        if minutes is None or not _DELAY_RANGE[0] <= minutes <= _DELAY_RANGE[1]:
            continue
        best = minutes if best is None else best
        described.append(
            f"{minutes:+d} min against {'booked' if against == 'AgainstBooked' else 'referenced'} time"
        )
    return best, "; ".join(described)


def _relayed(message: Node, raw: bytes, head: Head, notes: Notes) -> dict[str, Any] | None:
    """The message itself where its sender is declared to be another party; managers may forbid handing it on."""
    where = f"{message.path}/MessageHeader/Sender"
    authority = notes.choice(head.sender)
    if authority is None:
        notes.interpret(where, f"Sender {head.sender}", "not declared: the publisher's own assertion", "own")
        return None
    notes.interpret(where, f"Sender {head.sender}", authority, "choice")
    if authority == notes.settings.party:
        return None
    whole = relay(raw, authority)
    if whole is None:
        notes.remark(where, "The message is too large to be relayed whole: its events are assertions.")
    return whole
