"""Who calls in the tests of the API, and what there is to see: the first financing story, with customs and a consent.

XA-1: shipper optic, consignee ruhr, forwarder silk, railway cr, terminal dit, pledged to abank (LN-1), which reserved the
goods too (GD-1, run out); its declaration was inspected. XA-2: shipper textil, forwarder silk, nobody else; textil lets bbank look. XA-3: shipper toys, forwarder silk.
XA-2 and XA-3 share a box. Optic states its trade T-1, silk the next version of it; textil states TX-1 of the shared box; each price stands nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas.events.trade import TradeData
from services.credit.store import projector
from services.trade.formats.dataset import stated
from tests.support.financing.stored_world import Stored, events_of, register
from tests.support.financing.stories import Case, cases, micros

DECLARATION = "CN/222920260000012345"
NOTE = "SMGS/CN/XAY/100001/2026"
BOX, SHARED_BOX = "CSQU3054383", "MSKU0000006"
PARTIES = {
    "gacc": {"roles": ["customs"], "countries": ["CN"]},
    "depl": {"roles": ["customs"], "countries": ["PL"]},
    "stranger": {"roles": ["operator"]},
    "hull": {"roles": ["insurer"]},
}
BOUGHT, SOLD = 81_236_417, 90_021_347
"""Minor units of the two contracts of textil's offshore deal."""
OPTIC_PRICE, AGENT_PRICE, TEXTIL_PRICE = "7391.264185", "7391.264186", "5183.927461"


def trade(reference: str, price: str, previous: dict[str, Any] | None = None) -> dict[str, Any]:
    """A version of a trade's data: the first, or the one after ``previous``."""
    line = {
        "id": "L1", "description": "Optical sensors AB-120", "code": {"scheme": "HS", "digits": "8541430000", "edition": 2022},
        "origin": "CN", "quantity": "3", "unit": "C62", "price": price, "amount": price, "gross": "12.000001",
    }  # fmt: skip
    before = (
        {"version": 1}
        if previous is None
        else {"version": previous["version"] + 1, "previous": digest_of(previous)}
    )
    return {"reference": reference, **before, "currency": "CNY", "lines": [line]}


def digest_of(version: dict[str, Any]) -> str:
    """The digest of a version as JSON."""
    return stated(TradeData.model_validate(version)).digest


FIRST = trade("T-1", OPTIC_PRICE)
SECOND = trade("T-1", AGENT_PRICE, FIRST)
DEAL: dict[str, Any] = {
    "reference": "OD-1", "kind": "RESALE", "bop": "122010",
    "contracts": [
        {"number": "P-1", "role": "BUYS", "counterparty": {"scheme": "LEI", "number": "5493000IBP32UQZ0KL24"},
         "amount": {"minor_units": BOUGHT, "currency_code": "EUR"}, "destination": "DE"},
        {"number": "S-1", "role": "SELLS", "counterparty": {"scheme": "PARTY", "number": "ruhr"},
         "amount": {"minor_units": SOLD, "currency_code": "EUR"}, "destination": "KZ"},
    ],
    "papers": [
        {"kind": "INVOICE", "number": "OFF-77", "amount": {"minor_units": SOLD, "currency_code": "EUR"}},
        {"kind": "INVOICE", "number": "OFF-76", "amount": {"minor_units": 1_000, "currency_code": "EUR"}},  # for walks of all that may be asked
    ],
}  # fmt: skip
"""Textil's offshore deal in the box that it shares: bought from a company that is not here, sold to ruhr."""
ODD = ("A/B", "A B", "联运-1", "50%", "A%2FB", "50%25", "timeline", "A/timeline", "a?b#c", "~x.y", "é")
"""References of consignments of xaport, of one event each, that cannot be written into a URL as they are."""
EVENTS = (
    *(
        {"id": f"odd-{number}", "by": "xaport", "at": "2026-03-01T12:30+08:00", "type": "link.consignment_opened",
         "says": {"reference": reference}}
        for number, reference in enumerate(ODD)
    ),
    {"id": "covers", "by": "silk", "at": "2026-03-01T11:00+08:00", "type": "link.declaration_covers",
     "says": {"declaration": DECLARATION, "notes": [NOTE]}},
    {"id": "lodged", "by": "silk", "at": "2026-03-01T11:10+08:00", "type": "customs.export_lodged",
     "says": {"objects": f"declaration {DECLARATION}", "jurisdiction": "CN", "commodities": ["8541430000"]}},
    {"id": "found", "by": "gacc", "at": "2026-03-01T13:00+08:00", "type": "customs.inspection_finding",
     "says": {"objects": f"declaration {DECLARATION}", "jurisdiction": "CN", "finding": "QUANTITY"}},
    {"id": "let-go", "by": "gacc", "at": "2026-03-01T15:00+08:00", "type": "customs.released",
     "says": {"objects": f"declaration {DECLARATION}", "jurisdiction": "CN", "procedure": "EXPORT"}},
    {"id": "trade-1", "by": "optic", "at": "2026-03-01T10:00+08:00", "type": "trade.dataset_stated",
     "says": {"objects": "consignment xaport/XA-1", "dataset": FIRST}},
    {"id": "trade-2", "by": "silk", "at": "2026-03-01T10:30+08:00", "type": "trade.dataset_stated",
     "says": {"objects": "consignment xaport/XA-1", "owner": "optic", "dataset": SECOND}},
    {"id": "trade-shared", "by": "textil", "at": "2026-03-01T16:00+08:00", "type": "trade.dataset_stated",
     "says": {"objects": f"container {SHARED_BOX}", "dataset": trade("TX-1", TEXTIL_PRICE)}},
    {"id": "deal-1", "by": "textil", "at": "2026-03-01T17:00+08:00", "type": "trade.offshore_deal_stated",
     "says": {"objects": f"container {SHARED_BOX}", **DEAL}},
    {"id": "cover-gone", "by": "silk", "at": "2026-03-18T12:00+08:00", "type": "document.insurance_cancelled",
     "says": {"objects": "consignment xaport/XA-1", "document_id": "POL-1", "reason": "NON_PAYMENT"}},
    {"id": "consent", "by": "textil", "at": "2026-03-01T12:00+08:00", "type": "credit.consent_granted",
     "says": {"bank": "bbank", "purpose": "FINANCING_APPLICATION", "scope": ["SCORE"], "from": "2026-03-01T12:00+08:00",
              "to": "2036-03-01T12:00+08:00"}},
)  # fmt: skip


def case(more: Sequence[Mapping[str, Any]] = ()) -> Case:
    """The first financing story with what is added here, and ``more`` events."""
    first = cases()[0]
    added = (*EVENTS, *more)
    story = replace(
        first.story,
        parties={**first.story.parties, **PARTIES},
        events=(*first.story.events, *added),
    )
    return replace(first, story=story, _written=(*first.events, *added))


def play(dsn: str, told: Case | None = None) -> None:
    """Register the cast in a migrated database, store the events of ``told``, and let abank reserve and pledge."""
    told = case() if told is None else told
    stored = Stored(dsn, events_of(told))
    register(stored.session, told.story)
    stored.session.commit()
    stored.begin()
    for number in range(2):  # RESERVE, PLEDGE
        ask, at, on = told.ask(number)
        stored.ask(ask, at, on)
    goods, at, on = cases()[1].ask(0)
    stored.ask(goods, max(at, micros("2026-03-04T00:00Z")), on)
    stored.hear(micros("2026-12-31T00:00Z"))
    projector.catch_up(stored.session)  # consents are found by the credit projection
    stored.session.commit()
    stored.close()
