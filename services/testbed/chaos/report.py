"""What a proof prints: the counts that everybody reads first, what explains them, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from services.testbed.chaos.audit import States, Storage
from services.testbed.chaos.kills import FROZEN, KILLED, RANDOM, REPLAY, Hit, point_of


def report(
    hits: Sequence[Hit],
    storage: Storage,
    states: States,
    fences: int,
    asked: Sequence[str],
    **extras: Any,
) -> dict[str, Any]:
    """The outcome as JSON values; ``asked`` are the attacks that were to be made. See ``problems``."""
    frozen = [hit for hit in hits if hit.kind == FROZEN and hit.standstill is not None]
    outcome = {
        "kills": len(hits),
        "kills_by_point": dict(sorted(Counter(hit.point for hit in hits).items())),
        "published": storage.acknowledged,
        "lost": storage.lost,
        "duplicated": storage.duplicated,
        "wrong_states": states.wrong,
        "fence_rejections": fences,
        "recovery_seconds": _spread(hit.recovery for hit in hits if hit.kind in (KILLED, RANDOM)),
        "recovery_by_kind": _by_kind(hits),
        "takeover_seconds": _spread(hit.standstill for hit in frozen) if frozen else None,
        "adoption_seconds": _spread(hit.adopted for hit in frozen) if frozen else None,
        "freezes_waited_for": sum(hit.waited_for for hit in frozen),
        "asked_by_point": dict(sorted(Counter(point_of(each) for each in asked if each != REPLAY).items())),
        "replays_asked": list(asked).count(REPLAY),
        "sent": storage.attempts,
        "accepted": storage.accepted,
        "invented": storage.invented,
        "dead_letters": dict(storage.letters),
        "dead_letters_expected": dict(storage.letters_expected),
        "consignments": states.consignments,
        "wrong_examples": list(states.lines),
        **extras,
    }
    outcome["problems"] = problems(outcome)
    return outcome


def good(outcome: dict[str, Any]) -> bool:
    """Whether the proof holds: nothing speaks against it."""
    return not problems(outcome)


def problems(outcome: dict[str, Any]) -> list[str]:
    """All that speaks against a proof, one line each; [] where it holds.

    It holds where nothing was lost, applied twice or invented, every state is right, fsck found nothing, each asked
    attack hit, each replay came out equal, the platform came back from all, and no worker had to end itself for standing
    still.
    """
    found = [
        f"{outcome[name]} {words}"
        for name, words in (
            ("lost", "acknowledged messages are lost"),
            ("duplicated", "messages were applied more than once"),
            ("invented", "stored events were never published"),
            ("wrong_states", "consignments are shown wrongly"),
            ("fsck_findings", "findings of fsck"),
        )
        if outcome.get(name)
    ]
    lent = outcome.get("financing", {})
    found += [
        f"{lent[name]} {words}"
        for name, words in (
            ("decisions_lost", "decisions that a bank was told are not stored as told"),
            ("wrong_financings", "financings stand otherwise than their decisions say"),
            ("double_pledges", "interests are held twice"),
            ("wrong_releases", "decisions let go what was pledged or owed"),
        )
        if lent.get(name)
    ]
    found += [f"a bank: {why}" for why in lent.get("unfinished", ())]
    found += [f"the run was cut short: {why}" for why in outcome.get("halted", ())]
    reached = outcome["kills_by_point"]
    found += [
        f"{point}: {reached.get(point, 0)} attacks hit of {asked} asked for"
        for point, asked in outcome["asked_by_point"].items()
        if reached.get(point, 0) < asked
    ]
    replays = outcome.get("replays", ())
    if len(replays) < outcome["replays_asked"]:
        found.append(f"{len(replays)} replays were made of {outcome['replays_asked']} asked for")
    for replayed in replays:
        if "failed" in replayed:
            found.append(f"a replay failed: {replayed['failed']}")
        elif replayed["differences"]:
            found.append(f"a replay came out with {replayed['differences']} differences")
    if stuck := outcome.get("worker_ends", {}).get("STUCK"):
        found.append(f"{stuck} workers ended themselves because nothing moved")
    return found


def _spread(seconds: Iterable[float | None]) -> dict[str, float]:
    known = [each for each in seconds if each is not None] or [0.0]
    return {"median": round(median(known), 2), "max": round(max(known), 2)}


def _by_kind(hits: Sequence[Hit]) -> dict[str, dict[str, float]]:
    kinds = sorted({hit.kind for hit in hits})
    return {kind: _spread(hit.recovery for hit in hits if hit.kind == kind) for kind in kinds}
