"""From simulated records to signed messages: every party's profile, and the bytes as they go to the broker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from schemas.signing import MAX_BATCH, Scheme, SigningKey, sign_batch
from services.ledger.registry.events import NewKey, PartyAdded
from services.ledger.registry.possession import proven
from services.producers.profile import Profile
from services.producers.spool import Message as Signed
from services.producers.unsigned_event import UnsignedEvent, assemble, message_of
from services.testbed.simulator.cast import CAST, Party, salt_secret_of, seed_of
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
        for code, party in CAST.items()
    }


def members(known: Mapping[str, Profile]) -> list[tuple[PartyAdded, tuple[NewKey, ...]]]:
    """Every simulated party as the registry takes it, with its key valid since ever."""
    return [(registration(CAST[code]), (key_of(profile),)) for code, profile in known.items()]


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
