"""The steps of one batch inside an open transaction, in the order of locks that every writer keeps.

Offsets, registry and generation, terms, identities, bodies, state rows, structure, heads, train heads, batch row, dead
letters. Whoever calls commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.ledger.admission.model import Refused
from services.ledger.storage import heads, points
from services.ledger.storage.arrays import bigints
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.bodies import put_bodies
from services.ledger.storage.errors import Fenced, GenerationMoved, RegistryMoved
from services.ledger.storage.identities import Identified, identify
from services.ledger.storage.rows import StateRows
from services.ledger.storage.session import Session
from services.ledger.storage.state import Absorbed, Stated, absorb
from services.ledger.storage.structure import Note
from services.ledger.storage.traces import put_traces
from services.ledger.storage.work import Work

RecordRefused = Callable[[Session, Sequence[Refused]], None]


@dataclass(frozen=True, slots=True)
class Entered:
    """What a batch's events became: which are new, under which numbers, and what is ready to be folded.

    ``taken`` counts the records of the log that the events came by, duplicates included; ``digest`` is that of their admission.
    """

    identified: Identified
    first: int
    numbers: tuple[int, ...]
    absorbed: Absorbed
    taken: int = 0
    digest: bytes = b""


def fence(work: Work, batch: Batch) -> None:
    """Move every partition from exactly its first offset under exactly its epoch; Fenced where one has moved on."""
    advances = batch.advances
    if not advances:
        return
    ordered = sorted(advances, key=lambda a: (a.topic, a.partition))
    admitted = Counter((e.record.topic, e.record.partition) for e in batch.events)
    refused = Counter((r.record.topic, r.record.partition) for r in batch.refused)
    moved = work.count(
        "fence",
        {
            "topics": [a.topic for a in ordered],
            "parts": bigints([a.partition for a in ordered]),
            "epochs": bigints([a.epoch for a in ordered]),
            "firsts": bigints([a.first for a in ordered]),
            "nexts": bigints([a.next_offset for a in ordered]),
            "digests": [a.last and a.last.digest for a in ordered],
            "leaders": bigints([_leader(a) for a in ordered]),
            "events": bigints([admitted[a.topic, a.partition] for a in ordered]),
            "refused": bigints([refused[a.topic, a.partition] for a in ordered]),
        },
    )
    if moved != len(advances):
        raise Fenced(
            f"{len(advances) - moved} of {len(advances)} partitions were claimed by someone else or moved on"
        )


def _leader(advance: Advance) -> int:
    """The epoch of the leader that appended the last record; -1 where it is not known, as Kafka says it."""
    last = advance.last
    return -1 if last is None or last.leader_epoch is None else last.leader_epoch


def hold(work: Work, generation: int, registry: int | None) -> int:
    """Keep registry and generation as they are until the end, and return the first number of a block for events.

    Raises RegistryMoved where the events were judged by another version (None: they were not judged just now).
    """
    row = work.row("hold")
    if row is None or row[1] != generation:
        raise GenerationMoved(f"generation {generation} is not current any more")
    if registry is not None and row[0] != registry:
        raise RegistryMoved(registry, row[0])
    return int(row[2])


def enter(
    work: Work,
    first: int,
    events: Sequence[Event],
    rows: Sequence[StateRows],
    topics: Mapping[str, int],
    taken: Note,
) -> Entered:
    """Store what is new among ``events`` and derive what it and the notes ``taken`` change, up to finding heads."""
    if not events:
        nothing = Identified((), (), frozenset(), 0)
        return Entered(nothing, first, (), absorb(work, (), taken))
    identified = identify(work, events, first)
    work.stage("identity")
    kept = sorted((*identified.new, *identified.variants))
    numbered = [(first + i, events[i]) for i in kept]
    digest = put_bodies(work, numbered, topics)
    put_traces(work, numbered)
    work.stage("body")
    variants = frozenset(identified.variants)
    stated = [
        Stated(
            no=first + i,
            id=events[i].id,
            rows=rows[i],
            dead=i in variants or events[i].id in identified.dead,
            contradicts=i in variants,
        )
        for i in kept
    ]
    absorbed = absorb(work, stated, taken)
    return Entered(identified, first, tuple(first + i for i in kept), absorbed, len(events), digest)


@dataclass(frozen=True, slots=True)
class Finished:
    """Heads and trains that were folded, and the consignments that could not be."""

    heads: int
    trains: int
    broken: tuple[bytes, ...] = ()


def finish(
    work: Work,
    entered: Entered,
    refused: Sequence[Refused],
    record_refused: RecordRefused,
    singly: bool = False,
    project: Callable[[Session], None] | None = None,
) -> Finished:
    """Fold heads, then put down the batch and its dead letters, with nothing waiting for an answer in between.

    ``project`` writes what others make of the events. ``singly`` folds one head after another, because together they failed.
    """
    touched, found = entered.absorbed.touched, entered.absorbed.found
    broken: tuple[bytes, ...] = ()
    if singly:
        sent, broken = heads.fold_heads_singly(work, touched, found)
        _put_down(work, entered, refused, record_refused, project)
    else:
        work.folding = True
        with heads.straight(work):
            sent = heads.fold_heads(work, touched, found)
            _put_down(work, entered, refused, record_refused, project)
    work.stage("heads")
    return Finished(sent.heads, sent.trains, broken)


def _put_down(
    work: Work,
    entered: Entered,
    refused: Sequence[Refused],
    record_refused: RecordRefused,
    project: Callable[[Session], None] | None,
) -> None:
    if project is not None:
        project(work.session)
    if entered.numbers or entered.taken:
        batch = {"first": entered.first, "events": len(entered.numbers), "taken": entered.taken}
        work.send("put_batch", {**batch, "digest": entered.digest})
    if refused:
        record_refused(work.session, refused)
    points.reach("before_commit")
