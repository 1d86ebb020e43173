"""The registry in a real database: events, tables and snapshots agree; revocation closes the door behind batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing import SigningKey
from services.ledger.registry import commands, store
from services.ledger.registry.events import NewKey, PartyAdded, PartyAmended
from services.ledger.registry.fold import fold
from services.ledger.registry.possession import proven
from services.ledger.registry.registry import RegistryError
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
NOW = 1_772_000_000_000_000


@pytest.fixture
def dsn(postgres: Any) -> str:
    return migrated_database(postgres, "registry")


@pytest.fixture
def session(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def railway(code: str = "ktz", **more: Any) -> PartyAdded:
    return PartyAdded(
        code=code,
        name="Railway",
        roles=frozenset({Role.RAILWAY}),
        sources=frozenset({f"urn:cre:{code}"}),
        topics=frozenset({f"cre.railway.{code}.v1"}),
        **more,
    )


def pair(byte: int, scheme: Scheme = Scheme.ED25519) -> SigningKey:
    return SigningKey.from_seed(scheme, bytes([byte]) * 32)


def new_key(byte: int, scheme: Scheme = Scheme.ED25519, party: str = "ktz", **more: Any) -> NewKey:
    return proven(pair(byte, scheme), "demo", party, not_before=NOW - 10, **more)


def key_id(byte: int, scheme: Scheme = Scheme.ED25519) -> str:
    return pair(byte, scheme).key_id


def nothing(*_: object) -> int:
    return 0


def fill(session: psycopg.Connection[Any]) -> None:
    with session.transaction():
        commands.add_party(
            session, railway(managers=frozenset({"ktz"}), places=frozenset({"locode:KZDOS"})), at=NOW, by="op"
        )
        commands.add_key(session, "ktz", new_key(1), at=NOW, by="op")
        commands.add_key(session, "ktz", new_key(1, Scheme.ED25519_BATCH), at=NOW, by="op")
        commands.rotate_key(
            session, "ktz", key_id(1), new_key(2, replaces=pair(1)), old_until=NOW + 50, at=NOW + 1, by="op"
        )


def test_tables_snapshot_and_fold_of_the_events_are_the_same(session: psycopg.Connection[Any]) -> None:
    fill(session)
    with session.transaction():
        commands.revoke_key(session, key_id(1), nothing, at=NOW + 5, by="op", compromised_since=NOW - 3)
    loaded = store.load(session)
    assert loaded.version == 5
    assert loaded == fold(recorded.event for recorded in store.history(session))
    assert [recorded.version for recorded in store.history(session, after=3)] == [4, 5]
    assert loaded.parties["ktz"].places == {"railnet:dostyk"}
    assert loaded.owner("urn:cre:ktz") is loaded.writer("cre.railway.ktz.v1") is loaded.by_number(1)
    revoked = loaded.keys[key_id(1)]
    assert (revoked.not_after, revoked.revoked_at, revoked.compromised_since) == (NOW + 50, NOW + 5, NOW - 3)
    batch = loaded.keys[key_id(1, Scheme.ED25519_BATCH)]
    assert batch.compromised_since == NOW - 3, "the same private key signs under its other id too"
    assert loaded.keys[key_id(2)].revoked_at is None


def test_whoever_only_looks_holds_nobody_off_and_sees_one_version(
    session: psycopg.Connection[Any], dsn: str
) -> None:
    fill(session)
    with psycopg.connect(dsn) as looker:
        looker.execute("SET TRANSACTION READ ONLY")
        assert store.read_snapshot(looker) == store.load(session)
        with session.transaction():
            session.execute("SET LOCAL lock_timeout = '2s'")
            commands.add_key(session, "ktz", new_key(3), at=NOW + 2, by="op")
        assert store.read_snapshot(looker) == store.load(session), "at READ COMMITTED the next look sees it"


def test_a_change_in_the_middle_of_a_look_is_seen_whole(
    session: psycopg.Connection[Any], dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A party comes in after the parties were read and before the keys are: its key must not stand alone."""
    fill(session)
    read = store.statement

    def interrupted(name: str) -> Any:
        if name == "keys":
            monkeypatch.setattr(store, "statement", read)
            with psycopg.connect(dsn) as other:
                commands.add_party(other, railway("kz8"), at=NOW + 2, by="op")
                commands.add_key(other, "kz8", new_key(8, party="kz8"), at=NOW + 2, by="op")
        return read(name)

    monkeypatch.setattr(store, "statement", interrupted)
    seen = store.read_snapshot(session)
    assert seen == store.load(session)
    assert seen.keys[key_id(8)].party in seen.parties


