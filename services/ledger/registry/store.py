"""The registry in Postgres: appended events, the tables folded from them, snapshots for workers, and earlier versions.

Every function works in the caller's transaction and neither commits nor rolls back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count, groupby
from typing import Any, TypeVar

import orjson
from psycopg import Connection

from schemas.events.base import Role
from schemas.schemes import PublicKey, Scheme
from services.ledger.audit_trail.entries import enter
from services.ledger.registry import fold, statement
from services.ledger.registry.events import RecordedEvent
from services.ledger.registry.fold import EMPTY, apply
from services.ledger.registry.party import Key, Party
from services.ledger.registry.registry import Registry, RegistryError
from services.ledger.registry.signed import (
    Administrators,
    Genesis,
    PublicSigner,
    SignedStatement,
    Statement,
    events_digest,
)
from services.ledger.registry.trust import Trust, is_signed, read_chain, stored_events, trust
from services.runtime.transactions import LOCKED, RetryPolicy, retry_transaction

Session = Connection[Any]


def version(session: Session) -> int:
    """The current version, without a lock; about 0.1 ms."""
    return _one(session, "version")


def hold(session: Session) -> int:
    """The current version, locked in share mode until the transaction ends; waits for a change in progress.

    A batch calls this after its offsets and before its identities, and repeats admission where the version is another
    than that of its admission.
    """
    return _one(session, "hold_version")


def load(session: Session) -> Registry:
    """The whole registry at its current version, which no change can replace until the transaction ends.

    The version is locked first, so the rows read after it belong to it also at READ COMMITTED.
    """
    held = hold(session)
    return _of_version(_rows(session, held), held)


def read_snapshot(session: Session) -> Registry:
    """The whole registry at one version, without a lock and without the right to write.

    Where a change commits in between, it is read again.
    """
    before = version(session)
    while True:
        read = _rows(session, before)
        after = version(session)
        if after == before:
            return _of_version(read, before)
        before = after


def history(session: Session, after: int = 0) -> Iterator[RecordedEvent]:
    """The events above version ``after``, in order; with a root those that its administrators signed, RegistryError where one is not good."""
    given = trust()
    if given is None:
        yield from stored_events(session, after)
    else:
        yield from read_chain(session, given.root).changes[after:]


EventT = TypeVar("EventT", bound=fold.Event)


def append(
    session: Session,
    event: EventT,
    *,
    at: int,
    by: str,
    require: Callable[[EventT, Registry], None] = lambda _event, _before: None,
) -> Registry:
    """Append ``event`` and return the registry after it; raises RegistryError where it is not allowed.

    ``require`` raises further refusals, given the event and the registry before it.

    Locks the registry against batches until the transaction ends (``lock_registry``). ``at`` is UTC microseconds and is
    recorded only; nothing depends on it.
    """
    lock_registry(session)
    before = load(session)
    after = fold.apply(before, event)
    require(event, before)
    given = trust()
    if given is None:
        if is_signed(session):
            _required(None)
        _write(session, before, after, RecordedEvent(after.version, at, by, event))
        return after
    proposed = SignedStatement(read_chain(session, given.root).following(event, at).text)
    if not given.development:
        raise Unsigned(proposed)
    for key in given.development:
        proposed = proposed.signed_by(key)
    return append_signed(session, proposed)


def appointment(session: Session, administrators: tuple[PublicSigner, ...], at: int) -> SignedStatement:
    """What the root has to sign so that these are the administrators; the first one takes over the registry as it is now."""
    lock_registry(session)
    chain = read_chain(session, _required(trust()).root)
    change: Genesis | Administrators = Administrators(administrators=administrators)
    if not chain.number:
        taken = tuple(stored_events(session))
        change = Genesis(version=len(taken), digest=events_digest(taken), administrators=administrators)
    return SignedStatement(chain.following(change, at).text)


class Unsigned(RegistryError):
    """A change that is allowed and that two administrators have to sign first; ``proposed`` is what they sign."""

    def __init__(self, proposed: SignedStatement) -> None:
        super().__init__(
            "The registry has a root: two administrators sign each change of it.",
            "Write the proposal to a file, have it signed (lianyun registry sign), and apply it.",
        )
        self.proposed = proposed


def append_signed(session: Session, signed: SignedStatement) -> Registry:
    """Append a signed statement, with the change of the registry that it makes, and return the registry after it.

    RegistryError where it does not follow the statements that there are, or its signatures do not lead to the root.
    """
    lock_registry(session)
    given = _required(trust())
    chain = read_chain(session, given.root)
    after = chain.extended(signed, lambda version: tuple(stored_events(session, upto=version)))
    if chain.registry.version != version(session) and chain.number:
        raise _another_version(chain.registry.version, version(session))
    values = {"version": after.registry.version, "text": signed.text, "signatures": list(signed.signatures)}
    session.execute(statement("add_statement"), {"number": after.number, **values})
    enter(session, "registry_statement", after.number, signed.entry(after.registry.version))
    if not Statement.parse(signed.text).by_root:
        _write(session, chain.registry, after.registry, after.changes[-1])
    return after.registry


def _required(given: Trust | None) -> Trust:
    if given is None:
        raise RegistryError(
            "No root of the registry is configured.",
            "Set LIANYUN_REGISTRY_ROOT to its file in every process.",
        )
    return given


def _write(session: Session, before: Registry, after: Registry, recorded: RecordedEvent) -> None:
    body = recorded.event.model_dump_json(exclude_none=True)
    kind, at, by = recorded.event.kind, recorded.at, recorded.by
    session.execute(
        statement("add_event"), {"version": after.version, "kind": kind, "at": at, "by": by, "body": body}
    )
    entry = {"kind": kind, "at": at, "by": by, "body": orjson.loads(body)}
    enter(session, "registry_event", after.version, entry)
    for code, party in after.parties.items():
        if before.party(code) != party:
            session.execute(statement("keep_earlier"), {"no": party.no})
            session.execute(statement("put_party"), _row(party))
    for key_id, key in after.keys.items():
        if before.key(key_id) != key:
            _put_key(session, key, after.parties[key.party].no)
    session.execute(statement("set_version"), {"version": after.version})


class RegistryReader:
    """A cache of the newest snapshot for one worker; not thread-safe."""

    def __init__(self) -> None:
        self._known: Registry | None = None

    def current(self, session: Session) -> Registry:
        """The current registry: one small read, and the whole only where the version has changed."""
        if self._known is None or self._known.version != version(session):
            self._known = self._loaded(session)
        return self._known

    def held(self, session: Session) -> Registry:
        """The current registry, its version locked until the caller's transaction ends."""
        held = hold(session)
        if self._known is None or self._known.version != held:
            self._known = self._loaded(session)
        return self._known

    def _loaded(self, session: Session) -> Registry:
        loaded = load(session)
        if self._known is not None and loaded.version < self._known.version:
            raise RegistryError(
                f"The registry has gone back from version {self._known.version} to {loaded.version}.",
                "Its last changes were taken away: lianyun fsck compares it with the log.",
            )
        return loaded


