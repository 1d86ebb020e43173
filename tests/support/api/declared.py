"""Declarations of the cast's trade T-1: silk's at export, ruhr's at import, ruhr's correction; and explanations of what the checks find in it."""

from __future__ import annotations

from typing import Any

from tests.support.api import cast

IMPORT = "RU/10131010/160326/3000001"
SOLD, RESOLD, AMENDED = "6482.915377", "9205.164738", "9205.17"
"""What silk declares at export, and ruhr at import, at first and as amended: its margin lies between."""


def _declared(kind: str, number: str, price: str) -> dict[str, Any]:
    line = {"number": "1", "amount": {"amount": price, "currency": "CNY"}, "gross": "12.000001"}
    return {"kind": kind, "number": number, "lines": [line]}


def _lodged(
    id: str, by: str, at: str, type_: str, declaration: str, declared: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": id, "by": by, "at": at, "type": f"customs.{type_}.v2",
        "says": {"objects": f"declaration {declaration}", "jurisdiction": declaration[:2], "declared": declared,
                 "dataset": {"owner": "optic", "reference": "T-1", "version": cast.digest_of(cast.FIRST)},
                 "links": [{"dataset": "L1", "declared": "1"}]},
    }  # fmt: skip


MORE = (
    _lodged("cn", "silk", "2026-03-01T12:00+08:00", "export_lodged", cast.DECLARATION,
            _declared("CN_DECLARATION", "222920260000012345", SOLD)),
    {"id": "of-note", "by": "ruhr", "at": "2026-03-16T08:00+03:00", "type": "link.declaration_covers",
     "says": {"declaration": IMPORT, "notes": [cast.NOTE], "from": "2026-03-16T08:00+03:00"}},
    _lodged("dt", "ruhr", "2026-03-16T09:00+03:00", "import_lodged", IMPORT,
            _declared("EAEU_DECLARATION", "10131010/160326/3000001", RESOLD)),
)  # fmt: skip
CORRECTED = {
    "id": "dt-again", "by": "ruhr", "at": "2026-03-18T09:00+03:00", "type": "customs.amended.v2",
    "says": {"objects": f"declaration {IMPORT}", "jurisdiction": "RU", "amendment": "K-1", "classes": ["COST"],
             "declared": _declared("EAEU_DECLARATION", "10131010/160326/3000001", AMENDED)},
}  # fmt: skip


def explained(id: str, by: str, at: str, check: str, digest: str, text: str) -> dict[str, Any]:
    """A party's explanation of the finding of that digest."""
    return {
        "id": id, "by": by, "at": at, "type": "trade.finding_explained",
        "says": {"owner": "optic", "reference": "T-1", "finding": {"check": check, "digest": digest}, "text": text},
    }  # fmt: skip