def test_the_territory_of_customs_is_a_country_never_a_union(session: psycopg.Connection[Any]) -> None:
    for code in ("EU", "XI", "ZZ"):
        with pytest.raises(RegistryError, match=f"country {code} is none"):
            commands.add_party(session, railway("olaf", countries=frozenset({"PL", code})), at=NOW, by="op")
    commands.add_party(session, railway("kas", countries=frozenset({"PL"})), at=NOW, by="op")
    union = PartyAmended(code="kas", since=NOW, countries=frozenset({"EU"}))
    with pytest.raises(RegistryError, match="country EU is none"):
        commands.amend_party(session, union, at=NOW, by="op")


def test_a_refused_change_leaves_nothing_behind(session: psycopg.Connection[Any]) -> None:
    fill(session)
    before = store.load(session)
    refused = [
        lambda: commands.add_party(session, railway(), at=NOW, by="op"),
        lambda: commands.add_party(
            session, railway("kz2", managers=frozenset({"atlantis"})), at=NOW, by="op"
        ),
        lambda: commands.add_key(session, "nobody", new_key(9, party="nobody"), at=NOW, by="op"),
        lambda: commands.add_key(session, "ktz", new_key(1), at=NOW, by="op"),
        lambda: commands.rotate_key(
            session, "ktz", key_id(2), new_key(9, replaces=pair(2)), old_until=NOW - 1, at=NOW, by="op"
        ),
        lambda: commands.revoke_key(session, "0" * 16, nothing, at=NOW, by="op"),
    ]
    for change in refused:
        with pytest.raises(RegistryError), session.transaction():
            change()
    assert store.load(session) == before


def test_events_are_final(session: psycopg.Connection[Any]) -> None:
    fill(session)
    for damage in (
        "UPDATE lianyun.registry_event SET by = 'x'",
        "DELETE FROM lianyun.registry_event",
        "TRUNCATE lianyun.registry_event",
    ):
        with pytest.raises(psycopg.errors.RaiseException):
            session.execute(damage)


def test_a_reader_reads_everything_again_only_when_the_version_moved(
    session: psycopg.Connection[Any],
) -> None:
    fill(session)
    reader = store.RegistryReader()
    first = reader.current(session)
    assert reader.current(session) is first
    with session.transaction():
        commands.add_key(session, "ktz", new_key(5), at=NOW, by="op")
    second = reader.current(session)
    assert second is not first
    assert second.key(key_id(5)) is not None
    with session.transaction():
        assert reader.held(session) is second


def test_revocation_waits_for_batches_and_tells_the_store_what_to_put_aside(
    session: psycopg.Connection[Any], dsn: str
) -> None:
    """A batch that was judged under the old registry either commits before the list is made, or judges again."""
    fill(session)
    asked: list[tuple[str, int]] = []
    order: list[str] = []

    def quarantine(_: object, key: str, start: int) -> int:
        order.append("quarantine")
        asked.append((key, start))
        return 3

    def revoke() -> commands.Revocation:
        with psycopg.connect(dsn) as own:
            return commands.revoke_key(
                own, key_id(1), quarantine, at=NOW + 9, by="op", compromised_since=NOW + 2
            )

    results: list[commands.Revocation] = []
    with psycopg.connect(dsn) as batch:
        assert store.hold(batch) == 4
        revoking = threading.Thread(target=lambda: results.append(revoke()))
        revoking.start()
        revoking.join(0.3)
        assert revoking.is_alive(), "the revocation must wait for the batch"
        order.append("batch")
        batch.commit()
        revoking.join(10)
        assert store.hold(batch) == 5, "the next batch sees the new version"
    assert order == ["batch", "quarantine", "quarantine"]
    both = {key_id(1), key_id(1, Scheme.ED25519_BATCH)}
    assert {key for key, _ in asked} == both
    assert {start for _, start in asked} == {NOW + 2}
    assert results[0].quarantined == 6
    assert set(results[0].keys) == both


