"""One NCTS message: head, declaration, authority, and the containers, notes and commodities that it covers.

Source: the common specifications of the new computerised transit system, phase 5 (DDNTA), messages CC015C to CC060C.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from schemas.events.catalogue import CATALOGUE
from schemas.events.customs_whole import WholeRelay
from schemas.identifiers import country, mrn, note_key
from schemas.identifiers.form import MalformedIdentifier
from schemas.reasons import Reason, Refusal
from services.producers.formats import instants
from services.producers.formats.instants import Instant
from services.producers.formats.markup import Node
from services.producers.formats.messages import (
    MOST_OBJECTS,
    Notes,
    chunks,
    declaration_hint,
    doubts,
    identity,
    relay,
    remarks_at,
    time_fields,
)
from services.producers.formats.model import EventDraft, Position, Remark

FORMAT = "ncts"
_OFFICE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_./-]{0,31}")
_NOT_RELAYED = "The message is too large for this event, which is the publisher's own assertion."
_TRADERS = {"015": "declarant", "044": "trader at destination"}
"""Messages that a trader sends; all others that are read come from customs."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of ``number`` ("029"): its element, its key, when it was made, and its relay where customs sent it."""

    node: Node
    number: str
    sender: str
    key: str
    prepared: Instant
    relay: dict[str, Any] | None
    notes: Notes

    @property
    def zone(self) -> ZoneInfo:
        """The clock of this format's times without an offset; those of a column may differ."""
        return instants.zone_of(self.notes.settings, FORMAT)

    def zone_of(self, column: str) -> ZoneInfo:
        """The clock of the times in one element."""
        return instants.zone_of(self.notes.settings, FORMAT, column)

    def id(self, *record: str) -> str:
        """The id of the event that this message makes of ``record``."""
        return identity(FORMAT, self.number, self.sender, self.key, *record)

    def at(self, path: str) -> str:
        """The path of an element below the message."""
        return f"{self.node.path}/{path}"


def read(node: Node, number: str, raw: bytes, notes: Notes) -> Message:
    """The head of the message ``node``; raises Refusal where it has no sender, key or time of making."""
    given = node.value("messageType")
    if given and given != f"CC{number}C":
        notes.remark(
            f"{node.path}/messageType",
            f"messageType is {given[:20]!r}, the element {node.name}: the element counts.",
        )
    phase = node.attributes.get("PhaseID", "")
    notes.interpret(
        f"{node.path}/@PhaseID", f"PhaseID {phase}", f"message {number}", "read" if phase else "own"
    )
    at = node.require("preparationDateAndTime")
    prepared = notes.made_at(at, at.name)
    sender = node.require("messageSender").text
    key = node.require("messageIdentification").text
    relayed = None if number in _TRADERS else _relayed(node, sender, raw, notes)
    if number in _TRADERS:
        claims_it = f"the {_TRADERS[number]}, who claims it"
        notes.interpret(f"{node.path}/messageSender", f"messageSender {sender}", claims_it)
    return Message(node, number, sender, key, prepared, relayed, notes)


def _relayed(node: Node, sender: str, raw: bytes, notes: Notes) -> dict[str, Any] | None:
    """The relayed message as evidence of the authority; None where customs itself publishes or the message is too large."""
    where = f"{node.path}/messageSender"
    authority, certainty = notes.choice(sender), "choice"
    if authority is None:
        authority, certainty = f"customs-{(country_of_office(node) or 'eu').lower()}", "guess"
    notes.interpret(where, f"messageSender {sender}", authority, certainty)
    if authority == notes.settings.party:
        return None
    if notes.choice("relay") == "none":
        notes.remark(where, "Relaying is switched off: the events are the publisher's own assertions.")
        return None
    whole = relay(raw, authority, may_pack=True)
    if certainty == "guess" and whole is not None:
        notes.remark(
            where,
            f"The relayed authority is called {authority}, because no party is declared for sender {sender}.",
            declaration_hint(FORMAT, sender[:60], "the party code of this customs administration"),
        )
    if whole is None:
        notes.remark(
            where,
            f"The message has {len(raw)} bytes, more than an event carries also when packed: it is not relayed, "
            "and the events are the publisher's own assertions.",
            "Ask customs to publish it; its own signature says more than a relay.",
        )
    elif any(child.name == "ContactPerson" for child in node.walk()):
        notes.remark(
            where,
            "The relayed message names contact persons, and every reader of the event sees it whole.",
            f"Where they have not agreed, do not relay. {declaration_hint(FORMAT, 'relay', 'none')}",
        )
    return whole


