"""The log in the database: made on purpose, grown by one sequencer at a time, read by whoever serves or checks it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from schemas.merkle import EMPTY_ROOT
from services.domain.facts import Micros
from services.ledger.storage.arrays import adapt, bigints, byteas, smallints
from services.ledger.storage.platform_events import record_platform_event
from services.ledger.storage.session import Session
from services.transparency import statement
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.encoding import Malformed
from services.transparency.domain.entry import Entry
from services.transparency.domain.keys import LogSigner, Signer, VerifierKey
from services.transparency.domain.note import BadSignature, Note, signed_note
from services.transparency.domain.tiles import InconsistentTiles, TileTree, grown
from services.transparency.store import sources

log = logging.getLogger(__name__)
SECOND: Final = 1_000_000
KEYS_CHANGED: Final = "TRANSPARENCY_KEYS"
"""The platform event that says which keys sign the log from then on."""


class NoLog(Exception):
    """There is no log in this database; one is made by a command only, never by itself."""


class LogRefused(Exception):
    """The log in the database cannot be continued: it is not what was signed, or not what others cosigned. Nothing was changed."""


class OtherKeys(LogRefused):
    """Whoever would continue the log does not hold every key that signs it."""


class Head(NamedTuple):
    """The stored head of the log: its own key, the keys that sign beside it, and until when the key that is replaced signs."""

    key: VerifierKey
    beside: tuple[VerifierKey, ...]
    until: Micros | None
    checkpoint: Checkpoint
    note: Note
    at: Micros
    cosigned: Note | None

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """Every key that signs the checkpoints, the log's own first."""
        return (self.key, *self.beside)

    def signers(self, held: Iterable[Signer]) -> list[Signer]:
        """Those of ``held`` that sign the checkpoints; OtherKeys where one is missing."""
        found = {each.verifier: each for each in held}
        for key in self.keys:
            if key not in found:
                own = ", ".join(str(each) for each in found)
                raise OtherKeys(f"the log is that of {key.name} under key {key.id.hex()}, not of {own}")
        return [found[key] for key in self.keys]


def create(session: Session, signer: LogSigner, now: Micros) -> None:
    """Make the empty log of ``signer``; LogRefused where there is one already. Commits."""
    text = Checkpoint(signer.verifier.name, 0, EMPTY_ROOT).text
    values = {
        "key": str(signer.verifier),
        "root": EMPTY_ROOT,
        "checkpoint": str(signed_note(text, [signer], 0)),
        "at": now,
    }
    with session.transaction():
        if session.execute(statement("create_head"), values).fetchone() is None:
            raise LogRefused("there is a log in this database already; a second one would fork it")


def read_head(session: Session) -> Head:
    """The head as stored, its signature verified; NoLog, LogRefused where it is not what the log signed."""
    return _verified(*_row(session, "head"))