def _one(session: Session, name: str) -> int:
    row = session.execute(statement(name)).fetchone()
    if row is None:
        raise LookupError("the registry has no version: the database is not migrated")
    return int(row[0])


def _of_version(read: Registry, version: int) -> Registry:
    if read.version != version:
        raise _another_version(read.version, version)
    return read


def _another_version(signed: int, stored: int) -> RegistryError:
    return RegistryError(
        f"The registry is at version {stored}, and {signed} changes of it are signed.",
        "Somebody changed the database behind the administrators' back: lianyun fsck names the rows.",
    )


def _rows(session: Session, version: int) -> Registry:
    given = trust()
    if given is not None:
        chain = read_chain(session, given.root)
        if not chain.number:
            raise RegistryError(
                "A root of the registry is configured, and it has appointed no administrators.",
                "lianyun registry appoint",
            )
        return replace(chain.registry, signed=True)
    shapes = map(_shape, session.execute(statement("parties")))
    parties = [_party(list(every)) for _, every in groupby(shapes, key=lambda shape: shape.no)]
    keys = [_key(row) for row in session.execute(statement("keys"))]
    return Registry.of(version, parties, keys)


def _party(shapes: Sequence[Party]) -> Party:
    """One party from its shapes, newest first; each holds those before it."""
    party = shapes[-1]
    for shape in reversed(shapes[:-1]):
        party = replace(shape, earlier=(replace(party, earlier=()), *party.earlier))
    return party


def _shape(row: tuple[Any, ...]) -> Party:
    no, code, name, roles, countries, managers, places, topics, sources, since, number = row
    return Party(
        no=no,
        code=code,
        name=name,
        roles=frozenset(map(Role, roles)),
        countries=frozenset(countries),
        managers=frozenset(managers),
        places=frozenset(places),
        sources=frozenset(sources),
        topics=frozenset(topics),
        since=since,
        version=number,
    )


