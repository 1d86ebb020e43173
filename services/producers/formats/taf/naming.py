"""How TAF names trains and places, and how these names become those of events."""

from __future__ import annotations

from schemas import railnet
from schemas.reasons import Reason, Refusal
from services.producers.formats import instants
from services.producers.formats.gathering import Notes
from services.producers.formats.markup import Node

_DAY = 10  # characters of YYYY-MM-DD; some senders append a zone to StartDate


def trains(message: Node, manager: str, notes: Notes) -> tuple[str, ...]:
    """The names of the message's train, best first; raises Refusal where there is none but a bare number.

    The train identifier (ObjectType TR) is ``company/core-variant-year/start date``. The operational number is
    ``company/number/day of the scheduled handover`` on the publisher's clock, where the company is the one declared in
    the settings, else the infrastructure ``manager``, who gives the number. A number alone never names a train.
    """
    found = [name for node in _identifiers(message) if (name := _identified(node, notes))]
    number = message.find("OperationalTrainNumberIdentifier")
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


def _identifiers(message: Node) -> tuple[Node, ...]:
    direct = message.all("TransportOperationalIdentifiers")
    wrapped = message.find("TrainOperationalIdentification")
    return direct or (wrapped.all("TransportOperationalIdentifiers") if wrapped is not None else ())


def _identified(node: Node, notes: Notes) -> str:
    kind = node.value("ObjectType")
    if kind != "TR":
        notes.take(node.path, f"ObjectType {kind}", "no train: not read")
        return ""
    core = node.require("Core").text.lstrip("-")
    parts = (core, node.value("Variant") or "00", node.value("TimetableYear"))
    start = node.require("StartDate").text[:_DAY]
    name = f"{node.require('Company').text}/{'-'.join(part for part in parts if part)}/{start}"
    notes.take(node.path, "TransportOperationalIdentifiers TR", "train")
    return name


def _numbered(node: Node, manager: str, notes: Notes) -> str:
    number = node.require("OperationalTrainNumber").text
    at = node.find("ScheduledTimeAtHandover")
    if at is None or not at.text:
        return ""
    zone = instants.zone_of(notes.settings, "taf", "ScheduledTimeAtHandover")
    day = instants.day_of(instants.read(at.text, zone, at.path), zone)
    company = notes.settings.company or manager
    certainty = "own" if notes.settings.company else "read"
    notes.take(
        node.path, "OperationalTrainNumber + ScheduledTimeAtHandover", f"train of {company}", certainty
    )
    return f"{company}/{number}/{day.isoformat()}"


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
        notes.take(location.path, written, chosen, "choice")
        return chosen
    known = railnet.canonical(written)
    name = location.value("PrimaryLocationName")
    if known == written:
        notes.take(
            location.path,
            written,
            f"a place unknown to railnet{f', here named {name}' if name else ''}",
            "own",
        )
        return written
    notes.take(location.path, written, known)
    return known


def _malformed(location: Node, name: str, text: str, shape: str) -> Refusal:
    return Refusal(
        Reason.INVALID_SCHEMA,
        f"{name} {text[:20]!r} is not {shape}.",
        f"{location.path}/{name}",
        "Send the code of the reference file of locations.",
    )
