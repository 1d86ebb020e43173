"""A monitor: a mirror of the log that looks, for its owner, for what its owner did not say.

It takes over what continues the log (``mirror``), derives the registry again where it is given the root, and compares with what the owner
knows: events that he signed, receipts that he was given. State is the mirror's folder with a file of SQLite in it; an entry is
looked at once, and an alert is stored before it is delivered.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from services.ledger.registry.signed import Chain, Root
from services.producers.spool import sent
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.encoding import Malformed
from services.transparency.domain.entry import Document, Entry, Kind, document_digest
from services.transparency.domain.receipt import Receipt
from services.transparency.mirror import Mirror
from services.transparency.registry import EVENTS, REGISTER, ServedRegistry, derived, register_of
from services.transparency.store.sources import event_document

STATE: Final = "monitor.sqlite"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), entries INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS register (entry INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS alert (
    no    INTEGER PRIMARY KEY,
    kind  TEXT NOT NULL,
    text  TEXT NOT NULL,
    delivered  INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, text)
) STRICT;
INSERT OR IGNORE INTO position VALUES (1, 0);
"""


class AlertKind(StrEnum):
    """What an alert is about."""

    OWN_KEY = "OWN_KEY"
    """The log holds an event under a key of the owner that the owner did not sign."""
    OWN_CARGO = "OWN_CARGO"
    """The log holds something else under the id of an event that the owner knows."""
    REGISTRY = "REGISTRY"
    """The registry beside the log is not what administrators signed, or not what the log holds."""
    REGISTERED_KEY = "REGISTERED_KEY"
    """The registry gives the owner a key that he does not have, or has revoked one that he has."""
    ENTRY = "ENTRY"
    """An entry is in no form that is known here."""


class Alert(NamedTuple):
    """One alert, in one line of text."""

    kind: AlertKind
    text: str


@dataclass(frozen=True, slots=True)
class Owner:
    """What the owner of a monitor knows: his party, the ids of his keys, his spools on a network, receipts that he was given."""

    network: str
    party: str = ""
    keys: frozenset[str] = frozenset()
    spools: tuple[Path, ...] = ()
    receipts: tuple[Receipt, ...] = ()

    def documents(self) -> Iterable[Document]:
        """What he signed, as he has it on disk, and what he was given."""
        for spool in self.spools:
            for headers, payload in sent(spool):
                yield event_document(self.network, headers, payload)
        for receipt in self.receipts:
            yield receipt.document


@dataclass(frozen=True, slots=True)
class MonitorStep:
    """What a step found: entries before and after, the registry where a root is known, alerts that are new, and all that there are."""

    before: int
    after: int
    chain: Chain | None = None
    new: tuple[Alert, ...] = ()
    alerts: tuple[Alert, ...] = ()


@dataclass
class _Known:
    """Digests by subject."""

    digests: set[bytes] = field(default_factory=set)
    subjects: dict[bytes, set[bytes]] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        digest = document_digest(document)
        self.digests.add(digest)
        self.subjects.setdefault(Entry.of(document).subject, set()).add(digest)


