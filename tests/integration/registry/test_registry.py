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
from services.registry import commands, store
from services.registry.errors import RegistryError
from services.registry.events import NewKey, PartyAdded
from services.registry.fold import fold
from services.storage.migrate import migrate

pytestmark = pytest.mark.integration
NOW = 1_772_000_000_000_000


@pytest.fixture(scope="module")
def dsn(postgres: Any) -> str:
    return str(postgres.fresh_database("registry"))


@pytest.fixture
def session(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS lianyun, g1 CASCADE")
        migrate(dsn)
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


def new_key(byte: int, scheme: Scheme = Scheme.ED25519, **more: Any) -> NewKey:
    key = SigningKey.from_seed(scheme, bytes([byte]) * 32)
    return NewKey(scheme=scheme, public_key=key.public_key.hex(), not_before=NOW - 10, **more)


def key_id(byte: int, scheme: Scheme = Scheme.ED25519) -> str:
    return SigningKey.from_seed(scheme, bytes([byte]) * 32).key_id


def nothing(*_: object) -> int:
    return 0


def fill(session: psycopg.Connection[Any]) -> None:
    with session.transaction():
        commands.add_party(
            session, railway(managers=frozenset({"ktz"}), places=frozenset({"locode:KZDOS"})), at=NOW, by="op"
        )
        commands.add_key(session, "ktz", new_key(1), at=NOW, by="op")
        commands.add_key(session, "ktz", new_key(1, Scheme.ED25519_BATCH), at=NOW, by="op")
        commands.rotate_key(session, "ktz", key_id(1), new_key(2), old_until=NOW + 50, at=NOW + 1, by="op")


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


def test_a_refused_change_leaves_nothing_behind(session: psycopg.Connection[Any]) -> None:
    fill(session)
    before = store.load(session)
    refused = [
        lambda: commands.add_party(session, railway(), at=NOW, by="op"),
        lambda: commands.add_party(
            session, railway("kz2", managers=frozenset({"atlantis"})), at=NOW, by="op"
        ),
        lambda: commands.add_key(session, "nobody", new_key(9), at=NOW, by="op"),
        lambda: commands.add_key(session, "ktz", new_key(1), at=NOW, by="op"),
        lambda: commands.rotate_key(
            session, "ktz", key_id(2), new_key(9), old_until=NOW - 1, at=NOW, by="op"
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


def test_many_batches_hold_the_registry_at_once(session: psycopg.Connection[Any], dsn: str) -> None:
    with psycopg.connect(dsn) as one, psycopg.connect(dsn, options="-c lock_timeout=500") as two:
        assert store.hold(one) == store.hold(two) == 0
        with pytest.raises(psycopg.errors.LockNotAvailable):
            commands.add_party(two, railway(), at=NOW, by="op")
        two.rollback()
        one.rollback()
    with session.transaction():
        commands.add_party(session, railway(), at=NOW, by="op")
