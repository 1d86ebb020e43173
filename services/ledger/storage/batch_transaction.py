"""The steps of one batch inside an open transaction, in the order of locks that every writer keeps.

Offsets, registry and generation, terms, identities, bodies, state rows, structure, heads, train heads, batch row, dead
letters. The caller commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.ledger.admission.model import Refused
from services.ledger.storage import points, state
from services.ledger.storage.arrays import bigints, uuids
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.bodies import put_bodies, put_traces
from services.ledger.storage.errors import Fenced, GenerationMoved, RegistryMoved
from services.ledger.storage.rows import StateRows
from services.ledger.storage.session import Session
from services.ledger.storage.state import EventRows, StateChange, apply_events
from services.ledger.storage.structure import Note
from services.ledger.storage.term_numbers import term_number
from services.ledger.storage.work import Work

Numbered = Sequence[tuple[int, Event]]
Projection = Callable[[Session, Numbered], None]
"""Called with the events that a transaction stored, by number, after the heads that they change are locked and folded.

Its reads and writes are visible to whoever locks the same heads later. It must not wait for a result: no statement between those
locks and the commit does.
"""


def project(session: Session, projections: Sequence[Projection], stored: Numbered) -> None:
    """Call each of ``projections`` with ``stored``, in order; not where it is empty."""
    if stored:
        for projection in projections:
            projection(session, stored)


MAX_KNOWN_TERMS = 200_000


class Terms:
    """The dictionary of the texts behind term numbers: a cache of those known to be stored. Not thread-safe."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def unknown(self, texts: Iterable[Iterable[str]]) -> list[str]:
        """The texts that are not known to be stored, in order of their numbers."""
        fresh = {text for group in texts for text in group if text not in self._known}
        return sorted(fresh, key=term_number)

    def put(self, work: Work, fresh: list[str]) -> None:
        """Store texts in order; only offsets and registry are locked before."""
        if fresh:
            work.count("terms", {"numbers": bigints([term_number(text) for text in fresh]), "texts": fresh})

    def committed(self, fresh: list[str]) -> None:
        """Add ``fresh`` to the known texts, after their transaction has committed."""
        if len(self._known) > MAX_KNOWN_TERMS:  # publishers choose some of these texts
            self._known.clear()
        self._known.update(fresh)


@dataclass(frozen=True, slots=True)
class Identified:
    """Positions in the batch: ``new`` events under unknown ids, ``variants`` with a new content of a known id.

    ``dead`` are ids that were already withdrawn, equivocated or quarantined.
    """

    new: tuple[int, ...]
    variants: tuple[int, ...]
    dead: frozenset[bytes]
    duplicates: int

    def repeated(self, count: int) -> list[int]:
        """The positions of the duplicates among ``count`` events."""
        if not self.duplicates:
            return []
        stored = {*self.new, *self.variants}
        return [i for i in range(count) if i not in stored]


def identify(work: Work, events: Sequence[Event], first: int) -> Identified:
    """Store the identity of each event, event ``i`` under number ``first + i``, in order of ids.

    Two workers cannot deadlock here; one that meets an uncommitted identity waits for the other's commit or rollback.
    """
    order = sorted(range(len(events)), key=lambda i: (events[i].id, i))
    parameters = _parameters(events, order, first)
    new = {row[0] - first for row in work.rows("identify", parameters)}
    dead = frozenset(row[0] for row in work.rows("dead_among", {"ids": parameters["ids"]}))
    rest = [i for i in order if i not in new]
    variants: set[int] = set()
    if rest:
        differing = {row[0] - first for row in work.rows("different", _parameters(events, rest, first))}
        if differing:
            again = [i for i in rest if i in differing]
            variants = {row[0] - first for row in work.rows("vary", _parameters(events, again, first))}
    duplicates = len(events) - len(new) - len(variants)
    return Identified(tuple(sorted(new)), tuple(sorted(variants)), dead, duplicates)


