"""A generation that is not in use brought up to date with what was accepted since, as a worker would have done it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.audit.replay.derivation import fold_found
from services.audit.replay.source import Block, Read, Source, blocks_after
from services.ledger.storage.arrays import bigints, uuids
from services.ledger.storage.session import Session, set_local_generation
from services.ledger.storage.state import EventRows, apply_events
from services.ledger.storage.structure import Note
from services.ledger.storage.work import Work

ROUNDS = 20
"""How often notes are looked at again before something must be wrong with the derivation."""

_VARIANTS = "SELECT v.no FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN lianyun.variant v ON v.no = n.no"
_ASIDE = """
SELECT b.id FROM lianyun.quarantine q JOIN lianyun.body b ON b.no = q.no
WHERE NOT EXISTS (SELECT 1 FROM unnest(%(known)s::bigint[]) AS k (no) WHERE k.no = q.no)
"""


@dataclass(slots=True)
class Follower:
    """Applies blocks of events to ``generation``; remembers how far it is.

    ``xid`` and ``first`` are the position behind which nothing was applied yet, ``left`` aside. For one thread; nobody else may write
    that generation, so everything is derived at once and no note stays.
    """

    generation: int
    xid: int = 0
    first: int = 0
    quarantined: set[int] = field(default_factory=set)
    touched: set[bytes] = field(
        default_factory=set
    )  # consignments whose heads were folded since it was last emptied
    left: Block | None = None  # what is still to apply of the block at the position

    def blocks(self, session: Session, horizon: bool) -> list[Block]:
        """What is to apply next, in its order; see ``blocks_after``."""
        found = blocks_after(session, self.xid, self.first, horizon)
        return found if self.left is None else [self.left, *found]

    def follow(self, session: Session, source: Source, blocks: Sequence[Block], most: int) -> int:
        """Apply about ``most`` events of ``blocks``, the next ones, in one transaction; commits, returns how many.

        After an exception it stands where it stood before, once the caller has rolled back.
        """
        step: list[Block] = []
        events = 0
        for block in blocks:
            if step and events + block.events > most:
                break
            step.append(block)
            events += block.events
        before = (self.xid, self.first, self.left, self.quarantined)
        try:
            count = self._apply(session, source, step, most)
            session.commit()
        except BaseException:
            self.xid, self.first, self.left, self.quarantined = before
            raise
        return count

    def _apply(self, session: Session, source: Source, blocks: Sequence[Block], most: int) -> int:
        """Apply ``blocks``, of a single one at most ``most`` events, and what was put in quarantine since."""
        set_local_generation(session, self.generation)
        work = Work(session)
        events = list(source.read(blocks, most)) if blocks else []
        variants = self._variants(session, events)
        dead = {
            row[0] for row in work.rows("dead_among", {"ids": uuids(sorted(event.id for event in events))})
        }
        stated = [
            EventRows(
                no=event.no,
                id=event.id,
                rows=event.rows,
                dead=event.id in dead or event.no in variants or event.quarantined,
                contradicts=event.no in variants or event.quarantined,
            )
            for event in events
        ]
        self._derive(work, stated, Note(judged=self._put_aside(session)))
        settle(work, self.touched)
        if blocks:
            last = blocks[-1]
            self.xid, self.first = last.xid, last.first
            whole = len(events) == sum(block.events for block in blocks)
            self.left = None if whole else last.rest(events[-1].no, len(events))
        return len(events)

    def _variants(self, session: Session, events: Sequence[Read]) -> set[int]:
        numbers = bigints([event.no for event in events])
        return {row[0] for row in session.execute(_VARIANTS, {"nos": numbers}).fetchall()}

    def _put_aside(self, session: Session) -> frozenset[bytes]:
        """Events that were put in quarantine since: no batch says so."""
        rows = session.execute("SELECT no FROM lianyun.quarantine").fetchall()
        present = {row[0] for row in rows}
        if present <= self.quarantined:
            return frozenset()
        known = {"known": bigints(sorted(self.quarantined))}
        found = frozenset(row[0] for row in session.execute(_ASIDE, known, binary=True).fetchall())
        self.quarantined = present
        return found

    def _derive(self, work: Work, stated: Sequence[EventRows], note: Note) -> None:
        if stated or note:
            _absorb(work, stated, note, self.touched)


def settle(work: Work, touched: set[bytes]) -> None:
    """Look at every note of the session's generation once more, and at those that this leaves, until none is left.

    For one whom nobody else runs beside: then nothing can be missed any more.
    """
    for _ in range(ROUNDS):
        if not settle_some(work, touched):
            return
    raise AssertionError("the derivation of the state does not come to rest")


def settle_some(work: Work, touched: set[bytes], most: int | None = None) -> bool:
    """Look at ``most`` of the notes, or at all, once more; False where there were none."""
    notes = work.session.execute(
        "DELETE FROM pending WHERE ctid = ANY (ARRAY(SELECT ctid FROM pending LIMIT %(most)s)) "
        "RETURNING judged, nos, consignments",
        {"most": most},
        binary=True,
    ).fetchall()
    if notes:
        note = Note(
            frozenset(event for judged, _, _ in notes for event in judged),
            frozenset(no for _, numbers, _ in notes for no in numbers),
            frozenset(cons for _, _, consignments in notes for cons in consignments),
        )
        _absorb(work, (), note, touched)
    return bool(notes)


def _absorb(work: Work, stated: Sequence[EventRows], note: Note, touched: set[bytes]) -> None:
    work.session.execute("DELETE FROM hit")
    work.session.execute("DELETE FROM fresh_reach")
    absorbed = apply_events(work, stated, note)
    fold_found(work, absorbed.touched, absorbed.found)
    touched.update(row[0] for row in work.rows("hit_consignments_distinct"))
