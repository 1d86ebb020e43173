"""From planned to signed messages, in several processes, kept on disk until they are sent: signing is never what is measured."""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import psycopg

from schemas.envelope import SIGNATURE_HEADER, Envelope, signed_bytes
from schemas.schemes import Scheme
from schemas.signing import SigningKey, sign_batch
from services.ledger.registry.events import KeyAdded, PartyAdded
from services.ledger.registry.fold import fold
from services.ledger.registry.possession import proven
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import append
from services.testbed.bench.mix import Planned
from services.testbed.simulator.parties import GATEWAY, PARTIES, seed_of
from services.testbed.simulator.signed_messages import registration

NETWORK = "demo"
SCHEMES = (Scheme.ED25519, Scheme.ED25519_BATCH)
_SEED = 26_11


@cache
def signing_key(party: str, scheme: Scheme) -> SigningKey:
    """The key of ``party`` under ``scheme``."""
    return SigningKey.from_seed(scheme, seed_of(party, _SEED))


@cache
def stranger(scheme: Scheme) -> SigningKey:
    """A key that nobody registered."""
    return SigningKey.from_seed(scheme, seed_of("nobody", _SEED))


def topic(party: str) -> str:
    """The topic that ``party`` publishes to: its own, else the gateway's.

    A topic belongs to one party in the registry; where the cast shares one, the first of them has it.
    """
    declared = PARTIES[party].topic
    return declared if _owners().get(declared) == party else GATEWAY


@cache
def _owners() -> dict[str, str]:
    owners: dict[str, str] = {}
    for party in PARTIES.values():
        if party.topic != GATEWAY:
            owners.setdefault(party.topic, party.code)
    return owners


def topics() -> tuple[str, ...]:
    """All topics that the partners publish to."""
    return tuple(sorted({party.topic for party in PARTIES.values()}))


def source(party: str) -> str:
    """The CloudEvents source of ``party``."""
    return PARTIES[party].source


def registrations() -> Iterator[PartyAdded | KeyAdded]:
    """What makes the registry of the benchmark, in order."""
    for party in PARTIES.values():
        own = frozenset({topic(party.code)} - {GATEWAY})
        yield registration(party).model_copy(update={"topics": own})
        for scheme in SCHEMES:
            yield KeyAdded(party=party.code, key=proven(signing_key(party.code, scheme), NETWORK, party.code))


def registry() -> Registry:
    """The registry in memory, for those who judge without a database."""
    return fold(registrations())


def register(dsn: str) -> None:
    """Write the registry to a migrated database."""
    with psycopg.connect(dsn) as session:
        for event in registrations():
            append(session, event, at=0, by="benchmark")


CHUNK = 4_096
"""Messages signed at once, and of one file."""
BATCH = 64
"""Events under one signature of ``ed25519-batch``."""
_AT_ONCE = 6
_BUSY = ("xianport", "ktz", "duisport", "pkp", "bch", "cr", "sinolink", "rzd")


class Message(NamedTuple):
    """A message as Kafka carries it."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class MessageFiles:
    """Signed messages on disk, in the order in which they are to be sent, split over ``lanes`` publishers by party."""

    folder: Path
    chunks: int
    lanes: int
    events: int

    def lane(self, number: int) -> Iterator[list[Message]]:
        """The messages of publisher ``number``, chunk by chunk. Only files written by this program are read."""
        for chunk in range(self.chunks):
            path = _file(self.folder, chunk, number)
            yield [Message(*parts) for parts in pickle.loads(path.read_bytes())]


def sign(planned: Sequence[Planned], scheme: Scheme) -> list[Message]:
    """Sign messages in their order; under ``ed25519-batch`` up to BATCH consecutive ones of a party together."""
    envelopes = [_envelope(plan) for plan in planned]
    by_signer: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for place, plan in enumerate(planned):
        by_signer[plan.party, plan.defect == "key"].append(place)
    headers = [""] * len(planned)
    for (party, unknown), places in by_signer.items():
        key = stranger(scheme) if unknown else signing_key(party, scheme)
        for start in range(0, len(places), BATCH):
            some = places[start : start + BATCH]
            texts = [signed_bytes(NETWORK, envelopes[p], planned[p].payload) for p in some]
            for place, header in zip(some, sign_batch(key, texts), strict=True):
                headers[place] = header
    return [
        Message(
            topic(plan.party),
            plan.key.encode(),
            _changed(plan.payload) if plan.defect == "signature" else plan.payload,
            [*envelope.to_headers(), (SIGNATURE_HEADER, header.encode())],
        )
        for plan, envelope, header in zip(planned, envelopes, headers, strict=True)
    ]


def write_signed(
    planned: Iterable[Planned], scheme: Scheme, folder: Path, processes: int = 2, lanes: int = 2
) -> MessageFiles:
    """Sign all of ``planned`` in ``processes`` and keep the messages in ``folder``; blocks until they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    chunks = events = 0
    source = iter(planned)
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        running = []
        while chunk := list(islice(source, CHUNK)):
            running.append(pool.submit(_sign_to_files, chunk, scheme, folder, chunks, lanes))
            chunks, events = chunks + 1, events + len(chunk)
            if len(running) >= _AT_ONCE:
                running.pop(0).result()
        for left in running:
            left.result()
    return MessageFiles(folder, chunks, lanes, events)


def store(messages: Sequence[Message], folder: Path) -> MessageFiles:
    """Keep messages that are signed already in ``folder``, for one publisher."""
    folder.mkdir(parents=True, exist_ok=True)
    _file(folder, 0, 0).write_bytes(pickle.dumps([tuple(message) for message in messages], protocol=5))
    return MessageFiles(folder, 1, 1, len(messages))


def _sign_to_files(planned: list[Planned], scheme: Scheme, folder: Path, chunk: int, lanes: int) -> None:
    lined: list[list[tuple[object, ...]]] = [[] for _ in range(lanes)]
    for plan, message in zip(planned, sign(planned, scheme), strict=True):
        lined[_lane(plan.party, lanes)].append(tuple(message))
    for lane, messages in enumerate(lined):
        _file(folder, chunk, lane).write_bytes(pickle.dumps(messages, protocol=5))


def _lane(party: str, lanes: int) -> int:
    """A party's messages all go through one publisher, in order; the lanes are about equally busy."""
    return (_BUSY.index(party) if party in _BUSY else sum(party.encode())) % lanes


def _file(folder: Path, chunk: int, lane: int) -> Path:
    return folder / f"{chunk:05d}-{lane}.pickle"


def _envelope(plan: Planned) -> Envelope:
    owner = "boxlease" if plan.defect == "source" else plan.party
    return Envelope("1.0", plan.id, source(owner), plan.type, plan.time, None, "application/json")


def _changed(payload: bytes) -> bytes:
    """The payload with its first digit of the salt changed, as somebody on the way might."""
    place = payload.index(b'"salt":"') + 8
    return payload[:place] + (b"1" if payload[place : place + 1] != b"1" else b"2") + payload[place + 1 :]
