"""The names of trains and places in TAF messages, and their form in events."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from schemas import railnet
from schemas.reasons import Reason, Refusal
from services.producers.formats import instants
from services.producers.formats.markup import Node
from services.producers.formats.messages import Notes, declaration_hint

_ORIGIN = "origin "
_COMPANY = "company "
_NAMES_AT_MOST = 8  # names of one train that a link may hold
_DAY = 10  # characters of YYYY-MM-DD; some senders append a zone to StartDate


def trains(message: Node, manager: str, notes: Notes) -> tuple[str, ...]:
    """The names of the message's train, best first; raises Refusal where there is none but a bare number.

    The train identifier (ObjectType TR) is ``company/core-variant-year/start date``. The operational number is
    ``company/number/day of the scheduled handover`` on the publisher's clock, where the company is the one declared in
    the settings, else the infrastructure ``manager``, who gives the number. A number alone never names a train. Where the
    settings tell the number's origin, the whole name ``company/number/day/origin`` comes first.
    """
    identified = [name for node in _identifiers(message) if (name := _identified(node, notes))]
    number = message.find("OperationalTrainNumberIdentifier")
    found = [*_declared(message, number, manager, notes), *identified]
    if number is not None and (name := _numbered(number, manager, notes)):
        found.append(name)
    former = message.find("ReferenceOTN/OperationalTrainNumberIdentifier")
    if former is not None and (name := _numbered(former, manager, notes)):
        found.append(name)
    if not found:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The message names its train by a bare number, which other trains bear on other days.",
            f"{message.path}/OperationalTrainNumberIdentifier",
            "Send a TR identifier, or ScheduledTimeAtHandover with the number.",
        )
    return tuple(dict.fromkeys(found))


def operational(
    message: Node, origin: str, booked: Node | None, manager: str, notes: Notes
) -> tuple[str, ...]:
    """The train as ``company/number/day/origin``, once per known company; () without a number.

    ``origin`` is where the message lets the train begin; the day is that of the ``booked`` departure there, else of the
    scheduled handover, else the start date of the train identifier. The number is the manager's, and the running
    undertaking's where the settings say by what code lists call it (``company <code>``).
    """
    number = message.find("OperationalTrainNumberIdentifier/OperationalTrainNumber")
    day = _day_of(booked, notes) or _service_day(message, notes)
    if number is None or not number.text or not day:
        return ()
    undertaking = message.find("ResponsibleRU") or message.find(
        "TrainCompositionJourneySection/JourneySection/ResponsibilityActualSection/ResponsibleRU"
    )
    companies = [_company(manager, notes)]
    if undertaking is not None and (named := notes.choice(f"{_COMPANY}{undertaking.text}")):
        companies.append(named)
    return tuple(f"{company}/{number.text}/{day}/{origin}" for company in dict.fromkeys(companies))


def _declared(message: Node, number: Node | None, manager: str, notes: Notes) -> tuple[str, ...]:
    """The whole names of a train whose number's origin the settings declare: ``origin 45301`` or ``origin 45*``."""
    text = "" if number is None else number.value("OperationalTrainNumber")
    patterns = [
        label.removeprefix(_ORIGIN)
        for label in notes.settings.choices.get("taf", {})
        if label.startswith(_ORIGIN)
    ]
    fitting = [pattern for pattern in patterns if text and fnmatchcase(text, pattern)]
    if not fitting or number is None:
        return ()
    label = _ORIGIN + max(fitting, key=lambda pattern: (len(pattern), pattern))
    origin = notes.choice(label) or ""
    if ":" not in origin:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The origin declared for train numbers {label.removeprefix(_ORIGIN)} is {origin[:40]!r}, which is no place.",
            number.path,
            declaration_hint("taf", label, '"railnet:malaszewicze", for example'),
        )
    found = operational(message, railnet.canonical(origin), None, manager, notes)
    notes.interpret(number.path, f"OperationalTrainNumber {text}", f"train that begins at {origin}", "choice")
    return found