def _key(row: tuple[Any, ...]) -> Key:
    party, scheme, raw, not_before, not_after, revoked_at, compromised_since = row
    public = PublicKey(Scheme(scheme), bytes(raw))
    return Key(party, public, not_before, not_after, revoked_at, compromised_since)


def _row(party: Party) -> dict[str, Any]:
    return {
        "no": party.no,
        "code": party.code,
        "name": party.name,
        "roles": sorted(party.roles),
        "countries": sorted(party.countries),
        "managers": sorted(party.managers),
        "places": sorted(party.places),
        "topics": sorted(party.topics),
        "sources": sorted(party.sources),
        "since": party.since,
        "version": party.version,
    }


def _put_key(session: Session, key: Key, party: int) -> None:
    session.execute(
        statement("put_key"),
        {
            "key_id": key.key_id,
            "party": party,
            "scheme": str(key.scheme),
            "public_key": key.public.raw,
            "not_before": key.not_before,
            "not_after": key.not_after,
            "revoked_at": key.revoked_at,
            "compromised_since": key.compromised_since,
        },
    )


# Batches lock the version's row in share mode; an exclusive lock of that row starves as long as one of them always holds it.
# A lock of the whole table queues: later batches wait behind it. It is waited for in bounded turns, so that one long reader
# does not delay all batches for as long as it reads.

FIRST_TURN, LONGEST_TURN = 0.5, 2.0
"""Seconds of the first and of the longest wait for the lock; batches queued behind it wait as long."""
BETWEEN_TURNS = 0.1
"""Seconds between two turns, in which queued batches run."""
PATIENCE = 30.0
"""Seconds after which ``lock_registry`` gives up."""

_LOCK = b"LOCK TABLE lianyun.registry_version IN EXCLUSIVE MODE"


def lock_registry(session: Connection[Any]) -> None:
    """Lock the registry exclusively until the caller's transaction ends; plain reads go on.

    The transaction must not hold the version yet: two that did would deadlock. Blocks up to PATIENCE, then raises
    RegistryError.
    """
    turns = (min(FIRST_TURN * 2**number, LONGEST_TURN) for number in count())
    row = session.execute("SELECT current_setting('lock_timeout')").fetchone()
    assert row is not None
    lock_timeout = row[0]

    def lock() -> None:
        session.execute(f"SET LOCAL lock_timeout = {int(next(turns) * 1_000)}".encode())
        session.execute(_LOCK)
        session.execute("SELECT set_config('lock_timeout', %s, true)", (lock_timeout,))

    try:
        retry_transaction(
            session, lock, RetryPolicy(LOCKED, timeout=PATIENCE + BETWEEN_TURNS, pause=BETWEEN_TURNS)
        )
    except LOCKED:
        raise RegistryError(
            f"The registry was in use for {PATIENCE:.0f} s without a break; nothing was changed.",
            "Look for sessions that make no progress (`lianyun doctor`) and try again.",
        ) from None


class RegistryHistory:
    """Snapshots of the registry by version; not for several threads.

    The events must be those of versions 1, 2, 3 ... without a gap (RegistryError). At most ``capacity`` snapshots are
    cached; another version costs the fold from the nearest one below.
    """

    def __init__(self, events: Iterable[RecordedEvent], capacity: int = 64) -> None:
        self._events = tuple(events)
        for place, recorded in enumerate(self._events, start=1):
            if recorded.version != place:
                raise RegistryError(
                    f"Version {place} of the registry is missing: version {recorded.version} stands in its place.",
                    "Restore lianyun.registry_event from a backup.",
                )
        self._capacity = capacity
        self._known: OrderedDict[int, Registry] = OrderedDict({0: EMPTY})

    @property
    def events(self) -> tuple[RecordedEvent, ...]:
        """What was recorded, in order."""
        return self._events

    @property
    def version(self) -> int:
        """The newest version."""
        return len(self._events)

    def at(self, version: int) -> Registry:
        """The registry at ``version``; LookupError where that version never was, RegistryError where it cannot be folded."""
        known = self._known.get(version)
        if known is not None:
            return known
        if not 0 <= version <= len(self._events):
            raise LookupError(f"the registry never had version {version}: it is at {len(self._events)}")
        below = max(number for number in self._known if number < version)
        registry = self._known[below]
        for recorded in self._events[below:version]:
            registry = apply(registry, recorded.event)
        self._known[version] = registry
        if len(self._known) > self._capacity:
            oldest = next(number for number in self._known if number)  # the empty registry stays
            del self._known[oldest]
        return registry

    def newest(self) -> Registry:
        """The registry at its newest version."""
        return self.at(self.version)
