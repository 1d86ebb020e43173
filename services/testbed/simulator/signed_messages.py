"""From simulated records to signed messages: every party's profile, and the bytes as they go to the broker."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from types import MappingProxyType
from typing import Any

import orjson

from schemas.envelope import SIGNATURE_HEADER, Envelope, signed_bytes
from schemas.signing import MAX_BATCH, Scheme, SigningKey, sign, sign_batch
from services.ledger.registry.events import NewKey, PartyAdded
from services.ledger.registry.possession import proven
from services.producers.profile import Profile
from services.producers.spool import Message as Signed
from services.producers.unsigned_event import UnsignedEvent, assemble, message_of
from services.testbed.simulator.parties import PARTIES, Party, salt_secret_of, seed_of
from services.testbed.simulator.reports import Message


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A signed message of ``party``, sent at ``sent`` of the simulation; ``refused_as`` is "" for a good one."""

    party: str
    message: Signed
    refused_as: str = ""
    sent: int = 0


def profiles(seed: int, scheme: Scheme = Scheme.ED25519_BATCH, network: str = "demo") -> dict[str, Profile]:
    """The publishing identity of every simulated party in the world of ``seed``, by code."""
    return {
        code: Profile(
            code,
            party.source,
            party.topic,
            network,
            SigningKey.from_seed(scheme, seed_of(code, seed)),
            salt_secret_of(code, seed),
        )
        for code, party in PARTIES.items()
    }


def members(known: Mapping[str, Profile]) -> list[tuple[PartyAdded, tuple[NewKey, ...]]]:
    """Every simulated party as the registry takes it, with its key valid since ever."""
    return [(registration(PARTIES[code]), (key_of(profile),)) for code, profile in known.items()]


def registration(party: Party) -> PartyAdded:
    """``party`` as it is registered."""
    return PartyAdded(
        code=party.code,
        name=party.name,
        roles=frozenset(party.roles),
        countries=frozenset(party.countries),
        managers=frozenset(party.managers),
        places=frozenset(party.places),
        sources=frozenset({party.source}),
        topics=frozenset({party.topic} if party.own_topic else ()),
    )


def key_of(profile: Profile) -> NewKey:
    """The public half of a profile's key as it is registered, with its proof."""
    return proven(profile.key, profile.network, profile.party)


def unsigned(message: Message, profile: Profile) -> UnsignedEvent:
    """The event of one simulated record; raises Refusal where the simulation wrote an invalid one."""
    record = message.record
    return assemble(profile, record["id"], record["type"], record["time"], record["data"])


def sign_all(messages: Iterable[Message], known: Mapping[str, Profile]) -> list[Outgoing]:
    """Sign ``messages`` in batches per party; repeated ones appear as often as they are sent, in order."""
    every = list(messages)
    events = [unsigned(message, known[message.party]) for message in every]
    of_party: dict[str, list[int]] = defaultdict(list)
    for number, message in enumerate(every):
        of_party[message.party].append(number)
    signatures: dict[int, str] = {}
    for party, numbers in of_party.items():
        for chunk in _chunks(numbers, MAX_BATCH):
            signed = sign_batch(known[party].key, [events[number].signed for number in chunk])
            signatures.update(zip(chunk, signed, strict=True))
    return [
        Outgoing(
            message.party,
            message_of(events[number], signatures[number], known[message.party].topic),
            message.refused_as,
            message.sent,
        )
        for number, message in enumerate(every)
        for _ in range(message.copies)
    ]


def sign_stream(
    messages: Iterable[Message], known: Mapping[str, Profile], at_once: int = 2_000
) -> Iterator[tuple[int, Outgoing]]:
    """Sign ``messages`` as they come, ``at_once`` of them in memory; yields each with its simulated time of publication."""
    every = iter(messages)
    while chunk := list(islice(every, at_once)):
        signed = iter(sign_all(chunk, known))
        for message in chunk:
            for _ in range(message.copies):
                yield message.sent, next(signed)


def _chunks(numbers: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


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
