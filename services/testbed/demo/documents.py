"""The deal of the demo as a bank hands it to the API: its terms and papers, and the same papers in look-alike letters."""

from __future__ import annotations

from typing import Any

from services.testbed.simulator import financing
from services.testbed.simulator.financing import CURRENCY, Financed

Json = dict[str, Any]
_LOOK_ALIKE = str.maketrans({"I": "\N{CYRILLIC CAPITAL LETTER BYELORUSSIAN-UKRAINIAN I}", "-": "\N{EN DASH}"})
_DIGITS = {ord("0") + n: chr(ord("\N{FULLWIDTH DIGIT ZERO}") + n) for n in range(10)}


def reservation(financed: Financed, reference: str, application: str, papers: Json) -> Json:
    """The body of POST /v1/reservations for the bank's own ``reference``, on the shipper's ``application`` to it."""
    return {
        "reference": reference,
        "application": f"{financed.shipper}/{application}",
        "product": "IN_TRANSIT_GOODS",
        "interest": "GOODS",
        "consignments": [financed.consignment],
        "papers": papers,
    }


def true_papers(financed: Financed) -> Json:
    """The papers of the deal as they are."""
    invoice = {
        "number": financed.invoice,
        "issued_on": financed.loaded_on.isoformat(),
        "seller": {"scheme": "PARTY", "id": financed.shipper},
        "buyer": {"scheme": "PARTY", "id": financed.consignee},
        "amount": {"minor_units": financing.VALUE, "currency_code": CURRENCY},
    }
    box = {
        "container": financed.box,
        "origin": financed.origin,
        "loaded_on": financed.loaded_on.isoformat(),
    }
    return {
        "invoices": [invoice],
        "notes": [{"key": financed.note}],
        "boxes": [box],
        "consignments": [financed.consignment],
    }


def look_alike(financed: Financed) -> Json:
    """The same papers, written so that a machine would read other numbers: look-alike letters, full-width digits, spaces."""
    same = true_papers(financed)
    number = financed.invoice.translate(_LOOK_ALIKE).translate(_DIGITS)
    box = f"{financed.box[:4].lower()} {financed.box[4:10]}-{financed.box[10:]}"
    return {
        **same,
        "invoices": [{**each, "number": number} for each in same["invoices"]],
        "boxes": [{**each, "container": box} for each in same["boxes"]],
    }
