"""The structure of the state: liveness of events, ends of links, groups of consignments, and reachability.

All of it is derived from facts that the transaction sees. Two transactions may each miss what the other writes, so each change
of structure leaves a note (``Note``), and a later transaction derives it once more (``settlement``). The rule of liveness is
services.domain.liveness; its result is written to the table ``dead`` and to the rows of the events.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from schemas.events.base import ObjectKind
from services.domain.facts import Withdrawal
from services.domain.links import FILLING, ONE_RUN
from services.domain.liveness import judge
from services.ledger.storage.arrays import bigints, booleans, smallints, uuids
from services.ledger.storage.reachability import Reach, Structure, derive_structure
from services.ledger.storage.work import Work

WITHDRAWN, CYCLIC, EQUIVOCATED, QUARANTINED = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class LivenessChanges:
    """Events whose entry in ``dead`` changed, and the numbers of events whose rows changed."""

    events: tuple[bytes, ...] = ()
    claims: tuple[int, ...] = ()  # that may reach consignments
    trains: tuple[int, ...] = ()  # with claims about trains
    structural: tuple[int, ...] = ()  # with links or foundings


def judge_again(work: Work, seeds: Iterable[bytes]) -> LivenessChanges:
    """Derive the liveness of all events connected with ``seeds`` by corrections, and write what changed.

    Reads what this transaction sees. The caller leaves a note of the seeds and of the changed events, so that settlement
    derives both once more.
    """
    tied = [row[0] for row in work.rows("component", {"ids": uuids(sorted(seeds))})]
    if not tied:
        return LivenessChanges()
    ids = uuids(sorted(tied))
    contents: dict[bytes, list[tuple[int, bool]]] = defaultdict(list)
    for event, no, quarantined in work.rows("contents", {"ids": ids}):
        contents[event].append((no, quarantined))
    counting = {event: sum(not aside for _, aside in known) for event, known in contents.items()}
    equivocated = frozenset(event for event, count in counting.items() if count > 1)
    aside = frozenset(event for event, count in counting.items() if count == 0)
    withdrawals = [Withdrawal(*row) for row in work.rows("withdrawals", {"ids": ids})]
    # A quarantined event counts as never accepted: like an equivocated one, it is not live and targets nothing.
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


def _write_rows(work: Work, changed: Iterable[bytes], flips: dict[int, bool]) -> LivenessChanges:
    if not flips:
        return LivenessChanges(events=tuple(changed))
    numbers = sorted(flips)
    flags = {"nos": bigints(numbers), "dead": booleans([flips[no] for no in numbers])}
    claims = work.rows("flip_claims", flags)
    links = work.rows("flip_links", flags)
    foundings = work.rows("flip_foundings", flags)
    rides = (ObjectKind.TRAIN, ObjectKind.WAGON)
    return LivenessChanges(
        events=tuple(changed),
        claims=tuple(sorted({no for no, kind in claims if kind not in rides})),
        trains=tuple(sorted({no for no, kind in claims if kind == ObjectKind.TRAIN})),
        structural=tuple(sorted({row[0] for row in (*links, *foundings)})),
    )


_COPY_REACH = b"COPY fresh_reach FROM STDIN BINARY"
_COPY_FIRST = b"COPY reach FROM STDIN BINARY"
_REACH = struct.Struct(">hi16si?").pack
_LENGTH = struct.Struct(">i").pack


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be derived again: liveness of events, structure around events with links or foundings (numbers), consignments."""

    judged: frozenset[bytes] = frozenset()
    numbers: frozenset[int] = frozenset()
    consignments: frozenset[bytes] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.judged or self.numbers or self.consignments)

    def __or__(self, other: Note) -> Note:
        return Note(
            self.judged | other.judged,
            self.numbers | other.numbers,
            self.consignments | other.consignments,
        )


EMPTY_NOTE = Note()


