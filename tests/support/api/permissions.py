"""Every route of the API with who sees what behind it: the table that ``test_permissions.py`` walks through.

A route without a row fails the test. ``own`` is asked by everybody in ``PARTIES``; whoever is not in ``sees`` must be answered
exactly as for ``absent``. A list that leaves foreign things out says so with ``lists``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from tests.support import receipts
from tests.support.api import hooks
from tests.support.api.cast import BOX
from tests.support.api.row import Row as Row
from tests.support.documents_stored import BILL

PARTIES = (
    "xaport", "silk", "optic", "textil", "toys", "ruhr", "cr", "dit", "abank", "bbank", "court", "gacc", "depl", "stranger",
    "hull",
)  # fmt: skip
_ABANK = frozenset({"abank"})
_ALERT = hashlib.sha256(b"abank/LN-1\x1fINSURANCE_CANCELLED\x1fPOL-1").hexdigest()[:32]
_INVOICE = {
    "number": "INV-0417", "seller": {"scheme": "USCC", "id": "91330100799655058B"},
    "buyer": {"scheme": "LEI", "id": "5493000IBP32UQZ0KL24"}, "issued_on": "2026-02-26",
    "amount": {"minor_units": 417_500_000, "currency_code": "CNY"},
}  # fmt: skip
_APPLICATION = {"application": "optic/AP-A", "product": "EXPORT_RECEIVABLE", "interest": "RECEIVABLE"}
_IN_A_WEEK = f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}"
_XA1 = frozenset({"xaport", "silk", "optic", "ruhr", "cr", "dit", "gacc", "abank"})

_OF_BILL = frozenset({"silk", "cr", "optic", "ruhr"})
_PROPOSED = {name: value for name, value in BILL.plain.items() if name not in ("version", "previous")}
_UNSIGNED = {
    "action": "SIGN",
    "version": 1,
    "content": BILL.digest,
    "request": "unsigned",
    "signature": "none",
}


ROWS: Mapping[tuple[str, str], Row] = {
    ("GET", "/v1/consignments"): Row(
        f"/v1/consignments?container={BOX}", "/v1/consignments?container=TBJU7000010", _XA1, lists=True
    ),
    ("GET", "/v1/consignments/{ref:path}/timeline"): Row(
        "/v1/consignments/xaport/XA-1/timeline", "/v1/consignments/xaport/none/timeline", _XA1
    ),
    ("GET", "/v1/consignments/{ref:path}/arrival"): Row(
        "/v1/consignments/xaport/XA-1/arrival", "/v1/consignments/xaport/none/arrival", _XA1
    ),
    ("GET", "/v1/consignments/{ref:path}"): Row(
        "/v1/consignments/xaport/XA-1", "/v1/consignments/xaport/none", _XA1
    ),
    ("GET", "/v1/search"): Row(f"/v1/search?q={BOX}", "/v1/search?q=TBJU7000010", _XA1, lists=True),
    ("GET", "/v1/financing-status"): Row(
        "/v1/financing-status?kind=consignment&id=xaport/XA-1",
        "/v1/financing-status?kind=consignment&id=xaport/none",
        _ABANK,
    ),
    ("POST", "/v1/financing-status"): Row(
        "/v1/financing-status", "/v1/financing-status", _ABANK, body={"invoices": [_INVOICE]}
    ),
    ("GET", "/v1/financings"): Row("/v1/financings", "/v1/financings", _ABANK, lists=True),
    ("GET", "/v1/alert-feed"): Row("/v1/alert-feed", "/v1/alert-feed", frozenset({"abank", "bbank", "hull"})),
    ("GET", "/v1/alerts"): Row("/v1/alerts", "/v1/alerts", _ABANK, lists=True),
    **{
        ("GET", f"/v1/financings/{{reference}}{part}"): Row(
            f"/v1/financings/LN-1{part}", f"/v1/financings/none{part}", _ABANK
        )
        for part in ("", "/history", "/answers", "/alerts")
    },
    ("POST", "/v1/financings/{reference}/alerts/{alert}/acknowledgement"): Row(
        f"/v1/financings/LN-1/alerts/{_ALERT}/acknowledgement",
        f"/v1/financings/LN-1/alerts/{'0' * 32}/acknowledgement",
        _ABANK,
        body={},
    ),
    ("POST", "/v1/reservations"): Row(
        "/v1/reservations",
        "/v1/reservations",
        _ABANK,
        body={
            **_APPLICATION,
            "reference": "LN-1",
            "consignments": ["xaport/XA-1"],
            "papers": {"invoices": [_INVOICE]},
        },
    ),
    **{
        ("POST", f"/v1/financings/{{reference}}/{action}"): Row(
            f"/v1/financings/GD-1/{action}", f"/v1/financings/none/{action}", _ABANK, body=body
        )
        for action, body in (
            ("pledge", None),
            ("draw", {"amount": {"minor_units": 1, "currency_code": "CNY"}}),
            ("release", None),
            ("cancel", None),
            ("substitute", {"replaces": "none"}),
        )
    },
    ("POST", "/v1/financings/{reference}/registry-answers"): Row(
        "/v1/financings/NEW-1/registry-answers",
        "/v1/financings/none/registry-answers",
        frozenset({"abank", "bbank", "hull"}),
        body={"papers": {"invoices": [_INVOICE]}},
    ),
    ("POST", "/v1/corroborations"): Row(
        "/v1/corroborations",
        "/v1/corroborations",
        _ABANK,
        body={**_APPLICATION, "consignments": ["xaport/XA-1"], "invoice": _INVOICE},
    ),
    ("POST", "/v1/cargo-requests"): Row(
        "/v1/cargo-requests",
        "/v1/cargo-requests",
        frozenset({"xaport", "silk", "optic", "ruhr", "cr", "dit"}),
        body={"action": "RELEASE_ORDER", "consignments": ["xaport/XA-1"]},
    ),
    ("GET", "/v1/shippers/{shipper}/credit"): Row(
        "/v1/shippers/textil/credit?purpose=FINANCING_APPLICATION",
        "/v1/shippers/nobody/credit?purpose=FINANCING_APPLICATION",
        frozenset({"textil", "bbank"}),
    ),
    ("GET", "/v1/events/receipt"): Row(
        f"/v1/events/receipt?source=//cr.example&id={receipts.DELIVERED}",
        "/v1/events/receipt?source=//none.example&id=none",
        frozenset({"cr"}),
    ),
    ("GET", "/v1/handovers/receipt"): Row(
        f"/v1/handovers/receipt?container={receipts.HANDED_OVER}",
        "/v1/handovers/receipt?container=TBJU7000010",
        frozenset({"silk", "cr"}),
    ),
    ("GET", "/v1/decisions/{number}/receipt"): Row(
        "/v1/decisions/1/receipt", "/v1/decisions/2/receipt", frozenset()
    ),
    ("GET", "/v1/financings/{reference}/receipt"): Row(
        "/v1/financings/LN-1/receipt", "/v1/financings/none/receipt", _ABANK
    ),
    ("GET", "/v1/shippers/{shipper}/credit/receipt"): Row(
        "/v1/shippers/textil/credit/receipt?record=1&purpose=FINANCING_APPLICATION",
        "/v1/shippers/nobody/credit/receipt?record=1&purpose=FINANCING_APPLICATION",
        frozenset(),
    ),
    ("GET", "/v1/border-forecasts"): Row("/v1/border-forecasts", "/v1/border-forecasts", frozenset(PARTIES)),
    ("GET", "/v1/line"): Row(
        "/v1/line?at=2026-03-10T00:00:00Z", "/v1/line?at=2026-03-10T00:00:00Z", frozenset(PARTIES)
    ),
    ("GET", "/v1/sandbox/conformance"): Row(
        "/v1/sandbox/conformance", "/v1/sandbox/conformance", frozenset(PARTIES)
    ),
    ("GET", "/v1/sandbox/conformance/{run}"): Row(
        "/v1/sandbox/conformance/1", "/v1/sandbox/conformance/1", frozenset(PARTIES)
    ),
    ("GET", "/v1/statistics"): Row("/v1/statistics", "/v1/statistics", frozenset(PARTIES)),
    ("GET", "/v1/platform-keys"): Row("/v1/platform-keys", "/v1/platform-keys", frozenset(PARTIES)),
    ("GET", "/v1/access-log"): Row("/v1/access-log", "/v1/access-log", frozenset(PARTIES)),
    ("GET", "/v1/share-links"): Row("/v1/share-links", "/v1/share-links", frozenset(PARTIES), lists=True),
    ("POST", "/v1/share-links"): Row(
        "/v1/share-links",
        "/v1/share-links",
        _XA1 - {"abank"},
        status=201,
        body={"consignment": "xaport/XA-1", "expires": _IN_A_WEEK},
    ),
    ("GET", "/v1/share-links/{id}/openings"): Row(
        f"/v1/share-links/{hooks.LINK}/openings",
        f"/v1/share-links/{hooks.NONE}/openings",
        frozenset({"optic"}),
    ),
    ("DELETE", "/v1/share-links/{id}"): Row(
        f"/v1/share-links/{hooks.LINK}", f"/v1/share-links/{hooks.NONE}", frozenset({"optic"}), status=204
    ),
    ("GET", "/v1/trade/datasets/{ref:path}"): Row(
        "/v1/trade/datasets/optic/T-1",
        "/v1/trade/datasets/optic/none",
        frozenset({"silk", "optic", "ruhr", "cr", "gacc"}),  # whoever sees the goods of XA-1 whole
    ),
    ("GET", "/v1/trade/deals/{ref:path}"): Row(
        "/v1/trade/deals/textil/OD-1",
        "/v1/trade/deals/textil/none",
        frozenset({"textil", "bbank", "abank", "hull", "ruhr"}),  # the last three see the verdict alone
    ),
    ("POST", "/v1/trade/annotations"): Row(
        "/v1/trade/annotations",
        "/v1/trade/annotations",
        frozenset({"bbank"}),  # with the consent of the deal's owner
        body={
            "request": "once",
            "deal": "textil/OD-1",
            "paper": {"kind": "INVOICE", "number": "OFF-76"},
            "amount": {"minor_units": 1, "currency_code": "EUR"},
        },
    ),
    ("POST", "/v1/trade/annotations/{number}/revocations"): Row(
        "/v1/trade/annotations/1/revocations",
        "/v1/trade/annotations/2/revocations",
        frozenset(),
        body={"request": "revoked"},
    ),
    ("GET", "/v1/trade/statuses/{ref:path}"): Row(
        "/v1/trade/statuses/optic/T-1",
        "/v1/trade/statuses/optic/none",
        frozenset(
            {"silk", "optic", "gacc", "abank"}
        ),  # who stated it, and whoever sees the declarations of XA-1 whole
    ),
    ("GET", "/v1/trade/findings/{ref:path}"): Row(
        "/v1/trade/findings/optic/T-1",
        "/v1/trade/findings/optic/none",
        frozenset(
            {"silk", "optic", "ruhr", "gacc", "abank"}
        ),  # who stated it, the buyer, customs, the pledgee
    ),
    ("GET", "/v1/documents"): Row("/v1/documents", "/v1/documents", _OF_BILL, lists=True),
    **{
        ("GET", f"/v1/documents/{{document}}{part}"): Row(
            f"/v1/documents/{BILL.id}{part}", f"/v1/documents/{'0' * 32}{part}", _OF_BILL
        )
        for part in ("", "/history")
    },
    ("GET", "/v1/documents/{document}/transfers/{number}/receipt"): Row(
        f"/v1/documents/{BILL.id}/transfers/1/receipt",
        f"/v1/documents/{'0' * 32}/transfers/1/receipt",
        frozenset(),  # drafted, and not issued
    ),
    ("POST", "/v1/document-proposals"): Row(
        "/v1/document-proposals", "/v1/document-proposals", _XA1, body=_PROPOSED
    ),
    ("POST", "/v1/documents"): Row(
        "/v1/documents",
        "/v1/documents",
        frozenset({"silk"}),
        status=422,
        body={
            "document": {**BILL.plain, "number": "FBL-UNSIGNED"},
            "instruction": {**_UNSIGNED, "action": "DRAFT"},
        },
    ),
    ("POST", "/v1/documents/{document}/instructions"): Row(
        f"/v1/documents/{BILL.id}/instructions",
        f"/v1/documents/{'0' * 32}/instructions",
        _OF_BILL,
        status=422,
        body=_UNSIGNED,
    ),
    **hooks.rows(PARTIES),
}
