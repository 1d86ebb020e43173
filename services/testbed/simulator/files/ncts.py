"""NCTS phase 5: the life of a transit declaration by its messages (CC015C to CC060C), from the declarant's 015 to the write-off (045).

Customs publish what they send under their own key. The declarant passes on the release (029) that it received: so others
see it relayed, whole. All parties are invented.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.testbed.simulator.customs import HOLDER
from services.testbed.simulator.files.file_formats import Element, local, xml_message
from services.testbed.simulator.files.office_records import (
    Fact,
    OfficeRecords,
    PartnerFile,
    at,
    named,
    objects,
    only,
)
from services.testbed.simulator.reports import Message

FORMAT = "ncts"
SYSTEMS = {"eu-pl": "NTA.PL", "eu-de": "NTA.DE"}
"""By customs administration: what its system calls itself in messages."""
_NAMESPACE = "http://ncts.dgtaxud.ec"
_LOADED_AT = {"PL": "Malaszewicze", "DE": "Hamburg"}
_OFFICES = {"PL": "PL301040", "DE": "DE004605"}
_DOCUMENTS = {"SMGS": "N722", "CIM": "N720", "CIMSMGS": "N720"}
_TRADER = "DE9000002SIM"
_MASS = 18_000


@dataclass(frozen=True, slots=True)
class Goods:
    """What a message lists: containers, and consignment notes as on the wire."""

    boxes: Sequence[str] = ()
    notes: Sequence[str] = ()


def written(
    number: str,
    declaration: str,
    lrn: str,
    prepared: int,
    *,
    goods: Goods | None = None,
    holder: str = "hansa",
    controlled: bool = False,
) -> bytes:
    """Message ``number`` about a declaration, made at ``prepared``, when what it carries was decided or done."""
    at_destination = number in ("025", "043")
    country = "DE" if at_destination else declaration[:2]
    customs = f"eu-{country.lower()}"
    root = xml_message(f"CC{number}C", _NAMESPACE, {"ncts": _NAMESPACE}, inside="")
    root.node.set("PhaseID", "NCTS5.1")
    sender, recipient = SYSTEMS[customs], _TRADER if at_destination else HOLDER[holder]
    if number == "015":
        sender, recipient = recipient, sender
    when = local(customs, prepared)
    for name, text in (
        ("messageSender", sender),
        ("messageRecipient", recipient),
        ("preparationDateAndTime", f"{when:%Y-%m-%dT%H:%M:%S}"),
        ("messageIdentification", f"SIM{number}{declaration[-12:].replace('/', '')}{prepared // 1_000_000}"),
        ("messageType", f"CC{number}C"),
    ):
        root.add(name, text)
    operation = root.add("TransitOperation")
    for name, text in _operation(number, declaration, lrn, f"{when:%Y-%m-%d}", f"{when:%Y-%m-%dT%H:%M:%S}"):
        operation.add(name, text)
    role = "DestinationActual" if at_destination else "Departure"
    root.add(f"CustomsOfficeOf{role}").add("referenceNumber", _OFFICES[country])
    if number in ("015", "029"):
        root.add("CustomsOfficeOfDestinationDeclared").add("referenceNumber", _OFFICES["DE"])
    if at_destination:
        root.add("TraderAtDestination").add("identificationNumber", _TRADER)
    else:
        root.add("HolderOfTheTransitProcedure").add("identificationNumber", HOLDER[holder])
    if number == "060":
        control = root.add("TypeOfControls")
        control.add("sequenceNumber", "1")
        control.add("type", "10")
    if controlled:
        result = root.add("ControlResult")
        result.add("code", "A1")
        result.add("date", f"{when:%Y-%m-%d}")
        result.add("controlledBy", "simulated")
    if number in ("015", "029"):
        guarantee = root.add("Guarantee")
        guarantee.add("sequenceNumber", "1")
        guarantee.add("guaranteeType", "1")
    if goods is not None:
        _consignment(root, number, goods, declaration[:2])
    return root.content()


def _operation(number: str, declaration: str, lrn: str, day: str, when: str) -> Iterator[tuple[str, str]]:
    if number in ("015", "028", "029", "060"):
        yield "LRN", lrn.rpartition("/")[2]
    if number != "015":
        yield "MRN", declaration.partition("/")[2]
    if number in ("015", "029"):
        yield "declarationType", "T1"
        yield "additionalDeclarationType", "A"
    if number in ("028", "029"):
        yield "declarationAcceptanceDate", day
    if number == "029":
        yield "releaseDate", day
    if number == "060":
        yield "controlNotificationDateAndTime", when
        yield "notificationType", "0"
    if number == "025":
        yield "releaseDate", day
        yield "releaseIndicator", "1"
    if number == "045":
        yield "writeOffDate", day
    if number in ("015", "029", "043"):
        yield "security", "0"
        yield "reducedDatasetIndicator", "0"
    if number in ("015", "029"):
        yield "bindingItinerary", "0"


def _consignment(root: Element, number: str, goods: Goods, country: str) -> None:
    """Containers and notes of one consignment of goods of all kinds."""
    mass = f"{_MASS * len(goods.boxes)}"
    consignment = root.add("Consignment")
    consignment.add("containerIndicator", "1")
    consignment.add("grossMass", mass)
    for place, box in enumerate(goods.boxes, start=1):
        equipment = consignment.add("TransportEquipment")
        equipment.add("sequenceNumber", str(place))
        equipment.add("containerIdentificationNumber", box)
        equipment.add("numberOfSeals", "0")
        reference = equipment.add("GoodsReference")
        reference.add("sequenceNumber", "1")
        reference.add("declarationGoodsItemNumber", "1")
    if number == "029":
        loading = consignment.add("PlaceOfLoading")
        loading.add("country", country)
        loading.add("location", _LOADED_AT[country])
    for place, note in enumerate(goods.notes, start=1):
        form, reference_number = note.split("/", 1)
        document = consignment.add("TransportDocument")
        document.add("sequenceNumber", str(place))
        document.add("type", _DOCUMENTS[form])
        document.add("referenceNumber", note if form == "CIMSMGS" else reference_number)
    house = consignment.add("HouseConsignment")
    house.add("sequenceNumber", "1")
    house.add("grossMass", mass)
    item = house.add("ConsignmentItem")
    item.add("goodsItemNumber", "1")
    item.add("declarationGoodsItemNumber", "1")
    commodity = item.add("Commodity")
    commodity.add("descriptionOfGoods", "simulated goods")
    commodity.add("GoodsMeasure").add("grossMass", mass)
    packaging = item.add("Packaging")
    packaging.add("sequenceNumber", "1")
    packaging.add("typeOfPackages", "NE")
    packaging.add("numberOfPackages", str(len(goods.boxes)))


def files(records: OfficeRecords) -> Iterator[PartnerFile]:
    """Every message of which all was published once and rightly."""
    lrns = {
        dict(h.about[:1])["declaration"]: h.about[1][1]
        for h in records.played.world.happenings
        if h.what == "customs.accepted"
    }
    for holder in HOLDER:
        yield from _of_declarant(records, holder, lrns)
    for customs in SYSTEMS:
        yield from _of_customs(records, customs, lrns)


def _of_declarant(records: OfficeRecords, holder: str, lrns: Mapping[str, str]) -> Iterator[PartnerFile]:
    covers = {m.record["data"]["declaration"]: m for m in records.plain(holder, "link.declaration_covers")}
    for message in records.plain(holder, "customs.transit_lodged"):
        (declaration,) = named(message, "declaration")
        if declaration not in covers:
            continue
        link = covers[declaration]
        facts: tuple[Fact, ...] = (
            records.take(message, "classifier", "happened", "jurisdiction", "procedure", "objects"),
            records.take(link, "declaration", "notes", "from"),
        )
        goods = Goods(named(message, "container"), link.record["data"]["notes"])
        content = written("015", declaration, declaration, at(message), goods=goods, holder=holder)
        sent = max(message.sent, link.sent)
        yield _file(holder, "015", declaration, sent, content, facts)
    opened = {h.about[0][1]: h for h in records.played.world.happenings if h.what == "customs.transit_opened"}
    for mrn in sorted(covers.keys() & opened.keys() & lrns.keys()):
        link, happening = covers[mrn], opened[mrn]
        goods = Goods(
            [key for kind, key in happening.about if kind == "container"], link.record["data"]["notes"]
        )
        relayed = {
            "classifier": "ACT",
            "happened": local("eu-pl", happening.at).isoformat(),
            "jurisdiction": happening.jurisdiction,
            "procedure": "T1",
            "objects": [*objects("declaration", [mrn]), *objects("container", goods.boxes)],
        }
        facts = (
            Fact("customs.transit_opened", relayed),
            records.take(link, "declaration", "notes", "from"),
            _same(mrn, lrns),
        )
        content = written("029", mrn, lrns[mrn], happening.at, goods=goods, holder=holder)
        yield _file(holder, "029", mrn, link.sent, content, facts)


def _of_customs(records: OfficeRecords, customs: str, lrns: Mapping[str, str]) -> Iterator[PartnerFile]:
    common = ("classifier", "happened", "jurisdiction", "objects")
    ends: dict[str, int] = {}  # by declaration: the release at its destination, before which nothing ends it
    for happening in records.played.world.happenings:
        if happening.what == "customs.transit_closed" and happening.about[0][0] == "declaration":
            ends[happening.about[0][1]] = min(happening.at, ends.get(happening.about[0][1], happening.at))
    for message in records.plain(customs, "customs.accepted"):
        mrn, lrn = named(message, "declaration")
        content = written("028", mrn, lrn, at(message))
        yield _file(
            customs, "028", mrn, message.sent, content, (records.take(message, *common), _same(mrn, lrns))
        )
    for message in records.plain(customs, "customs.selected_for_inspection"):
        mrn = only(message, "declaration")
        if mrn in lrns:
            content = written("060", mrn, lrns[mrn], at(message))
            facts = records.take(message, *common, "method"), _same(mrn, lrns)
            yield _file(customs, "060", mrn, message.sent, content, facts)
    yield from _released(records, customs, lrns, common)
    for message in records.plain(customs, "customs.unloading_permitted"):
        (mrn,) = named(message, "declaration")
        content = written("043", mrn, "", at(message), goods=Goods(named(message, "container")))
        yield _file(customs, "043", mrn, message.sent, content, (records.take(message, *common),))
    for message in records.plain(customs, "customs.transit_closed"):
        if named(message, "container"):
            continue
        (mrn,) = named(message, "declaration")
        number = "025" if at(message) == ends[mrn] else "045"
        content = written(number, mrn, "", at(message))
        yield _file(customs, number, mrn, message.sent, content, (records.take(message, *common),))


def _released(
    records: OfficeRecords, customs: str, lrns: Mapping[str, str], common: tuple[str, ...]
) -> Iterator[PartnerFile]:
    """029: with what the control of the documents found, where that was published once and rightly too."""
    covers = {m.record["data"]["declaration"]: m for m in records.plain(customs, "link.declaration_covers")}
    passed: dict[str, Message] = {}
    for message in records.plain(customs, "customs.inspection_passed"):
        if len(named(message, "declaration")) == 2:
            passed[named(message, "declaration")[0]] = message
    for message in records.plain(customs, "customs.transit_opened"):
        mrn = next(iter(named(message, "declaration")), "")
        if mrn not in covers:
            continue
        link, control = covers[mrn], passed.get(mrn)
        facts = [
            records.take(message, *common, "procedure"),
            records.take(link, "declaration", "notes", "from"),
        ]
        facts.append(_same(mrn, lrns))
        if control is not None:
            facts.append(records.take(control, *common))
        goods = Goods(named(message, "container"), link.record["data"]["notes"])
        content = written("029", mrn, lrns[mrn], at(message), goods=goods, controlled=control is not None)
        yield _file(customs, "029", mrn, max(message.sent, link.sent), content, tuple(facts))


def _same(mrn: str, lrns: Mapping[str, str]) -> Fact:
    """That both numbers are of one declaration, which messages with both of them state."""
    return Fact("link.declarations_same", {"declarations": [mrn, lrns[mrn]], "jurisdiction": mrn[:2]})


def _file(
    party: str, number: str, declaration: str, sent: int, content: bytes, facts: Sequence[Fact]
) -> PartnerFile:
    name = f"CC{number}C-{declaration.rpartition('/')[2]}.xml"
    return PartnerFile(sent, party, FORMAT, name, content, tuple(facts))
