"""What a proof prints: the counts that everybody reads first, and what explains them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

from services.proving.audit import States, Storage
from services.proving.kills import FROZEN, Hit


def report(
    hits: Sequence[Hit], storage: Storage, states: States, fences: int, **extras: Any
) -> dict[str, Any]:
    """The outcome as JSON values; ``lost``, ``duplicated`` and ``wrong_states`` have to be 0."""
    worker_hits = [hit for hit in hits if hit.kind in ("kill", "random")]
    times = [hit.recovery for hit in worker_hits] or [0.0]
    frozen = [hit.others for hit in hits if hit.kind == FROZEN and hit.others is not None]
    return {
        "kills": len(hits),
        "kills_by_point": dict(sorted(Counter(hit.point for hit in hits).items())),
        "published": storage.acknowledged,
        "lost": storage.lost,
        "duplicated": storage.duplicated,
        "wrong_states": states.wrong,
        "fence_rejections": fences,
        "recovery_seconds": {"median": round(median(times), 2), "max": round(max(times), 2)},
        "recovery_by_kind": _by_kind(hits),
        "beside_frozen_seconds": round(max(frozen), 2) if frozen else None,
        "sent": storage.attempts,
        "accepted": storage.accepted,
        "invented": storage.invented,
        "dead_letters": dict(storage.letters),
        "dead_letters_expected": dict(storage.letters_expected),
        "consignments": states.consignments,
        "wrong_examples": list(states.lines),
        **extras,
    }


def good(outcome: dict[str, Any]) -> bool:
    """Whether nothing was lost, nothing applied twice, nothing invented, every state right and every replay equal."""
    replays = outcome.get("replays", ())
    return not (
        any(outcome[name] for name in ("lost", "duplicated", "invented", "wrong_states"))
        or outcome.get("fsck_findings")
        or any("failed" in replayed or replayed["differences"] for replayed in replays)
    )


def _by_kind(hits: Sequence[Hit]) -> dict[str, dict[str, float]]:
    kinds = sorted({hit.kind for hit in hits})
    return {
        kind: {
            "median": round(median(hit.recovery for hit in hits if hit.kind == kind), 2),
            "max": round(max(hit.recovery for hit in hits if hit.kind == kind), 2),
        }
        for kind in kinds
    }
