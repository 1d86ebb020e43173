"""No key is registered whose owner did not prove to hold it, none rotated without the old one's word, and fsck proves it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from schemas.schemes import Scheme
from schemas.signing import SigningKey
from services.audit.fsck.check import fsck
from services.ledger.registry import commands, store
from services.ledger.registry.events import KeyAdded, KeyRotated, NewKey
from services.ledger.registry.possession import proven
from services.ledger.registry.registry import RegistryError
from services.ledger.storage.migrate import migrate
from tests.integration.registry.test_registry import NOW, key_id, nothing, pair, railway
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
SCHEMES = (Scheme.ED25519, Scheme.ED25519_BATCH, Scheme.ECDSA_P256_SHA256)


@pytest.fixture
def dsn(postgres: Any) -> str:
    return migrated_database(postgres, "possession")


@pytest.fixture
def session(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        with connection.transaction():
            for code in ("ktz", "rzd"):
                commands.add_party(connection, railway(code), at=NOW, by="op")
        yield connection


def bare(key: SigningKey, **more: Any) -> NewKey:
    return NewKey(scheme=key.scheme, public_key=key.public_key.hex(), not_before=0, **more)


def add(session: psycopg.Connection[Any], new: NewKey, party: str = "ktz", **more: Any) -> None:
    with session.transaction():
        commands.add_key(session, party, new, at=NOW, by="op", **more)


def rotate(session: psycopg.Connection[Any], old: str, new: NewKey) -> None:
    with session.transaction():
        commands.rotate_key(session, "ktz", old, new, old_until=NOW + 50, at=NOW, by="op")


def findings(dsn: str) -> list[str]:
    return [f"{each.where} {each.field}: {each.stored}" for each in fsck(dsn, "demo").findings]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_key_without_proof_is_refused_and_with_it_registered(
    session: psycopg.Connection[Any], dsn: str, scheme: Scheme
) -> None:
    key = pair(1, scheme)
    with pytest.raises(RegistryError, match="no proof that ktz holds") as refused:
        add(session, bare(key))
    assert "lianyun key prove" in refused.value.remedy
    good = proven(key, "demo", "ktz")
    assert good.proof is not None
    wrong = (
        good.model_copy(update={"not_before": 5}),
        good.model_copy(update={"not_after": 5}),
        proven(key, "demo", "rzd"),
        proven(key, "demo", "ktz", replaces=pair(9)),
        good.model_copy(update={"proof": good.proof.model_copy(update={"network": "prod"})}),
        bare(pair(2, scheme), proof=good.proof),
        good.model_copy(update={"proof": good.proof.model_copy(update={"signature": "v1;nonsense"})}),
    )
    for new in wrong:
        with pytest.raises(RegistryError, match="not a signature by the key"):
            add(session, new)
    add(session, good)
    assert store.load(session).key(key.key_id) is not None
    assert findings(dsn) == []


def test_a_key_of_somebody_else_cannot_be_registered_as_ones_own(session: psycopg.Connection[Any]) -> None:
    """Whoever registers a stranger's key could say later that the stranger speaks for him."""
    seen = proven(pair(1), "demo", "rzd")
    with pytest.raises(RegistryError, match="not a signature by the key"):
        add(session, seen, "ktz")
    add(session, seen, "rzd")


def test_a_rotation_is_signed_by_both_keys(session: psycopg.Connection[Any], dsn: str) -> None:
    old, new = pair(1), pair(2, Scheme.ECDSA_P256_SHA256)
    add(session, proven(old, "demo", "ktz"))
    for lacking in (bare(new), proven(new, "demo", "ktz"), proven(new, "demo", "ktz", replaces=old.key_id)):
        with pytest.raises(RegistryError) as refused:
            rotate(session, old.key_id, lacking)
        assert "revoke it, then add the new one in its place" in refused.value.remedy
    stranger = proven(new, "demo", "ktz", replaces=old)
    by_another = proven(pair(3), "demo", "ktz").proof
    assert stranger.proof is not None
    assert by_another is not None
    forged = stranger.proof.model_copy(update={"replaced_signature": by_another.signature})
    with pytest.raises(RegistryError, match="is not good"):
        rotate(session, old.key_id, stranger.model_copy(update={"proof": forged}))
    rotate(session, old.key_id, stranger)
    assert store.load(session).keys[old.key_id].not_after == NOW + 50
    assert findings(dsn) == []