def country_of_office(node: Node) -> str:
    """The country of the office that acts in a message, "" where its number does not begin with one."""
    for name in ("CustomsOfficeOfDestinationActual", "CustomsOfficeOfDeparture"):
        if found := country.country_of(node.value(f"{name}/referenceNumber").upper()[:2]):
            return found
    return ""


def jurisdiction(message: Message, declaration: str) -> str:
    """The country of the acting office, else of the declaration."""
    return country_of_office(message.node) or declaration.partition("/")[0]


def _no_country(message: Message) -> Refusal:
    """The refusal of a message in which nothing names the country whose customs it is of: a union has none."""
    return Refusal(
        Reason.INVALID_SCHEMA,
        "Neither the customs office nor the MRN begins with a country.",
        message.at("CustomsOfficeOfDeparture/referenceNumber"),
        "Send the office's number of eight characters, such as PL301040.",
    )


def by_mrn(message: Message, remarks: list[Remark]) -> str:
    """The declaration ``country/MRN``; raises Refusal where the message has no MRN, or nothing names the country."""
    node = message.node.require(
        "TransitOperation/MRN", "Customs gives the MRN: pass its message on as it came."
    )
    number = node.text.upper().replace(" ", "")
    try:
        named = country.country_of(mrn.parse(number).country)
    except MalformedIdentifier:
        named = ""
    named = named or country_of_office(message.node)
    if not named:
        raise _no_country(message)
    declaration = f"{named}/{number}"
    remarks.extend(doubts(node.path, "declaration", declaration))
    message.notes.interpret(node.path, "MRN", "declaration")
    return declaration


def by_lrn(message: Message, named: str = "") -> str:
    """The declaration before it has an MRN: ``country/LRN/holder/LRN``, because an LRN is unique only to its holder.

    ``named`` is the country for an office number without one. Raises Refusal where LRN, holder or country is missing.
    """
    node = message.node.require("TransitOperation/LRN")
    holder = message.node.value("HolderOfTheTransitProcedure/identificationNumber") or message.node.value(
        "HolderOfTheTransitProcedure/TIRHolderIdentificationNumber"
    )
    if not holder:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The holder of the procedure has no number, without which its LRN names no declaration.",
            message.at("HolderOfTheTransitProcedure/identificationNumber"),
            "Send the holder's EORI number.",
        )
    message.notes.interpret(node.path, "LRN + holder", "declaration")
    named = country_of_office(message.node) or named
    if not named:
        raise _no_country(message)
    return f"{named}/LRN/{holder}/{node.text}"


def milestones(
    message: Message,
    kind: str,
    instant: Instant,
    territory: str,
    declarations: Sequence[str],
    containers: Sequence[str] = (),
    *,
    classifier: str = "ACT",
    remarks: Sequence[Remark] = (),
    **fields: Any,
) -> Iterator[EventDraft]:
    """The customs milestone ``kind`` about the declarations and their containers, in events of at most 256 objects."""
    where = Position(path=message.node.path)
    named = [{"kind": "declaration", "id": declaration} for declaration in declarations]
    room = MOST_OBJECTS - len(named)
    type_, relayed = _carrying(kind, message.relay)
    missing = (_NOT_RELAYED,) if relayed is None and message.relay is not None else ()
    all_remarks = (*remarks, *remarks_at(message.node.path, *instant.remarks, *missing))
    for part, start in enumerate(range(0, max(1, len(containers)), room), start=1):
        boxes = [{"kind": "container", "id": box} for box in containers[start : start + room]]
        data: dict[str, Any] = {
            **time_fields(instant, classifier),
            "jurisdiction": territory,
            "objects": [*named, *boxes],
            **{name: value for name, value in fields.items() if value not in (None, "", [])},
        }
        office = _acting_office(message.node)
        if office:
            data["procedure_office"] = office
        if relayed is not None:
            data["relay"] = relayed
        event_id = message.id(kind, f"{part}")
        yield EventDraft(
            where,
            event_id,
            type_,
            message.prepared.text,
            data,
            None,
            all_remarks if part == 1 else (),
        )


def same(message: Message, territory: str, declarations: Sequence[str]) -> Iterator[EventDraft]:
    """The link that the message's numbers, MRN and LRN, are one declaration; none where it has only one of them."""
    if len(declarations) > 1:
        data = {
            "jurisdiction": territory,
            "declarations": list(declarations),
            "from": message.prepared.text,
        }
        where = Position(path=message.at("TransitOperation"))
        yield EventDraft(
            where, message.id("same"), "cre.link.declarations_same.v1", message.prepared.text, data
        )


