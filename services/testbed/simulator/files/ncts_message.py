"""The form of NCTS messages, phase 5 (CC015C to CC060C): head, operation, offices, goods; all parties are invented."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.testbed.simulator.files import xml
from services.testbed.simulator.files.clock import local
from services.testbed.simulator.files.xml import Element
from services.testbed.simulator.transit import HOLDER

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
    """Message ``number`` about a declaration, made at ``prepared``, when what it tells was decided or done."""
    at_destination = number in ("025", "043")
    country = "DE" if at_destination else declaration[:2]
    customs = f"eu-{country.lower()}"
    root = xml.message(f"CC{number}C", _NAMESPACE, {"ncts": _NAMESPACE}, inside="")
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
