"""Messages that must be refused, made from good ones, each with the reason that must be given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import Any

import orjson

from schemas.envelope import SIGNATURE_HEADER, Envelope, signed_bytes
from schemas.signing import SigningKey, sign
from services.producers.profile import Profile
from services.producers.spool import Message as Signed
from services.producers.unsigned_event import UnsignedEvent, message_of
from services.testbed.simulator.signatures import Outgoing

Break = Callable[[Signed, Profile, Random], Signed]


def _unsigned(message: Signed, _profile: Profile, random: Random) -> Signed:
    if random.random() < 0.5:
        return replace(message, headers=(), value=random.randbytes(200))  # nothing of ours at all
    return replace(message, headers=tuple(h for h in message.headers if h[0] != SIGNATURE_HEADER))


def _flipped(message: Signed, _profile: Profile, random: Random) -> Signed:
    raw = bytearray(message.value)
    raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
    return replace(message, value=bytes(raw))


def _untyped(message: Signed, _profile: Profile, _random: Random) -> Signed:
    return replace(message, headers=tuple(h for h in message.headers if h[0] != "ce_type"))


def _twice(message: Signed, _profile: Profile, _random: Random) -> Signed:
    return replace(message, headers=(*message.headers, next(h for h in message.headers if h[0] == "ce_id")))


def _again(
    message: Signed,
    profile: Profile,
    *,
    value: bytes | None = None,
    seed: bytes | None = None,
    **changes: str,
) -> Signed:
    """The message with other bytes or attributes, signed anew (by the key of ``seed``) and therefore provable."""
    there = Envelope.from_headers(list(message.headers))
    envelope = replace(
        there,
        id=changes.get("id", there.id),
        source=changes.get("source", there.source),
        type=changes.get("type", there.type),
        time=changes.get("time", there.time),
    )
    payload = message.value if value is None else value
    key = profile.key if seed is None else SigningKey.from_seed(profile.key.scheme, seed)
    signed = signed_bytes(profile.network, envelope, payload)
    event = UnsignedEvent(envelope, payload, signed, message.key)
    return message_of(event, sign(key, signed), message.topic)


def _id(random: Random) -> str:
    return f"sim-broken-{random.getrandbits(64):016x}"


def _unknown_key(message: Signed, profile: Profile, random: Random) -> Signed:
    return _again(message, profile, seed=random.randbytes(32), id=_id(random))


def _stranger(message: Signed, profile: Profile, random: Random) -> Signed:
    """Somebody else's events under one's own, registered key."""
    return _again(message, profile, id=_id(random), source="urn:lianyun:simulated:nobody")


def _unknown_type(message: Signed, profile: Profile, random: Random) -> Signed:
    return _again(message, profile, id=_id(random), type="cre.movement.teleported.v1")


def _unknown_version(message: Signed, profile: Profile, random: Random) -> Signed:
    return _again(message, profile, id=_id(random), type="cre.movement.departed.v99")


def _repeated_field(message: Signed, profile: Profile, random: Random) -> Signed:
    raw = message.value.rstrip()[:-1] + b',"salt":"00000000000000000000000000000000"}'
    return _again(message, profile, id=_id(random), value=raw)


def _wrong_schema(message: Signed, profile: Profile, random: Random) -> Signed:
    data: dict[str, Any] = orjson.loads(message.value)
    data["invented"] = random.randrange(10)
    return _again(message, profile, id=_id(random), value=orjson.dumps(data))


def _ahead(message: Signed, profile: Profile, random: Random) -> Signed:
    return _again(message, profile, id=_id(random), time=f"2099-12-31T23:59:{random.randrange(60):02d}Z")


def _elsewhere(message: Signed, profile: Profile, random: Random) -> Signed:
    other = "cre.railway.cr.v1" if message.topic != "cre.railway.cr.v1" else "cre.railway.ktz.v1"
    return replace(_again(message, profile, id=_id(random)), topic=other)


BREAKS: Mapping[str, Break] = MappingProxyType(
    {
        "UNSIGNED": _unsigned,
        "BAD_SIGNATURE": _flipped,
        "MISSING_HEADER": _untyped,
        "DUPLICATE_HEADER": _twice,
        "UNKNOWN_KEY": _unknown_key,
        "WRONG_SOURCE": _stranger,
        "UNKNOWN_TYPE": _unknown_type,
        "UNKNOWN_VERSION": _unknown_version,
        "INVALID_JSON": _repeated_field,
        "INVALID_SCHEMA": _wrong_schema,
        "CLOCK_SKEW": _ahead,
        "WRONG_TOPIC": _elsewhere,
    }
)
"""What can be done to a message, by the reason for which it must then be refused."""


def sprinkle(
    outgoing: Sequence[Outgoing], known: Mapping[str, Profile], random: Random, share: float
) -> list[Outgoing]:
    """``outgoing`` with about ``share`` as many broken messages between them, every kind in turn."""
    kinds = list(BREAKS)
    mixed: list[Outgoing] = []
    broken = 0
    for good in outgoing:
        mixed.append(good)
        if random.random() < share and not good.refused_as:
            reason = kinds[broken % len(kinds)]
            broken += 1
            made = BREAKS[reason](good.message, known[good.party], random)
            mixed.append(Outgoing(good.party, made, reason, good.sent))
    return mixed


def expected(outgoing: Sequence[Outgoing]) -> dict[str, int]:
    """How many different messages must be refused, by reason."""
    bytes_of = {
        (o.refused_as, o.message.topic, o.message.headers, o.message.value) for o in outgoing if o.refused_as
    }
    return dict(sorted(Counter(reason for reason, *_ in bytes_of).items()))