def test_many_batches_hold_the_registry_at_once(
    session: psycopg.Connection[Any], dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 0.2)
    with psycopg.connect(dsn) as one, psycopg.connect(dsn) as two:
        assert store.hold(one) == store.hold(two) == 0
        two.rollback()
        two.execute("SET lock_timeout = '7s'")
        with pytest.raises(RegistryError, match="without a break"):
            commands.add_party(two, railway(), at=NOW, by="op")
        assert two.execute("SELECT 1").fetchone() == (1,), "the caller's transaction is whole"
        assert two.execute("SHOW lock_timeout").fetchone() == ("7s",)
        two.rollback()
        one.rollback()
    with session.transaction():
        commands.add_party(session, railway(), at=NOW, by="op")


class Batches:
    """Two connections, of which one always holds the registry while the other ends its batch and begins the next."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._stop = threading.Event()
        self._turns = [threading.Semaphore(1), threading.Semaphore(0)]
        self._both = threading.Barrier(3)
        self.begun = 0
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in (0, 1)]

    def _run(self, number: int) -> None:
        with psycopg.connect(self._dsn) as batch:
            store.hold(batch)
            self._both.wait(10)
            while not self._stop.is_set():
                self._turns[number].acquire(
                    timeout=0.1
                )  # no batch goes on for ever, also when the other waits
                self._stop.wait(0.01)
                batch.commit()
                store.hold(batch)
                self.begun += 1
                self._turns[1 - number].release()

    def __enter__(self) -> Batches:
        for thread in self._threads:
            thread.start()
        self._both.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)


def test_a_change_gets_its_turn_between_batches_that_always_hold_the_registry(
    session: psycopg.Connection[Any], dsn: str
) -> None:
    """Counted in batches, not seconds: those that begin after the change has asked must wait behind it."""
    with Batches(dsn) as batches, psycopg.connect(dsn) as operator:
        begun = batches.begun
        for number in range(5):
            commands.add_party(operator, railway(f"r{number}"), at=NOW, by="op")
            operator.commit()
        begun = batches.begun - begun
    assert begun < 100
    assert store.load(session).version == 5


def test_an_amended_party_is_loaded_as_it_is_folded(session: psycopg.Connection[Any]) -> None:
    fill(session)
    with session.transaction():
        change = PartyAmended(
            code="ktz",
            since=NOW + 10,
            name="KTZ",
            roles=frozenset({Role.RAILWAY, Role.TERMINAL}),
            managers=frozenset(),
            places=frozenset({"locode:KZDOS"}),
            sources=frozenset({"urn:cre:ktz:2"}),
        )
        commands.amend_party(session, change, at=NOW + 10, by="op")
        commands.amend_party(
            session, PartyAmended(code="ktz", since=NOW + 20, topics=frozenset()), at=NOW + 10, by="op"
        )
    loaded = store.load(session)
    assert loaded == fold(recorded.event for recorded in store.history(session))
    party = loaded.parties["ktz"]
    assert [party.at(NOW + n).name for n in (9, 10, 20)] == ["Railway", "KTZ", "KTZ"]
    assert [sorted(party.at(NOW + n).places) for n in (9, 10)] == [["railnet:dostyk"], ["railnet:dostyk"]]
    assert (party.topics, party.at(NOW + 15).topics) == (set(), {"cre.railway.ktz.v1"})
    assert loaded.owner("urn:cre:ktz") is loaded.owner("urn:cre:ktz:2") is party
    assert loaded.writer("cre.railway.ktz.v1") is None
    kinds = session.execute("SELECT kind FROM lianyun.registry_event ORDER BY version").fetchall()
    assert [kind for (kind,) in kinds][-2:] == ["party_amended"] * 2
    with session.transaction():
        commands.add_key(session, "ktz", new_key(8), at=NOW, by="op")
    assert store.load(session).parties["ktz"] == party, "another change leaves it alone"


def test_an_amendment_that_cannot_be_is_refused(session: psycopg.Connection[Any]) -> None:
    fill(session)
    before = store.load(session)
    for change in (
        PartyAmended(code="ktz", since=NOW - 1, name="x"),
        PartyAmended(code="ktz", since=NOW, managers=frozenset({"atlantis"})),
        PartyAmended(code="nobody", since=NOW, name="x"),
    ):
        with pytest.raises(RegistryError), session.transaction():
            commands.amend_party(session, change, at=NOW, by="op")
    assert store.load(session) == before