class Monitor:
    """A monitor with its state in the mirror's folder; for one process. ``notify`` is called once for each alert, and again where it raised."""

    def __init__(
        self, mirror: Mirror, folder: Path, owner: Owner, root: Root | None, notify: Callable[[Alert], None]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._mirror, self._owner, self._root, self._notify = mirror, owner, root, notify
        self._path = folder / STATE
        with closing(self._open()) as state:
            state.executescript(_SCHEMA)

    def _open(self) -> sqlite3.Connection:
        state = sqlite3.connect(self._path, timeout=10.0, isolation_level=None)
        state.execute("PRAGMA journal_mode = WAL")
        state.execute("PRAGMA synchronous = FULL")
        return state

    def step(self, client: httpx.Client) -> MonitorStep:
        """Take over what the log at the client's address has more, look at it, and deliver the alerts.

        What ``Mirror.follow`` raises; whatever ``notify`` raises, with the alert stored and delivered again by the next step.
        """
        self._mirror.follow(client)
        held = self._mirror.held()
        assert held is not None
        size = Checkpoint.parse(held.text).size
        served = self._served(client) if self._root is not None else None
        known = _Known()
        for (
            document
        ) in self._owner.documents():  # after the entries: what joined the log stood in the spool before
            known.add(document)
        with closing(self._open()) as state:
            (before,) = state.execute("SELECT entries FROM position").fetchone()
            state.execute("BEGIN IMMEDIATE")
            for index, raw in self._mirror.entries(before, size):
                self._examine(state, index, raw, known)
            chain = None if served is None else self._registry(state, served, before)
            state.execute("UPDATE position SET entries = ?", (size,))
            state.execute("COMMIT")
            new = self._deliver(state)
            alerts = tuple(
                Alert(AlertKind(kind), text)
                for kind, text in state.execute("SELECT kind, text FROM alert ORDER BY no")
            )
        return MonitorStep(before, size, chain, new, alerts)

    @staticmethod
    def _served(client: httpx.Client) -> ServedRegistry | Malformed:
        """What is served; a fault is an alert, and keeps nobody from looking at the entries."""
        try:
            answer = client.get("/registry")
            if answer.status_code != httpx.codes.OK:
                raise Malformed(f"/registry is answered {answer.status_code}")
            return ServedRegistry.parse(answer.content)
        except httpx.HTTPError as problem:
            return Malformed(f"/registry is not answered: {type(problem).__name__}")
        except Malformed as problem:
            return problem

    def _examine(self, state: sqlite3.Connection, index: int, raw: bytes, known: _Known) -> None:
        try:
            entry = Entry.parse(raw)
        except Malformed as problem:
            _alert(state, AlertKind.ENTRY, f"entry {index}: {problem}")
            return
        if (name := register_of(entry)) in (REGISTER, EVENTS) and entry.kind is Kind.REGISTER:
            state.execute("INSERT OR REPLACE INTO register VALUES (?, ?)", (index, name))
        if entry.kind is Kind.EVENT and entry.key in self._owner.keys and entry.digest not in known.digests:
            _alert(
                state,
                AlertKind.OWN_KEY,
                f"entry {index} at {entry.place}: an event under your key {entry.key} that you did not sign",
            )
        elif entry.digest not in known.subjects.get(entry.subject, {entry.digest}):
            _alert(
                state,
                AlertKind.OWN_CARGO,
                f"entry {index} at {entry.place}: another content under the id of an event that you know, under key {entry.key}",
            )

    def _registry(
        self, state: sqlite3.Connection, served: ServedRegistry | Malformed, before: int
    ) -> Chain | None:
        assert self._root is not None
        if isinstance(served, Malformed):
            _alert(state, AlertKind.REGISTRY, str(served))
            return None
        carried = [
            index for (index,) in state.execute("SELECT entry FROM register WHERE name = ?", (REGISTER,))
        ]
        entries = {
            index: Entry.parse(raw) for index in carried for _, raw in self._mirror.entries(index, index + 1)
        }
        chain, fault = derived(self._root, served, entries)
        # A change and its statement may join in two steps, so only changes of the steps before are counted.
        (changes,) = state.execute(
            "SELECT count(*) FROM register WHERE name = ? AND entry < ?", (EVENTS, before)
        ).fetchone()
        if not fault and changes > chain.registry.version:
            fault = (
                f"the log holds {changes} changes of the registry, and {chain.registry.version} are signed"
            )
        if fault:
            _alert(state, AlertKind.REGISTRY, fault)
        for key in chain.registry.keys_of(self._owner.party) if self._owner.keys else ():
            if key.key_id not in self._owner.keys:
                _alert(
                    state,
                    AlertKind.REGISTERED_KEY,
                    f"the registry gives {self._owner.party} the key {key.key_id}, which you do not have",
                )
            elif key.revoked_at is not None:
                _alert(state, AlertKind.REGISTERED_KEY, f"the registry has revoked your key {key.key_id}")
        return chain

    def _deliver(self, state: sqlite3.Connection) -> tuple[Alert, ...]:
        rows = state.execute("SELECT no, kind, text FROM alert WHERE delivered = 0 ORDER BY no").fetchall()
        new = []
        for no, kind, text in rows:
            new.append(Alert(AlertKind(kind), text))
            self._notify(new[-1])
            state.execute("UPDATE alert SET delivered = 1 WHERE no = ?", (no,))
        return tuple(new)


def _alert(state: sqlite3.Connection, kind: AlertKind, text: str) -> None:
    state.execute("INSERT OR IGNORE INTO alert (kind, text) VALUES (?, ?)", (kind, text))
