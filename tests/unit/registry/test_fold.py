"""The registry's rules: what each event changes, what contradicts, and what a key is worth at a moment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.base import Role
from schemas.schemes import PublicKey, Scheme
from schemas.signing import SigningKey
from services.ledger.registry.events import KeyAdded, KeyRevoked, KeyRotated, NewKey, PartyAdded, parse
from services.ledger.registry.fold import EMPTY, Event, apply, fold
from services.ledger.registry.party import Key, KeyState, is_quarantined, key_state, quarantined_from
from services.ledger.registry.registry import RegistryError

PAIR = b"\x01" * 32


def party(code: str, source: str | None = None, topic: str | None = None) -> PartyAdded:
    return PartyAdded(
        code=code,
        name=code,
        roles=frozenset({Role.RAILWAY}),
        sources=frozenset({source or f"urn:{code}"}),
        topics=frozenset({topic or f"t.{code}"}),
    )


def signer(seed: bytes = PAIR, scheme: Scheme = Scheme.ED25519) -> SigningKey:
    return SigningKey.from_seed(scheme, seed)


def new(key: SigningKey, start: int = 100, end: int | None = None) -> NewKey:
    return NewKey(scheme=key.scheme, public_key=key.public_key.hex(), not_before=start, not_after=end)


ONE, BATCH, TWO = signer(), signer(scheme=Scheme.ED25519_BATCH), signer(b"\x02" * 32)
START: list[Event] = [
    party("ktz"),
    party("rzd"),
    KeyAdded(party="ktz", key=new(ONE)),
    KeyAdded(party="ktz", key=new(BATCH)),
]


def test_one_pair_of_keys_may_serve_both_schemes_and_ends_under_both() -> None:
    registry = fold([*START, KeyRevoked(key=ONE.key_id, revoked_at=900, compromised_since=500)])
    assert ONE.key_id != BATCH.key_id
    for key in (ONE, BATCH):
        known = registry.keys[key.key_id]
        assert (known.revoked_at, known.compromised_since) == (900, 500)


def test_a_second_revocation_only_widens_the_first() -> None:
    registry = fold([*START, KeyRevoked(key=ONE.key_id, revoked_at=900)])
    with pytest.raises(RegistryError, match="revoked already"):
        apply(registry, KeyRevoked(key=ONE.key_id, revoked_at=1_000))
    wider = apply(registry, KeyRevoked(key=ONE.key_id, revoked_at=1_000, compromised_since=400))
    assert (wider.keys[ONE.key_id].revoked_at, wider.keys[ONE.key_id].compromised_since) == (900, 400)
    with pytest.raises(RegistryError, match="revoked already"):
        apply(wider, KeyRevoked(key=ONE.key_id, revoked_at=1_000, compromised_since=400))
    widest = apply(wider, KeyRevoked(key=ONE.key_id, revoked_at=1_000, compromised_since=399))
    assert quarantined_from(widest.keys[ONE.key_id]) == 399


REFUSED: list[tuple[Event, str]] = [
    (party("ktz", "urn:x", "t.x"), "registered already"),
    (party("uz", source="urn:ktz"), "belongs to ktz"),
    (KeyAdded(party="uz", key=new(TWO)), "no party uz"),
    (KeyAdded(party="ktz", key=new(ONE)), "registered already"),
    (KeyAdded(party="rzd", key=new(ONE)), "registered already, for ktz"),
    (KeyAdded(party="ktz", key=new(TWO, 100, 100)), "window is empty"),
    (
        KeyAdded(party="ktz", key=NewKey(scheme=Scheme.ED25519, public_key="00" * 32, not_before=0)),
        "not acceptable",
    ),
    (
        KeyAdded(party="ktz", key=NewKey(scheme=Scheme.ED25519, public_key="01" + "00" * 31, not_before=0)),
        "not acceptable",
    ),
    (
        KeyAdded(party="ktz", key=NewKey(scheme=Scheme.ED25519, public_key="01" * 33, not_before=0)),
        "not acceptable",
    ),
    (
        KeyAdded(
            party="ktz",
            key=NewKey(scheme=Scheme.ECDSA_P256_SHA256, public_key="04" + "11" * 64, not_before=0),
        ),
        "not acceptable",
    ),
    (
        KeyAdded(party="ktz", key=NewKey(scheme=Scheme.SM2_SM3, public_key="04" + "11" * 64, not_before=0)),
        "reserved",
    ),
    (KeyRotated(party="rzd", old=ONE.key_id, old_until=500, key=new(TWO)), "belongs to ktz"),
    (KeyRotated(party="ktz", old="0" * 16, old_until=500, key=new(TWO)), "no key"),
    (KeyRotated(party="ktz", old=ONE.key_id, old_until=99, key=new(TWO)), "overlap"),
    (KeyRevoked(key="0" * 16, revoked_at=1), "no key"),
    (KeyRevoked(key=ONE.key_id, revoked_at=1, compromised_since=2), "after the revocation"),
]


@pytest.mark.parametrize(("event", "problem"), REFUSED)
def test_what_contradicts_is_refused(event: Event, problem: str) -> None:
    with pytest.raises(RegistryError, match=problem):
        apply(fold(START), event)


def test_a_pair_of_keys_is_in_one_hand_and_never_comes_back_after_a_revocation() -> None:
    only_single = fold(START[:3])
    with pytest.raises(RegistryError, match="for ktz"):
        apply(only_single, KeyAdded(party="rzd", key=new(BATCH)))
    revoked = apply(only_single, KeyRevoked(key=ONE.key_id, revoked_at=900))
    with pytest.raises(RegistryError, match="and revoked"):
        apply(revoked, KeyAdded(party="ktz", key=new(BATCH)))


def test_rotation_never_lengthens_and_never_revives() -> None:
    short = fold([*START[:2], KeyAdded(party="ktz", key=new(ONE, 100, 300))])
    with pytest.raises(RegistryError, match="never lengthens"):
        apply(short, KeyRotated(party="ktz", old=ONE.key_id, old_until=301, key=new(TWO)))
    rotated = apply(short, KeyRotated(party="ktz", old=ONE.key_id, old_until=200, key=new(TWO, 150)))
    assert rotated.keys[ONE.key_id].not_after == 200
    gone = fold([*START, KeyRevoked(key=ONE.key_id, revoked_at=900)])
    with pytest.raises(RegistryError, match="is revoked"):
        apply(gone, KeyRotated(party="ktz", old=ONE.key_id, old_until=950, key=new(TWO)))


def test_numbers_follow_registration_and_every_change_is_a_version() -> None:
    registry = fold(START)
    assert registry.version == len(START)
    assert EMPTY.version == 0
    assert [(registry.parties[c].no, c) for c in ("ktz", "rzd")] == [(1, "ktz"), (2, "rzd")]
    assert {key.key_id for key in registry.keys_of("ktz")} == {ONE.key_id, BATCH.key_id}


def test_events_survive_their_stored_form() -> None:
    for event in [*START, *(event for event, _ in REFUSED)]:
        assert parse(event.model_dump_json(exclude_none=True)) == event


moments = st.integers(0, 20)


@given(
    start=moments,
    end=st.none() | moments,
    revoked=st.none() | moments,
    compromised=st.none() | moments,
    at=moments,
)
def test_a_key_is_valid_exactly_where_nothing_speaks_against_it(
    start: int, end: int | None, revoked: int | None, compromised: int | None, at: int
) -> None:
    key = Key("ktz", PublicKey(Scheme.ED25519, ONE.public_key), start, end, revoked, compromised)
    good = at >= start and all(moment is None or at < moment for moment in (end, revoked, compromised))
    assert (key_state(key, at) is KeyState.VALID) == good
    # What would be refused now for its key's sake is put aside where it was admitted before, and nothing else is.
    ended = key_state(key, at) in (KeyState.REVOKED, KeyState.COMPROMISED)
    assert is_quarantined(key, at) == ended
