"""Which events count, kept in the state: corrections, retractions, equivocations and quarantine, as the core judges.

The rule is services.domain.liveness; here its inputs are read, and its outcome is written to the table ``dead`` and to
the rows of the events themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.events.base import ObjectKind
from services.domain.facts import Withdrawal
from services.domain.liveness import judge
from services.ledger.storage.arrays import bigints, booleans, smallints, uuids
from services.ledger.storage.work import Work

WITHDRAWN, CYCLIC, EQUIVOCATED, QUARANTINED = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Judged:
    """What changed: events whose place among the dead changed, and numbers of events whose rows did."""

    events: tuple[bytes, ...] = ()
    claims: tuple[int, ...] = ()  # that may reach consignments
    trains: tuple[int, ...] = ()  # with claims about trains
    structural: tuple[int, ...] = ()  # with links or foundings


def judge_again(work: Work, seeds: Iterable[bytes]) -> Judged:
    """Judge all that is tied to ``seeds`` by corrections, and write what changed.

    Reads what this transaction sees. Whoever calls leaves a note of the seeds and of the changed events, so that
    both are judged once more when nothing can have been missed.
    """
    tied = [row[0] for row in work.rows("component", {"ids": uuids(sorted(seeds))})]
    if not tied:
        return Judged()
    ids = uuids(sorted(tied))
    contents: dict[bytes, list[tuple[int, bool]]] = defaultdict(list)
    for event, no, quarantined in work.rows("contents", {"ids": ids}):
        contents[event].append((no, quarantined))
    counting = {event: sum(not aside for _, aside in known) for event, known in contents.items()}
    equivocated = frozenset(event for event, count in counting.items() if count > 1)
    aside = frozenset(event for event, count in counting.items() if count == 0)
    withdrawals = [Withdrawal(*row) for row in work.rows("withdrawals", {"ids": ids})]
    # What is in quarantine counts as never accepted: like an equivocated event, it is not live and targets nothing.
    liveness = judge(withdrawals, equivocated | aside)
    reasons = (
        dict.fromkeys(liveness.withdrawn, WITHDRAWN)
        | dict.fromkeys(liveness.cyclic, CYCLIC)
        | dict.fromkeys(equivocated, EQUIVOCATED)
        | dict.fromkeys(aside, QUARANTINED)
    )
    changed = _write_dead(work, tied, reasons)
    flips = {
        no: event in reasons or quarantined for event, known in contents.items() for no, quarantined in known
    }
    return _write_rows(work, changed, flips)


def _write_dead(work: Work, tied: Iterable[bytes], reasons: dict[bytes, int]) -> list[bytes]:
    dead = sorted(reasons)
    live = sorted(event for event in tied if event not in reasons)
    changed: list[bytes] = []
    if dead:
        rows = work.rows("bury", {"ids": uuids(dead), "reasons": smallints([reasons[e] for e in dead])})
        changed += (row[0] for row in rows)
    if live:
        changed += (row[0] for row in work.rows("revive", {"ids": uuids(live)}))
    return changed


def _write_rows(work: Work, changed: Iterable[bytes], flips: dict[int, bool]) -> Judged:
    if not flips:
        return Judged(events=tuple(changed))
    numbers = sorted(flips)
    flags = {"nos": bigints(numbers), "dead": booleans([flips[no] for no in numbers])}
    claims = work.rows("flip_claims", flags)
    links = work.rows("flip_links", flags)
    foundings = work.rows("flip_foundings", flags)
    rides = (ObjectKind.TRAIN, ObjectKind.WAGON)
    return Judged(
        events=tuple(changed),
        claims=tuple(sorted({no for no, kind in claims if kind not in rides})),
        trains=tuple(sorted({no for no, kind in claims if kind == ObjectKind.TRAIN})),
        structural=tuple(sorted({row[0] for row in (*links, *foundings)})),
    )