@dataclass(frozen=True, slots=True)
class StructureChanges:
    """What a derivation changed, and the numbers of events whose claims died or revived by it."""

    changed: Note = field(default_factory=Note)
    claims: tuple[int, ...] = ()
    trains: tuple[int, ...] = ()


def rederive(work: Work, note: Note) -> StructureChanges:
    """Derive again what ``note`` names, write what changed, and store the affected consignments in ``hit`` for the fold.

    A constant number of statements; no head is locked yet.
    """
    judged = judge_again(work, note.judged) if note.judged else LivenessChanges()
    work.stage("judge")
    numbers = note.numbers | frozenset(judged.structural)
    stopped = frozenset[int]()
    if numbers:
        stopped = stop_links(work, sorted(numbers))
    work.stage("stop links")
    moved = _derive(work, numbers | stopped, note.consignments)
    work.stage("reach")
    changed = Note(frozenset(judged.events), stopped | frozenset(judged.structural), moved)
    return StructureChanges(changed, judged.claims, judged.trains)


def stop_links(work: Work, numbers: Sequence[int]) -> frozenset[int]:
    """Write where the links of the events ``numbers`` end, and those whose ends these move; return the events of those that changed."""
    seeds = {"nos": bigints(numbers), "filling": FILLING, "run": ONE_RUN}
    return frozenset(row[0] for row in work.rows("stop_links", seeds))


def _derive(work: Work, numbers: frozenset[int], consignments: frozenset[bytes]) -> frozenset[bytes]:
    """Derive groups and reachability of every consignment that the events affect; return those whose group changed."""
    if not numbers and not consignments:
        return frozenset()
    seeds = {"nos": bigints(sorted(numbers)), "consignments": uuids(sorted(consignments))}
    touched: dict[bytes, bool] = dict(work.rows("descend", seeds))
    if not touched:
        return frozenset()
    ids = {"ids": uuids(sorted(touched))}
    foundings, links = work.rows("foundings", ids), work.rows("ascend", ids)
    moved, rewritten = write_structure(work, derive_structure(touched, foundings, links))
    # What frees only narrows: a head to which it changes nothing has missed nothing.
    hit = sorted(cons for cons, frees in touched.items() if not frees or cons in rewritten)
    if hit:
        work.count("hit_consignments", {"ids": uuids(hit)})
    return moved


def derive_alone(work: Work, consignments: Sequence[bytes]) -> None:
    """Derive the reachability of ``consignments`` for the first time, and store them in ``hit`` for the fold.

    Each must be founded, joined to no other by a live declaration, and without a row of ``reach``. Only for a sole writer
    of the generation.
    """
    ids = {"ids": uuids(consignments)}
    structure = derive_structure(consignments, work.rows("foundings", ids), work.rows("ascend", ids))
    work.copy(_COPY_FIRST, map(_packed, structure.reaches))
    work.count("hit_consignments", ids)


def write_structure(work: Work, structure: Structure) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Write rows of ``reach`` and groups where they differ; return the consignments whose group, and whose row, changed."""
    names = sorted(structure.canonical)
    groups = {"ids": uuids(names), "canonical": uuids([structure.canonical[name] for name in names])}
    moved = frozenset(row[0] for row in work.rows("put_canonical", groups))
    work.copy(_COPY_REACH, map(_packed, structure.reaches))
    return moved, frozenset(row[0] for row in work.rows("put_reach"))


def _packed(reach: Reach) -> bytes:
    packed = (
        _engaged(reach.engaged),
        uuids(reach.objects),
        bigints(reach.starts),
        bigints(reach.untils),
        uuids(reach.held),
        uuids(reach.parts),
    )
    return _REACH(8, 16, reach.cons, 1, reach.founded) + b"".join([_LENGTH(len(a)) + a for a in packed])


@lru_cache(maxsize=10_000)
def _engaged(parties: tuple[int, ...]) -> bytes:
    """Cached, since the same few parties recur."""
    return bigints(parties)
