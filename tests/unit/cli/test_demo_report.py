"""What the demo and its dares print: each part says that it is simulated, and a dispute shows both counts and chooses none."""

from __future__ import annotations

from typing import Any

import pytest

from services.cli.output import out
from services.testbed.commands import demo_report
from services.testbed.demo.train_counts import Count

BODY: dict[str, Any] = {
    "trains": 1,
    "containers": 2,
    "consignments": 2,
    "events": {
        "published": 9,
        "accepted": 7,
        "parked": 0,
        "duplicates": 1,
        "equivocations": 0,
        "refused": 1,
        "dead_letters": {"UNSIGNED": 1},
    },
    "lists": {"files": 1, "rows": 3},
    "formats": {"taf": {"files": 1, "events": 3, "types": {"movement.departed": 3}}},
    "financing": {
        "container": "CSQU3054383",
        "shipper": "xaport",
        "waited": {"place": "Brest", "from": "2025-09-12", "to": "2025-09-24"},
        "decisions": [
            {
                "number": 1,
                "by": "abank",
                "action": "RESERVE",
                "outcome": "DONE",
                "guard": "",
                "written": "XA-1",
            }
        ],
        "status": {
            "stage": "DRAWN",
            "outstanding": {"minor_units": 100, "currency_code": "CNY"},
            "stated_by": ["xaport"],
            "alerts": [{"covenant": "DETAINED", "about": "CSQU3054383", "since": "2025-09-12"}],
        },
    },
    "credit": {"thin_file": {"shipper": "optic", "read_without_consent": False}},
    "disputed": 1,
    "troubles": {"DETAINED": 2},
    "world_mismatches": 0,
    "fsck": "ok",
    "seconds": 1.0,
    "digest": "ab" * 32,
}
DISPUTE = (
    Count("crossing:brest-malaszewicze", "bch", "B (simulated)", "2025-09-22T15:00:00+03:00", 5, 130, "trains (more than)", "PL2025-09", "urn:x 1"),
    Count("crossing:brest-malaszewicze", "xianport", "X (simulated)", "2025-09-22T22:00:00+08:00", 9, 300, "trains (about)", "PL2025-10", "urn:x 2"),
)  # fmt: skip
LEDGER = [{"when": when, "applied": 1, "stored": 1, "epoch": 1} for when in ("before", "killed", "after")]
KILLED: dict[str, Any] = {
    "ledger": LEDGER,
    "held": True,
    "problems": [],
    **dict.fromkeys(
        ("published", "accepted", "lost", "duplicated", "invented", "wrong_states", "fence_rejections", "fsck_findings", "seconds"), 0
    ),
    "recovery_seconds": 1.5,
}  # fmt: skip
TAMPERED: dict[str, Any] = {
    "changed": [
        {"statement": "UPDATE ...", "field": "happened", "before": "1", "after": "2", "named": ["finding"]}
    ],
    "findings": ["finding"],
    "found": True,
}


@pytest.mark.parametrize("what", ["demo", "kill", "tamper"])
def test_every_part_says_that_it_is_simulated(what: str) -> None:
    with out.capture() as captured:
        if what == "demo":
            demo_report.show(BODY, None, [DISPUTE])
        elif what == "kill":
            demo_report.show_kill(KILLED)
        else:
            demo_report.show_tamper(TAMPERED)
    parts = [part for part in captured.get().split("\n\n") if part.strip()]
    assert parts
    for part in parts:
        assert "simulated" in part.lower(), part


def test_a_dispute_shows_both_counts_with_who_says_them_and_where_they_come_from() -> None:
    with out.capture() as captured:
        demo_report.show(BODY, None, [DISPUTE])
    (part,) = [part for part in captured.get().split("\n\n") if "DISPUTED" in part]
    assert "130 against 300" in part
    assert "none is chosen" in part
    for word in ("bch", "xianport", "PL2025-09", "PL2025-10", "130 trains (more than)", "300 trains (about)"):
        assert word in part
