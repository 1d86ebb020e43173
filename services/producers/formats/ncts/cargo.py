"""What a transit declaration is about: containers, consignment notes and commodities."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.identifiers import note_key
from schemas.identifiers.form import MalformedIdentifier
from services.producers.formats.collector import doubts, remarked
from services.producers.formats.markup import Node
from services.producers.formats.model import Remarked, Said, Where
from services.producers.formats.ncts.message import Message

_AT_MOST = 256
_RAIL_NOTES = {"N720": "CIM", "N722": "SMGS"}
"""Types of transport document (code list CL754) that are notes of rail: N720 rail note, N722 SMGS note."""
_COMMODITY = re.compile(r"[0-9]{6}([0-9]{2}([0-9]{2})?)?")


def containers(message: Message, remarks: list[Remarked]) -> tuple[str, ...]:
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
        message.notes.take(box.path, "TransportEquipment/containerIdentificationNumber", "container")
    return tuple(found)


def covers(message: Message, declaration: str) -> Iterator[Said]:
    """The link from the declaration to the notes that it names, in parts of at most 256; remarks go with the file."""
    notes = list(dict.fromkeys(_notes(message)))
    if not notes:
        message.notes.remark(
            message.at("Consignment/TransportDocument"),
            "No rail consignment note is named so that it can be found: the declaration reaches its containers only.",
            "Write the reference as CIM/country/station/number/year, or publish link.declaration_covers yourself.",
        )
    for part, start in enumerate(range(0, len(notes), _AT_MOST), start=1):
        data = {
            "declaration": declaration,
            "notes": notes[start : start + _AT_MOST],
            "from": message.prepared.text,
        }
        where = Where(path=message.at("Consignment"))
        said = message.id("covers", f"{part}")
        yield Said(where, said, "cre.link.declaration_covers.v1", message.prepared.text, data)


def commodities(message: Message) -> list[str]:
    """The HS codes of the goods, six or eight digits, each once, at most 256."""
    found: dict[str, None] = {}
    for node in message.node.walk():
        if node.name == "CommodityCode":
            code = node.value("harmonizedSystemSubHeadingCode") + node.value("combinedNomenclatureCode")
            if _COMMODITY.fullmatch(code):
                found.setdefault(code)
    return list(found)[:_AT_MOST]


def _notes(message: Message) -> Iterator[str]:
    for document in _documents(message.node):
        kind, reference = document.value("type"), document.value("referenceNumber")
        form = message.notes.choice(kind) or _RAIL_NOTES.get(kind)
        if form is None:
            message.notes.take(document.path, f"TransportDocument {kind}", "no rail note: not read")
            continue
        message.notes.take(document.path, f"TransportDocument {kind}", f"{form} note")
        whole = reference if reference.count("/") == 4 else f"{form}/{reference}"
        try:
            key = note_key.split(whole)
        except MalformedIdentifier as malformed:
            message.notes.remarks.extend(
                remarked(
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
