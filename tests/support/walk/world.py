"""A consignment whose every group of fields holds a value that stands nowhere else, and what the matrix gives each party of it."""

from __future__ import annotations

import csv
import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.api.access.matrix import TABLE
from services.cases.store import projector
from services.cases.store.case_service import CaseService
from services.ledger.storage.session import open_session
from tests.support.api import cast
from tests.support.documents_stored import BILL, RECEIPT, play_documents
from tests.support.financing.stored_world import SIGNER
from tests.support.financing.stories import Case

REFERENCE = "xaport/XA-1"
HS = "9706900000"
LOADED, LODGED, FOUND = "2026-03-02T02:00:53Z", "2026-03-01T03:10:37Z", "2026-03-01T05:00:41Z"
UNINSURED = "2026-03-18T04:00:47Z"
INVOICE, TOTAL = "MARK-77318", 731_864_529
_HASHED = hashlib.sha256(f"{REFERENCE}\0{cast.DECLARATION}".encode()).hexdigest()
_SECONDS = {
    "loaded-1": "2026-03-02T10:00:53+08:00",
    "lodged": "2026-03-01T11:10:37+08:00",
    "found": "2026-03-01T13:00:41+08:00",
    "cover-gone": "2026-03-18T12:00:47+08:00",
}
_MORE: tuple[dict[str, Any], ...] = (
    {"id": "marked", "by": "optic", "at": "2026-03-01T09:20+08:00", "type": "document.invoice_issued",
     "says": {"objects": f"consignment {REFERENCE}", "document_id": INVOICE, "issue_date": "2026-02-26",
              "seller_party": {"scheme": "USCC", "id": "91330100799655058B"}, "buyer_party": {"scheme": "LEI", "id": "5493000IBP32UQZ0KL24"},
              "grand_total_amount": {"minor_units": TOTAL, "currency_code": "EUR"}}},
    {"id": "consent-hull", "by": "optic", "at": "2026-03-01T12:00+08:00", "type": "credit.consent_granted",
     "says": {"bank": "hull", "purpose": "FINANCING_APPLICATION", "scope": ["SCORE"], "from": "2026-03-01T12:00+08:00",
              "to": "2036-03-01T12:00+08:00"}},
)  # fmt: skip

STANDS_AS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "xaport": (("operator", "engaged"),),
    "silk": (("forwarder", "engaged"), ("forwarder", "agent")),
    "optic": (("shipper", "engaged"), ("shipper", "own")),
    "ruhr": (("consignee", "engaged"),),
    "boxco": (("container_owner", "engaged"),),
    "cr": (("railway", "engaged"), ("railway", "territory")),
    "dit": (("terminal", "engaged"),),
    "gacc": (("customs", "territory"),),
    "abank": (("bank", "pledged"), ("bank", "own")),
    "hull": (("insurer", "consented"),),
    "bbank": (),
    "ktz": (),
    "textil": (),
    "stranger": (),
}
"""What each party is to the consignment: role and relation, as rows of the matrix."""
LENT = {
    "LN-1": {"abank", "optic"},
    "GD-1": {"abank", "optic"},
    "AP-A": {"abank", "optic"},
    "RF-1": {"bbank", "optic"},
}
"""References of financings and applications, and to whom they may show."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A value of one group of fields, and the ways of showing that group in which it shows."""

    name: str
    field: str
    shown: frozenset[str]
    pattern: re.Pattern[str]


def _marker(name: str, field: str, shown: str, pattern: str) -> Marker:
    return Marker(name, field, frozenset(shown.split()), re.compile(pattern))


MARKERS = (
    _marker("movement", "movement", "full", LOADED),
    _marker("container", "ids", "full", rf"(?<!for example ){cast.BOX}"),
    _marker("note", "ids", "full", r"SMGS/CN/XAY/100001/2026"),
    _marker("goods", "goods", "full", rf"\b{HS}\b"),
    _marker("goods, 4 digits", "goods", "hs4", rf"\b{HS[:4]}\b"),
    _marker("invoice", "invoice", "full", INVOICE),
    _marker("amount", "invoice", "full", r"7,318,645\.29|7318645\.29|731864529"),
    _marker("insurance", "invoice", "full", UNINSURED),
    _marker("lodged", "declaration_status", "full status", LODGED),
    _marker("declaration", "declaration_number", "full", cast.DECLARATION.partition("/")[2]),
    _marker("declaration, hashed", "declaration_number", "hash", _HASHED),
    _marker("inspection", "inspection", "full category", FOUND),
)


def granted(party: str, among: frozenset[str] | None = None) -> Mapping[str, str]:
    """How the party sees each group of fields, read from the matrix's own file; only those of ``among``."""
    order = (
        "none",
        "hash",
        "initials",
        "yes_no",
        "answer",
        "status",
        "hold",
        "category",
        "hs2",
        "hs4",
        "full",
    )
    found: dict[str, str] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            field, shown = row["field"], row["shown"]
            stands = (row["role"], row["relation"]) in STANDS_AS[party]
            if stands and (among is None or field in among):
                found[field] = max(found.get(field, "none"), shown, key=order.index)
    return found


def allowed(grants: Mapping[str, str]) -> set[str]:
    """The markers that show under these grants; a consignment whose movement is not seen is not seen at all."""
    if grants.get("movement") != "full":
        return set()
    found = {each.name for each in MARKERS if grants.get(each.field) in each.shown}
    return found if grants.get("ids") == "full" else found - {"declaration", "declaration, hashed", "note"}


def in_text(text: str) -> set[str]:
    """The markers that a response shows."""
    return {each.name for each in MARKERS if each.pattern.search(text)}


def lent_in(text: str) -> Iterator[str]:
    """The references of financings and applications that a response shows."""
    for reference in LENT:
        if re.search(rf"(?<![\w-]){reference}(?![\w-])", text):
            yield reference


def documents_in(text: str) -> Iterator[str]:
    """The numbers of the documents that a response shows, or leads to."""
    for document in (BILL, RECEIPT):
        if document.number in text or document.id in text:
            yield document.number


def story() -> Case:
    """The cast of the API, with markers in the first consignment, an owner of its container and an insurer that may look."""
    told = cast.case()
    events = tuple(_marked(each) for each in told.events) + _MORE
    parties = {**told.story.parties, "boxco": {"roles": ["container_owner"]}}
    return replace(told, story=replace(told.story, parties=parties, events=events), _written=events)


def _marked(event: dict[str, Any]) -> dict[str, Any]:
    made = {**event, "at": _SECONDS.get(event["id"], event["at"])}
    if event["id"] == "open-1":
        made["says"] = {**event["says"], "parties": [*event["says"]["parties"], {"boxco": "container_owner"}]}
    if event["id"] == "lodged":
        made["says"] = {**event["says"], "commodities": [HS]}
    return made


def play(dsn: str) -> None:
    """Store it in a migrated database, with the cases that follow from it."""
    cast.play(dsn, story())
    play_documents(dsn)
    with open_session(dsn) as session:
        session.autocommit = True
        projector.catch_up(session, CaseService(SIGNER, _moment))


def _moment(session: Any) -> tuple[int, int]:
    row = session.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetchone()
    return time.time_ns() // 1_000, int(row[0])
