"""Drafts of amendments: the КДТ of an EAEU goods declaration (``KDTout_CU``) and the entries of a Chinese modification (修改/撤销表). Nothing is sent.

The КДТ has the structure of album 5.23, in force until 31 March 2026. Of box 45a the classes of change are written; the phase and the ground, whose
classifiers are not known here, and payments that a change of value or code moves, are "?" until somebody states them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from lxml import etree

from schemas.identifiers import eaeu_declaration
from services.trade.domain.amending import Consequence, Entry
from services.trade.domain.filing import ChangeClass
from services.trade.domain.in_step_rules import Ground
from services.trade.domain.paper import Line, Paper
from services.trade.domain.values import Field, Quantity
from services.trade.formats.filings import BOX_45A

_KDT: Final = "urn:customs.ru:Information:CustomsDocuments:KDTout_CU:5.23.0"
_CAT: Final = "urn:customs.ru:CommonAggregateTypes:5.22.0"
_ESAD: Final = "urn:customs.ru:CUESADCommonAggregateTypesCust:5.22.0"
_MODE: Final = "1006111E"
_CHARACTERS: Final = ("PhaseChanges", "BasisCompilation", "QuantityChanges", "CountryChanges", "TNVEDChanges", "CustCostChanges", "CustomsPaymentChanges", "OtherChanges")  # fmt: skip
UNKNOWN: Final = "?"
_MOVES_PAYMENTS: Final = frozenset(
    {ChangeClass.COST, ChangeClass.CODE, ChangeClass.COUNTRY, ChangeClass.QUANTITY}
)
_MOST_TEXT: Final = 250
_MOST_QUANTITIES: Final = 3

CHINESE_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "3": ("境内收发货人", "TradeCoScc"),
    "5": ("境外收发货人", "OverseasConsigneeEname"),
    "8": ("合同协议号", "ContrNo"),
    "17": ("成交方式", "TransMode"),
    "18": ("运费", "FeeRate"),
    "19": ("保费、杂费", "InsurRate OtherRate"),
    "20": ("币制", "TradeCurr"),
    "21": ("总价", "DeclTotal"),
    "24": ("商品编号", "CodeTS"),
    "25": ("商品名称及规格型号", "GName GModel"),
    "27": ("原产国(地区)", "OriginCountry"),
    "29": ("毛重", "GrossWet"),
    "31": ("净重", "NetWt FirstQty"),
    "33": ("成交数量", "GQty"),
    "34": ("件数", "PackNo"),
    "37": ("集装箱号", "ContainerId"),
}
"""The field of the Chinese declaration of each element, and its elements in DecMessage."""


def modification(
    consequence: Consequence, ground: Ground | None, grounds: tuple[Ground, ...]
) -> dict[str, Any]:
    """The entries of a Chinese modification as JSON: what to apply for, on which ground of Order 220; without one, the grounds to choose from."""
    return {
        "form": "进出口货物报关单修改/撤销表",
        "draft": True,
        "sent": False,
        "declaration": consequence.current.filing.declaration,
        "action": "修改",
        "ground": None if ground is None else _ground(ground),
        "grounds": [] if ground is not None else [_ground(each) for each in grounds],
        "entries": [
            {
                "item": entry.item or None,
                "field": CHINESE_FIELDS.get(entry.element, (entry.element, ""))[0],
                "tags": CHINESE_FIELDS.get(entry.element, ("", ""))[1].split(),
                "element": entry.element,
                "before": entry.before,
                "after": entry.after,
            }
            for entry in consequence.entries
        ],
    }


def _ground(ground: Ground) -> dict[str, str]:
    return {"code": ground.code, "text": ground.words["zh"], "source": ground.source}


def box_45a(entries: tuple[Entry, ...], phase: str = UNKNOWN, ground: str = UNKNOWN) -> str:
    """The eight characters: phase, ground, and of each class 1 where an entry is of it."""
    classes = {each.change_class for each in entries}
    marks = ["1" if each in classes else "0" for each in BOX_45A]
    if classes & _MOVES_PAYMENTS:
        marks[BOX_45A.index(ChangeClass.PAYMENT)] = UNKNOWN
    return f"{phase or UNKNOWN}{ground or UNKNOWN}{''.join(marks)}"


def correction(consequence: Consequence, phase: str = UNKNOWN, ground: str = UNKNOWN) -> bytes:
    """The КДТ of a goods declaration: the items that change, whole, each with its box 45a; raises MalformedIdentifier without its registered number."""
    current, paper = consequence.current, consequence.amended
    registered = eaeu_declaration.parse(current.filing.declaration)
    number = len(current.applied) + 1
    root = etree.Element(
        _name(_KDT, "KDTout_CU"),
        {"DocumentModeID": _MODE},
        nsmap={None: _KDT, "cat_ru": _CAT, "catESAD_cu": _ESAD},
    )
    made = uuid.uuid5(
        uuid.NAMESPACE_URL,
        "/".join((registered.text, str(number), *(repr(each) for each in consequence.entries))),
    )
    _add(root, _CAT, "DocumentID", str(made).upper())
    _add(root, _CAT, "RefDocumentID", current.filing.declared.id)
    _add(root, _KDT, "KDTNumber", number)
    _add(root, _KDT, "CustomsProcedure", "ИМ")
    changed = {each.item for each in consequence.entries if each.item}
    shipment = etree.SubElement(root, _name(_KDT, "KDToutGoodsShipment"))
    _add(shipment, _ESAD, "TotalGoodsNumber", len(paper.lines))
    for packages in paper.packages[:1]:
        _add(shipment, _ESAD, "TotalPackageNumber", packages.number.value)
    etree.SubElement(shipment, _name(_KDT, "KTDoutDeclarant"))
    _terms(shipment, paper)
    for line in paper.lines:
        if line.number in changed:
            _goods(
                shipment,
                paper,
                line,
                box_45a(
                    tuple(each for each in consequence.entries if each.item in ("", line.number)),
                    phase,
                    ground,
                ),
                consequence,
            )
    registry = etree.SubElement(root, _name(_KDT, "GtdRegistryNumber"))
    _add(registry, _CAT, "CustomsCode", registered.post)
    _add(registry, _CAT, "RegistrationDate", registered.day)
    _add(registry, _CAT, "GTDNumber", registered.serial)
    etree.SubElement(root, _name(_KDT, "KDTFilledInfo"))
    if not changed:
        _characters(root, box_45a(consequence.entries, phase, ground))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _name(namespace: str, local: str) -> str:
    return f"{{{namespace}}}{local}"


def _add(above: etree._Element, namespace: str, local: str, value: object) -> None:
    """An element with a text; none where there is no value."""
    if value is None or value == "":
        return
    node = etree.SubElement(above, _name(namespace, local))
    node.text = format(value, "f") if isinstance(value, Decimal) else str(value)


def _terms(shipment: etree._Element, paper: Paper) -> None:
    if paper.currency is None and paper.terms is None and paper.total is None:
        return
    terms = etree.SubElement(shipment, _name(_KDT, "KDToutMainContractTerms"))
    _add(terms, _ESAD, "ContractCurrencyCode", paper.currency.value if paper.currency else None)
    _add(terms, _ESAD, "ContractCurrencyRate", paper.rate.value if paper.rate else None)
    _add(terms, _ESAD, "TotalInvoiceAmount", paper.total.value.amount if paper.total else None)
    _add(terms, _ESAD, "TradeCountryCode", paper.trade_country.value if paper.trade_country else None)
    if paper.terms is not None:
        delivery = etree.SubElement(terms, _name(_ESAD, "CUESADDeliveryTerms"))
        _add(delivery, _CAT, "DeliveryPlace", paper.terms_place.value if paper.terms_place else None)
        _add(delivery, _CAT, "DeliveryTermsStringCode", paper.terms.value)


def _goods(
    shipment: etree._Element, paper: Paper, line: Line, characters: str, consequence: Consequence
) -> None:
    """An item, whole; of one whose price changed the customs value stands as the previous one, because the new one has to be computed."""
    goods = etree.SubElement(shipment, _name(_KDT, "KDToutGoods"))
    _add(goods, _ESAD, "GoodsNumeric", line.number)
    text = line.description.value if line.description else ""
    for start in range(0, min(len(text), 4 * _MOST_TEXT), _MOST_TEXT):
        _add(goods, _ESAD, "GoodsDescription", text[start : start + _MOST_TEXT])
    for name, field in (
        ("GrossWeightQuantity", line.gross),
        ("NetWeightQuantity", line.net),
        ("NetWeightQuantity2", line.net_without_packing),
    ):
        _add(goods, _ESAD, name, field.value if field else None)
    _add(goods, _ESAD, "InvoicedCost", line.amount.value.amount if line.amount else None)
    moved = any(
        each.item == line.number and each.change_class is ChangeClass.COST for each in consequence.entries
    )
    value = line.customs_value.value if line.customs_value else None
    _add(goods, _ESAD, "CustomsCost", None if moved else value)
    _add(goods, _ESAD, "GoodsTNVEDCode", line.code.value.digits if line.code else None)
    _add(goods, _ESAD, "OriginCountryCode", line.origin.value if line.origin else None)
    _add(goods, _KDT, "PreviousCustomsCost", value if moved else None)
    _add(goods, _KDT, "KDTGoodsNumeric", line.number)
    for quantity in line.further[:_MOST_QUANTITIES]:
        _quantity(goods, "SupplementaryGoodsQuantity1", quantity)
    if line.quantity is not None and line.quantity not in line.further:
        _quantity(goods, "SupplementaryGoodsQuantity", line.quantity)
    if paper.boxes:
        boxes = etree.SubElement(goods, _name(_KDT, "ESADContainer"))
        for box in paper.boxes:
            number = etree.SubElement(boxes, _name(_ESAD, "ContainerNumber"))
            _add(number, _ESAD, "ContainerIdentificaror", box.value)
    if line.packages is not None:
        packaging = etree.SubElement(goods, _name(_KDT, "ESADGoodsPackaging"))
        _add(packaging, _ESAD, "PakageQuantity", line.packages.value)
    _characters(goods, characters)


def _quantity(goods: etree._Element, name: str, quantity: Field[Quantity]) -> None:
    node = etree.SubElement(goods, _name(_KDT, name))
    _add(node, _CAT, "GoodsQuantity", quantity.value.number)
    written = quantity.value.unit_written
    _add(node, _CAT, "MeasureUnitQualifierCode" if written.isdigit() else "MeasureUnitQualifierName", written)


def _characters(above: etree._Element, characters: str) -> None:
    change = etree.SubElement(above, _name(_KDT, "ChangeCode"))
    for name, character in zip(_CHARACTERS, characters, strict=True):
        _add(change, _KDT, name, character)
