"""Examples of a trade: its data, an offshore deal, and what a declaration that was made from the data states."""

from __future__ import annotations

import hashlib
from typing import Any

Json = dict[str, Any]

CONTAINERS = ("CSQU3054383", "MSKU0000006")
NOTE = "CIMSMGS/CN/33100/0070268/2026"

TRADE_DATA: Json = {
    "reference": "T-2026-031",
    "version": 1,
    "currency": "CNY",
    "terms": "FCA",
    "terms_place": "Xi'an",
    "parties": [
        {
            "role": "SELLER",
            "scheme": "USCC",
            "number": "91330100799655058B",
            "name": "Xi'an Optics Co., Ltd.",
        },
        {"role": "CONSIGNEE", "scheme": "INN", "number": "7707083893"},
    ],
    "lines": [
        {
            "id": "L1",
            "description": "Portable computers AB-120",
            "code": {"scheme": "HS", "digits": "8471300000", "edition": 2022},
            "origin": "CN",
            "quantity": "412",
            "unit": "C62",
            "price": "10133.495145",
            "amount": "4174999.99974",
            "gross": "21340.25",
            "net": "19870.000001",
            "packages": 412,
        }
    ],
    "charges": [{"kind": "FREIGHT", "amount": "41750.5"}],
    "package_level": "CARTON",
    "boxes": [CONTAINERS[0]],
    "papers": [
        {"kind": "INVOICE", "number": "INV-2026-0417", "day": "2026-02-26"},
        {"kind": "TRANSPORT", "number": NOTE},
    ],
}

OFFSHORE_DEAL: Json = {
    "occurrence": "",
    "reference": "OD-2026-7",
    "kind": "RESALE",
    "bop": "122010",
    "customs_statistics": False,
    "contracts": [
        {
            "number": "P-77",
            "role": "BUYS",
            "counterparty": {
                "scheme": "LEI",
                "number": "5493000IBP32UQZ0KL24",
                "name": "Ruhr Maschinen GmbH",
            },
            "day": "2026-02-20",
            "amount": {"minor_units": 8_100_000, "currency_code": "EUR"},
            "subheading": "847130",
            "destination": "DE",
        },
        {
            "number": "S-78",
            "role": "SELLS",
            "counterparty": {"scheme": "BIN", "number": "050140003456"},
            "day": "2026-02-24",
            "amount": {"minor_units": 9_000_000, "currency_code": "EUR"},
            "subheading": "847130",
            "destination": "KZ",
        },
    ],
    "papers": [
        {
            "kind": "INVOICE",
            "number": "INV-2026-0418",
            "day": "2026-02-26",
            "amount": {"minor_units": 9_000_000, "currency_code": "EUR"},
        },
        {
            "kind": "TRANSPORT",
            "number": "HWB 4410",
            "issuer": {"scheme": "EORI", "number": "DE1234567"},
        },
    ],
    "vessels": [{"imo": "9074729", "voyage": "018W"}],
}

_DECLARED: Json = {
    "kind": "CN_DECLARATION",
    "number": "900120260000000417",
    "day": "2026-03-02",
    "parties": [{"role": "CONSIGNOR", "id": "91330100799655058B", "name": "Xi'an Optics Co., Ltd."}],
    "references": [{"kind": "INVOICE", "number": "INV-2026-0417"}],
    "terms": "FCA",
    "currency": "CNY",
    "charges": [{"kind": "FREIGHT", "amount": {"amount": "41750.5", "currency": "CNY"}}],
    "gross": "21340.25",
    "boxes": [CONTAINERS[0]],
    "lines": [
        {
            "number": "1",
            "description": "Portable computers AB-120",
            "code": {"scheme": "CN", "digits": "8471300000", "edition": 2022},
            "quantity": {"number": "412", "unit": {"base": "C62", "factor": "1"}, "unit_written": "007"},
            "amount": {"amount": "4174999.99974", "currency": "CNY"},
            "gross": "21340.25",
        }
    ],
}
_MADE_FROM: Json = {
    "owner": "xian-optics",
    "reference": "T-2026-031",
    "version": hashlib.sha256(b"a version").hexdigest(),
}
FILING: Json = {
    "dataset": _MADE_FROM,
    "declared": _DECLARED,
    "links": [{"dataset": "L1", "declared": "1"}],
    "amendment": "900120260000000417/1",
    "phase": "RELEASED",
    "ground": "Decision 289, 11",
    "classes": ["QUANTITY"],
    "by_customs": True,
    "refused": False,
}