def same(names: Sequence[str], origin: str, at: str) -> dict[str, Any] | None:
    """The data of the link that the ``names`` are one train with origin ``origin``; None for a single name."""
    distinct = list(dict.fromkeys(names))[:_NAMES_AT_MOST]
    return {"trains": distinct, "place": origin, "from": at} if len(distinct) > 1 else None


def _service_day(message: Node, notes: Notes) -> str:
    number = message.find("OperationalTrainNumberIdentifier")
    if number is not None and (day := _day_of(number.find("ScheduledTimeAtHandover"), notes)):
        return day
    starts = (node.value("StartDate") for node in _identifiers(message) if node.value("ObjectType") == "TR")
    return next((start[:_DAY] for start in starts if start), "")


def _day_of(at: Node | None, notes: Notes) -> str:
    """The day of ``at`` on the publisher's clock, "" where there is no time."""
    if at is None or not at.text:
        return ""
    zone = instants.zone_of(notes.settings, "taf", at.name)
    return instants.day_of(instants.read(at.text, zone, at.path), zone).isoformat()


def _company(manager: str, notes: Notes) -> str:
    return notes.settings.company or notes.choice(f"{_COMPANY}{manager}") or manager


def _identifiers(message: Node) -> tuple[Node, ...]:
    direct = message.all("TransportOperationalIdentifiers")
    wrapped = message.find("TrainOperationalIdentification")
    return direct or (wrapped.all("TransportOperationalIdentifiers") if wrapped is not None else ())


def _identified(node: Node, notes: Notes) -> str:
    kind = node.value("ObjectType")
    if kind != "TR":
        notes.interpret(node.path, f"ObjectType {kind}", "no train: not read")
        return ""
    core = node.require("Core").text.lstrip("-")
    parts = (core, node.value("Variant") or "00", node.value("TimetableYear"))
    start = node.require("StartDate").text[:_DAY]
    name = f"{node.require('Company').text}/{'-'.join(part for part in parts if part)}/{start}"
    notes.interpret(node.path, "TransportOperationalIdentifiers TR", "train")
    return name


def _numbered(node: Node, manager: str, notes: Notes) -> str:
    number = node.require("OperationalTrainNumber").text
    day = _day_of(node.find("ScheduledTimeAtHandover"), notes)
    if not day:
        return ""
    company = _company(manager, notes)
    certainty = "own" if company != manager else "read"
    notes.interpret(
        node.path, "OperationalTrainNumber + ScheduledTimeAtHandover", f"train of {company}", certainty
    )
    return f"{company}/{number}/{day}"


def place(location: Node, notes: Notes) -> str:
    """The place of a location: country and primary code in five digits, as railnet knows it or as written.

    Raises Refusal where either is missing or malformed. A choice ``plc:DE18713`` overrides what railnet knows.
    """
    country = location.require("CountryCodeISO").text.upper()
    code = location.require("LocationPrimaryCode").text
    if len(country) != 2 or not (country.isascii() and country.isalpha()):
        raise _malformed(location, "CountryCodeISO", country, "two letters of ISO 3166")
    if not (code.isascii() and code.isdigit() and len(code) <= 5):
        raise _malformed(location, "LocationPrimaryCode", code, "one to five digits")
    written = f"plc:{country}{code:0>5}"
    chosen = notes.choice(written)
    if chosen is not None:
        notes.interpret(location.path, written, chosen, "choice")
        return chosen
    known = railnet.canonical(written)
    name = location.value("PrimaryLocationName")
    if known == written:
        notes.interpret(
            location.path,
            written,
            f"a place unknown to railnet{f', here named {name}' if name else ''}",
            "own",
        )
        return written
    notes.interpret(location.path, written, known)
    return known


def _malformed(location: Node, name: str, text: str, shape: str) -> Refusal:
    return Refusal(
        Reason.INVALID_SCHEMA,
        f"{name} {text[:20]!r} is not {shape}.",
        f"{location.path}/{name}",
        "Send the code of the reference file of locations.",
    )