def _row(session: Session, query: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = session.execute(statement(query)).fetchone()
    if row is None:
        raise NoLog("there is no log in this database: lianyun transparency create makes one")
    return row


def _verified(
    key: str,
    beside: str,
    until: Micros | None,
    size: int,
    root: bytes,
    checkpoint: str,
    at: Micros,
    cosigned: str | None,
) -> Head:
    try:
        known, *others = (VerifierKey.parse(each) for each in (key, *beside.splitlines()))
        note = Note.parse(checkpoint.encode())
        if len(note.verified([known, *others])) <= len(others):
            raise BadSignature("a key that signs it did not")
        signed = Checkpoint.parse(note.text)
    except (Malformed, BadSignature) as fault:
        raise LogRefused(f"the head of the log is not what its key signed: {fault}") from None
    if signed != Checkpoint(known.name, size, bytes(root)):
        raise LogRefused(
            f"the head says {size} entries, the signed checkpoint {signed.size} of {signed.origin}"
        )
    last = None if cosigned is None else Note.parse(cosigned.encode())
    return Head(known, tuple(others), until, signed, note, at, last)


class Tiles:
    """Reads tiles of the log, each once; for one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._read: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, number: int) -> bytes:
        """The hashes of a tile, as many as there are; empty where there is none."""
        known = self._read.get((level, number))
        if known is None:
            row = self._session.execute(statement("tile"), {"level": level, "number": number}).fetchone()
            known = self._read[level, number] = b"" if row is None else bytes(row[0])
        return known


def tree_of(session: Session, size: int) -> TileTree:
    """The tree of the first ``size`` entries over the stored tiles."""
    return TileTree(size, Tiles(session))


def prover(session: Session, size: int, turn: threading.Lock) -> Callable[[int], Sequence[bytes]]:
    """Proofs from smaller trees to the one of ``size`` entries, for threads that take their ``turn`` at the session."""

    def proof(old: int) -> Sequence[bytes]:
        with turn:
            return tree_of(session, size).consistency(old)

    return proof


def read_entries(session: Session, first: int, end: int) -> list[bytes]:
    """The entries [first, end) that there are, in order."""
    rows = session.execute(statement("entries"), {"first": first, "end": end}).fetchall()
    return [bytes(entry) for _, entry in rows]


@dataclass(frozen=True, slots=True)
class Grown:
    """What a step of the sequencer did: entries before and after, and whether every source was read to its end."""

    before: int
    after: int
    complete: bool


def lock_head(session: Session) -> tuple[Head, Micros]:
    """The head, locked until the caller's transaction ends, and the time; raises as ``read_head``, and LockNotAvailable."""
    *stored, now = _row(session, "lock_head")
    return _verified(*stored), now


def sequence(
    session: Session, signer: LogSigner, network: str, limit: int, beside: Iterable[Signer] = ()
) -> Grown:
    """Move what was accepted since into the log: entries, tiles and the signed head, in one transaction. Blocks for no one.

    Those of ``signer`` and ``beside`` sign that the log names. Raises LockNotAvailable where another sequencer has its turn, NoLog,
    OtherKeys, LogRefused where the log is not what it was signed as or the clock has gone back, Unloggable where something stored is not
    what was accepted; nothing is changed then.
    """
    adapt(session)
    with session.transaction():
        head, now = lock_head(session)
        signers = head.signers((signer, *beside))
        if now < head.at:
            raise LogRefused(
                f"the clock has gone back: the head was signed {(head.at - now) / SECOND:.1f} s in the future"
            )
        before, tiles = head.checkpoint.size, Tiles(session)
        _require_tiles(before, head.checkpoint.root, tiles)
        taken = _taken(session, network, limit, now)
        if not taken.rows:
            return Grown(before, before, taken.complete)
        entries = [entry for *_, entry in taken.rows]
        changed = _grown(before, entries, tiles)
        after = before + len(entries)
        root = TileTree(
            after, lambda level, number: changed.get((level, number)) or tiles(level, number)
        ).root
        text = Checkpoint(head.key.name, after, root).text
        _put_entries(session, before, taken.rows)
        places = sorted(changed)
        session.execute(
            statement("put_tiles"),
            {
                "levels": smallints([level for level, _ in places]),
                "numbers": bigints([number for _, number in places]),
                "hashes": byteas([changed[place] for place in places]),
            },
        )
        for source, cursor in taken.cursors:
            session.execute(statement("advance"), {"source": source, **cursor._asdict()})
        signed = str(signed_note(text, signers, now // SECOND))
        session.execute(statement("grow"), {"size": after, "root": root, "checkpoint": signed, "at": now})
    return Grown(before, after, taken.complete)


def _require_tiles(size: int, root: bytes, read: Callable[[int, int], bytes]) -> None:
    try:
        found = TileTree(size, read).root
    except InconsistentTiles as fault:
        raise LogRefused(f"the tiles of the log do not hold what was signed: {fault}") from None
    if found != root:
        raise LogRefused(
            f"the tiles of the log give another root than the one that was signed for {size} entries"
        )


def _grown(
    size: int, entries: Sequence[bytes], read: Callable[[int, int], bytes]
) -> dict[tuple[int, int], bytes]:
    try:
        return grown(size, entries, read)
    except InconsistentTiles as fault:
        raise LogRefused(f"the tiles of the log do not hold what was signed: {fault}") from None


class _Taken(NamedTuple):
    """Rows of entries (source, position, salt, entry) in the order in which they join, the cursors behind them, and whether that is all."""

    rows: list[tuple[str, str, bytes | None, bytes]]
    cursors: list[tuple[str, sources.Cursor]]
    complete: bool


def _taken(session: Session, network: str, limit: int, now: Micros) -> _Taken:
    rows: list[tuple[str, str, bytes | None, bytes]] = []
    cursors: list[tuple[str, sources.Cursor]] = []
    for source, after in sources.cursors(session).items():
        left = limit - len(rows)
        if left <= 0:
            return _Taken(rows, cursors, False)
        found = sources.read(session, network, source, after, left, now)
        rows += [(source, each.position, each.salt, Entry.of(each.document).raw) for each in found]
        if found:
            cursors.append((source, found[-1].cursor))
    return _Taken(rows, cursors, len(rows) < limit)


def _put_entries(session: Session, first: int, rows: Iterable[tuple[Any, ...]]) -> None:
    copy = "COPY lianyun.transparency_entry (index, source, position, salt, entry) FROM STDIN"
    with session.cursor().copy(copy.encode()) as target:
        for index, row in enumerate(rows, first):
            target.write_row((index, *row))


def record_cosigned(session: Session, key: VerifierKey, note: Note) -> bool:
    """Store a checkpoint that the quorum cosigned; False where a larger one stands already. Commits."""
    size = Checkpoint.parse(note.text).size
    with session.transaction():
        values = {"key": str(key), "size": size, "cosigned": str(note)}
        return session.execute(statement("cosign"), values).rowcount == 1


def set_keys(
    session: Session, keys: Sequence[VerifierKey], until: Micros | None, note: Note, cosigned: Note | None
) -> None:
    """Let ``keys``, the log's own first, sign from ``note`` on, which they signed; recorded, in the caller's transaction that holds the head."""
    own, *beside = map(str, keys)
    values = {"key": own, "beside": "\n".join(beside), "until": until, "checkpoint": str(note)}
    session.execute(statement("set_keys"), values | {"cosigned": None if cosigned is None else str(cosigned)})
    record_platform_event(session, KEYS_CHANGED, {"keys": [own, *beside], "until": until})


def cosigned_of(session: Session, source: str, positions: Iterable[str]) -> frozenset[str]:
    """Those of the ``positions`` of a source whose entries the cosigned checkpoint covers; none where there is no log, or nothing was cosigned."""
    wanted = sorted(set(positions))
    if not wanted:
        return frozenset()
    try:
        head = read_head(session)
    except NoLog:
        return frozenset()
    size = 0 if head.cosigned is None else Checkpoint.parse(head.cosigned.text).size
    rows = session.execute(statement("entries_of"), {"source": source, "positions": wanted}).fetchall()
    return frozenset(position for position, index, *_ in rows if index < size)