def _carrying(kind: str, relay: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
    """The type of the milestone ``kind`` that carries ``relay``, and what it carries; what is packed only a second version that may."""
    if relay is None or "packing" not in relay:
        return f"cre.customs.{kind}.v1", relay
    second = f"cre.customs.{kind}.v2"
    model = CATALOGUE.get(second)
    packs = model is not None and model.model_fields["relay"].annotation == WholeRelay | None
    return (second, relay) if packs else (f"cre.customs.{kind}.v1", None)


def _acting_office(node: Node) -> str:
    for name in ("CustomsOfficeOfDestinationActual", "CustomsOfficeOfDeparture"):
        number = node.value(f"{name}/referenceNumber")
        if number and _OFFICE.fullmatch(number):
            return number
    return ""


_CODES_AT_MOST = 256
_RAIL_NOTES = {"N720": "CIM", "N722": "SMGS"}
"""Types of transport document (code list CL754) that are notes of rail: N720 rail note, N722 SMGS note."""
_COMMODITY = re.compile(r"[0-9]{6}([0-9]{2}([0-9]{2})?)?")


def containers(message: Message, remarks: list[Remark]) -> tuple[str, ...]:
    """The containers of the declaration, each once, in order."""
    found: dict[str, None] = {}
    consignment = message.node.find("Consignment")
    for equipment in consignment.all("TransportEquipment") if consignment is not None else ():
        box = equipment.find("containerIdentificationNumber")
        if box is None or not box.text:
            continue
        if box.text not in found:
            remarks.extend(doubts(box.path, "container", box.text))
        found.setdefault(box.text)
        message.notes.interpret(box.path, "TransportEquipment/containerIdentificationNumber", "container")
    return tuple(found)


def covers(message: Message, declaration: str) -> Iterator[EventDraft]:
    """The link from the declaration to the notes that it names, in parts of at most 256; remarks go with the file."""
    notes = list(dict.fromkeys(_notes(message)))
    if not notes:
        message.notes.remark(
            message.at("Consignment/TransportDocument"),
            "No rail consignment note is named so that it can be found: the declaration reaches its containers only.",
            "Write the reference as CIM/country/station/number/year, or publish link.declaration_covers yourself.",
        )
    for part, some in enumerate(chunks(notes), start=1):
        data = {
            "declaration": declaration,
            "notes": list(some),
            "from": message.prepared.text,
        }
        where = Position(path=message.at("Consignment"))
        event_id = message.id("covers", f"{part}")
        yield EventDraft(where, event_id, "cre.link.declaration_covers.v1", message.prepared.text, data)


def commodities(message: Message) -> list[str]:
    """The HS codes of the goods, six or eight digits, each once, at most 256."""
    found: dict[str, None] = {}
    for node in message.node.walk():
        if node.name == "CommodityCode":
            code = node.value("harmonizedSystemSubHeadingCode") + node.value("combinedNomenclatureCode")
            if _COMMODITY.fullmatch(code):
                found.setdefault(code)
    return list(found)[:_CODES_AT_MOST]


def _notes(message: Message) -> Iterator[str]:
    for document in _documents(message.node):
        kind, reference = document.value("type"), document.value("referenceNumber")
        form = message.notes.choice(kind) or _RAIL_NOTES.get(kind)
        if form is None:
            message.notes.interpret(document.path, f"TransportDocument {kind}", "no rail note: not read")
            continue
        message.notes.interpret(document.path, f"TransportDocument {kind}", f"{form} note")
        whole = reference if reference.count("/") == 4 else f"{form}/{reference}"
        try:
            key = note_key.split(whole)
        except MalformedIdentifier as malformed:
            message.notes.remarks.extend(
                remarks_at(
                    document.path,
                    f"The note {reference[:40]!r} is not told with its country, station and year "
                    f"({malformed.problem}): it is not linked.",
                    remedy="Write it as country/station/number/year.",
                )
            )
            continue
        message.notes.remarks.extend(doubts(document.path, "note", key.text))
        yield key.text


def _documents(root: Node) -> Iterator[Node]:
    consignment = root.find("Consignment")
    if consignment is not None:
        yield from (node for node in consignment.walk() if node.name == "TransportDocument")