def test_where_the_old_key_cannot_sign_the_way_leads_over_its_revocation(
    session: psycopg.Connection[Any], dsn: str
) -> None:
    old, new = pair(1), pair(2)
    add(session, proven(old, "demo", "ktz"))
    named = proven(new, "demo", "ktz", replaces=old.key_id)
    with pytest.raises(RegistryError, match="is not revoked"):
        add(session, named, in_place_of=old.key_id)
    with session.transaction():
        commands.revoke_key(session, old.key_id, nothing, at=NOW, by="op", compromised_since=NOW - 5)
    with pytest.raises(RegistryError, match="belongs to ktz"):
        add(session, proven(new, "demo", "rzd", replaces=old.key_id), "rzd", in_place_of=old.key_id)
    with pytest.raises(RegistryError, match="not a signature by the key"):
        add(session, proven(new, "demo", "ktz"), in_place_of=old.key_id)
    add(session, named, in_place_of=old.key_id)
    *_, last = store.history(session)
    assert isinstance(last.event, KeyAdded)
    assert last.event.in_place_of == old.key_id, "recorded as what it is"
    assert findings(dsn) == []


def test_fsck_proves_every_key_again_and_leaves_those_from_before_alone(
    session: psycopg.Connection[Any], dsn: str
) -> None:
    with session.transaction():
        session.execute("DROP TABLE lianyun.key_possession")  # as before the migration
        store.append(session, KeyAdded(party="ktz", key=bare(pair(1))), at=NOW, by="before")
    assert findings(dsn) == []
    session.execute("DELETE FROM lianyun.migration WHERE number = 44")
    migrate(dsn)
    assert findings(dsn) == [], "registered before proofs were demanded"
    with session.transaction():
        store.append(session, KeyAdded(party="ktz", key=bare(pair(2))), at=NOW, by="past the commands")
        mixed = KeyRotated(party="ktz", old=key_id(1), old_until=NOW, key=bare(pair(3)))
        store.append(session, mixed, at=NOW, by="past the commands")
    assert findings(dsn) == [
        "registry_event 4 body: There is no proof that ktz holds the private half of the key.",
        "registry_event 5 body: There is no proof that ktz holds the private half of the key.",
    ]


def test_a_proof_that_was_altered_or_is_of_another_network_is_found(
    session: psycopg.Connection[Any], dsn: str
) -> None:
    add(session, proven(pair(1), "demo", "ktz"))
    add(session, proven(pair(2), "prod", "ktz"))
    with session.transaction():
        session.execute("ALTER TABLE lianyun.registry_event DISABLE TRIGGER final")
        ((body,),) = session.execute("SELECT body FROM lianyun.registry_event WHERE version = 3").fetchall()
        body["key"]["proof"]["signature"] = body["key"]["proof"]["signature"].replace("A", "B", 1)
        session.execute("UPDATE lianyun.registry_event SET body = %s WHERE version = 3", (json.dumps(body),))
        session.execute("ALTER TABLE lianyun.registry_event ENABLE TRIGGER final")
    first, second = [each for each in findings(dsn) if " body: The proof " in each]
    assert first.startswith("registry_event 3 body: The proof is not a signature by the key")
    assert second == "registry_event 4 body: The proof is for the network prod."
    with pytest.raises(psycopg.errors.RaiseException):
        session.execute("UPDATE lianyun.key_possession SET since = 9")