def _parameters(events: Sequence[Event], order: Sequence[int], first: int) -> dict[str, bytes]:
    return {
        "ids": uuids([events[i].id for i in order]),
        "contents": uuids([events[i].content for i in order]),
        "nos": bigints([first + i for i in order]),
    }


RecordRefused = Callable[[Session, Sequence[Refused]], None]


@dataclass(frozen=True, slots=True)
class StoredEvents:
    """The stored events of a batch: which are new, their numbers, and the change of state, not folded yet.

    ``taken`` counts the records of the log with events, duplicates included; ``digest`` is that of their admission.
    """

    identified: Identified
    first: int
    numbers: tuple[int, ...]
    change: StateChange
    taken: int = 0
    digest: bytes = b""


def fence(work: Work, batch: Batch) -> None:
    """Move every partition from exactly its first offset, under exactly its epoch; Fenced where one has moved on."""
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
    """The epoch of the leader that appended the last record; -1 where it is not known, as in Kafka."""
    last = advance.last
    return -1 if last is None or last.leader_epoch is None else last.leader_epoch


def hold_versions(work: Work, generation: int, registry: int | None) -> int:
    """Lock registry and generation in share mode until the transaction ends; return the first number of a block for events.

    Raises GenerationMoved, and RegistryMoved where the events were admitted under another version than the locked one (None: any).
    """
    row = work.row("hold")
    if row is None or row[1] != generation:
        raise GenerationMoved(f"generation {generation} is not current any more")
    if registry is not None and row[0] != registry:
        raise RegistryMoved(registry, row[0])
    return int(row[2])


def store_events(
    work: Work,
    first: int,
    events: Sequence[Event],
    rows: Sequence[StateRows],
    topics: Mapping[str, int],
    taken: Note,
) -> StoredEvents:
    """Store what is new among ``events`` and derive what it and the notes ``taken`` change, up to finding the heads to fold."""
    if not events:
        nothing = Identified((), (), frozenset(), 0)
        return StoredEvents(nothing, first, (), apply_events(work, (), taken))
    identified = identify(work, events, first)
    work.stage("identity")
    positions = sorted((*identified.new, *identified.variants))
    numbered = [(first + i, events[i]) for i in positions]
    digest = put_bodies(work, numbered, topics)
    put_traces(work, numbered)
    work.stage("body")
    variants = frozenset(identified.variants)
    stated = [
        EventRows(
            no=first + i,
            id=events[i].id,
            rows=rows[i],
            dead=i in variants or events[i].id in identified.dead,
            contradicts=i in variants,
        )
        for i in positions
    ]
    change = apply_events(work, stated, taken)
    return StoredEvents(identified, first, tuple(first + i for i in positions), change, len(events), digest)


@dataclass(frozen=True, slots=True)
class FoldedHeads:
    """The number of folded heads and train heads, and the consignments whose fold failed."""

    heads: int
    trains: int
    broken: tuple[bytes, ...] = ()


def fold_and_record(
    work: Work,
    entered: StoredEvents,
    refused: Sequence[Refused],
    record_refused: RecordRefused,
    singly: bool = False,
    project: Callable[[Session], None] | None = None,
) -> FoldedHeads:
    """Fold heads, run projections, write the row of the batch and its dead letters, pipelined: no statement waits for a result.

    ``singly`` folds each head in a savepoint of its own, after a fold of all together has failed.
    """
    touched, found = entered.change.touched, entered.change.found
    broken: tuple[bytes, ...] = ()
    if singly:
        sent, broken = state.fold_heads_singly(work, touched, found)
        _record(work, entered, refused, record_refused, project)
    else:
        work.folding = True
        with state.head_pipeline(work):
            sent = state.fold_heads(work, touched, found)
            _record(work, entered, refused, record_refused, project)
    work.stage("heads")
    return FoldedHeads(sent.heads, sent.trains, broken)


def _record(
    work: Work,
    entered: StoredEvents,
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
