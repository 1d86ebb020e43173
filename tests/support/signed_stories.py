"""Stories as records of a log: every party registered with a key, every event signed, judged by the real admission.

Nothing is left out but the broker and the shell: records are judged by the registry in the database and applied by the
store's own writer, with dead letters put down in the same transaction.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from schemas.envelope import SIGNATURE_HEADER, Envelope, signed_bytes
from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing import SigningKey, Verifier, sign_batch
from services.financing.store import subject_index
from services.ledger.admission.evaluation import evaluate
from services.ledger.admission.model import AdmissionSettings, Admitted, Record, Refused
from services.ledger.admission.verification import verify_many
from services.ledger.dead_letters import batch as letters
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.ledger.registry.registry import Registry
from services.ledger.storage.batch import Advance, Applied, Batch, Event
from services.ledger.storage.batch_transaction import Projection
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.migrate import migrate
from services.ledger.storage.writer import Writer
from tests.stories.story import NETWORK, Story, Told, stories

GATEWAY = "cre.gateway.v1"
SETTINGS = AdmissionSettings(NETWORK, frozenset({GATEWAY}))
APPENDED_MS = 1_893_456_000_000
"""When the broker took everything: later than any story publishes."""


def key_of(party: str, scheme: Scheme = Scheme.ED25519_BATCH) -> SigningKey:
    """The key of ``party``, the same in every run."""
    return SigningKey.from_seed(scheme, hashlib.sha256(party.encode()).digest())


def register(session: psycopg.Connection[Any], told: Iterable[Story]) -> None:
    """Register every party of the stories with its key."""
    known = set(store.load(session).parties)
    for story in told:
        for code in story.parties:
            publisher = story.publisher(code)
            if publisher.code in known:
                continue
            known.add(publisher.code)
            party = PartyAdded(
                code=publisher.code,
                name=publisher.code,
                roles=frozenset(map(Role, publisher.roles)),
                countries=publisher.countries,
                managers=publisher.managers,
                places=publisher.places,
                sources=frozenset({story.source(code)}),
            )
            commands.add_party(session, party, at=0, by="test")
            key = key_of(publisher.code)
            added = proven(key, NETWORK, publisher.code)
            commands.add_key(session, publisher.code, added, at=0, by="test")
    session.commit()


def record(told: Told, offset: int, partition: int = 0) -> Record:
    """``told`` as the broker would have it, signed alone as a batch of one."""
    return signed(told.party, told.envelope, told.payload, offset, partition)


def signed(party: str, envelope: Envelope, payload: bytes, offset: int, partition: int = 0) -> Record:
    """A record of the gateway's topic that ``party`` signed."""
    (header,) = sign_batch(key_of(party), [signed_bytes(NETWORK, envelope, payload)])
    headers = [*envelope.to_headers(), (SIGNATURE_HEADER, header.encode())]
    return Record(GATEWAY, partition, offset, APPENDED_MS, headers, payload)


def rubbish(offset: int, partition: int = 0) -> Record:
    """A record that can never be admitted."""
    return Record(GATEWAY, partition, offset, APPENDED_MS, [("h", b"1")], f"rubbish {offset}".encode())


class Desk:
    """One worker's hand without its shell: judges records and applies them in batches, to one partition."""

    def __init__(
        self, dsn: str, partition: int = 0, projections: Sequence[Projection] = (subject_index.follow,)
    ) -> None:
        self.dsn = dsn
        self.partition = partition
        self._projections = projections
        self._verifier = Verifier()
        self._reader = store.RegistryReader()
        self.reopen()

    def reopen(self) -> None:
        """Begin again, as a worker that was told to: with the current generation, and a new claim."""
        self.writer = Writer(self.dsn, self._letters, projections=self._projections)
        (claim,) = self.writer.claim_partitions(
            f"desk-{self.partition}", [AssignedPartition(GATEWAY, self.partition)]
        )
        self.epoch, self.next_offset = claim.epoch, claim.next_offset

    def judge(self, records: Sequence[Record]) -> tuple[list[Event], list[Refused], int]:
        with psycopg.connect(self.dsn) as session:
            registry = self._reader.current(session)
        outcomes = [
            self._judged(v, registry) for v in verify_many(records, registry, SETTINGS, self._verifier)
        ]
        events = [Event.of(o, registry.version) for o in outcomes if isinstance(o, Admitted)]
        return events, [o for o in outcomes if isinstance(o, Refused)], registry.version

    def apply(self, records: Sequence[Record]) -> Applied:
        """Apply records that continue where the last ones ended."""
        events, refused, registry = self.judge(records)
        end = records[-1].offset + 1
        advance = Advance(GATEWAY, self.partition, self.epoch, self.next_offset, end)
        applied = self.writer.apply(Batch((advance,), tuple(events), tuple(refused), registry))
        self.next_offset = end
        return applied

    def settle(self, most: int = 50) -> None:
        """Tick until nothing waits."""
        for _ in range(most):
            self.writer.tick()
            if not self.writer.pending():
                return
        raise AssertionError("the store does not settle")

    def close(self) -> None:
        self.writer.close()

    @staticmethod
    def _judged(verified: Any, registry: Registry) -> Admitted | Refused:
        return verified if isinstance(verified, Refused) else evaluate(verified, registry)

    @staticmethod
    def _letters(session: psycopg.Connection[Any], refused: Sequence[Refused]) -> None:
        letters.record_refused(session, refused, letters.LetterSettings())


def tell(dsn: str, told: Sequence[Story], seed: int = 1, again: float = 0.2, junk: int = 5) -> int:
    """Fill an empty database with the events of the stories, in random batches, some of them twice; how many records.

    Ends settled.
    """
    migrate(dsn)
    with psycopg.connect(dsn) as session:
        register(session, told)
    rng = random.Random(seed)
    events: list[Told | None] = [each for story in told for each in story.told]
    events += rng.sample(events, int(len(events) * again))
    events += [None] * junk
    rng.shuffle(events)
    desk = Desk(dsn)
    records = [rubbish(n) if each is None else record(each, n) for n, each in enumerate(events)]
    at = 0
    while at < len(records):
        size = rng.randint(1, 80)
        desk.apply(records[at : at + size])
        at += size
    desk.settle()
    desk.close()
    return len(records)


def all_stories(mark: str = "s") -> tuple[Story, ...]:
    """Every story in a universe of its own."""
    return tuple(story.scoped(f"{mark}{n:02}") for n, story in enumerate(stories()))
