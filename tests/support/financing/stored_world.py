"""The platform in a database, with a clock that a story sets: the same interface as ``world.World``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from schemas.envelope import SIGNATURE_HEADER, signed_bytes
from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing import sign
from schemas.signing_key import SigningKey
from schemas.trace_context import TRACEPARENT
from services.audit.fsck.financing import check_financing
from services.audit.fsck.registry import read_history
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Findings, Report
from services.domain.objects import Thing, consignment
from services.financing.domain.covenants import JudgedArrival
from services.financing.domain.decisions import Decision
from services.financing.domain.external_registries import RegistryAnswer
from services.financing.domain.requests import DecisionRequest, Reply, reply
from services.financing.domain.status import Status
from services.financing.store import fingerprint_versions
from services.financing.store.decision_service import DecisionService
from services.financing.store.financings import record_answers
from services.financing.store.fingerprint_versions import KeyRing
from services.financing.store.status_reader import status_of
from services.ledger.admission.model import Record as BrokerRecord
from services.ledger.platform_signature import Signer
from services.ledger.registry import commands
from services.ledger.registry import store as registry_store
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.ledger.storage.batch import Event
from services.ledger.storage.bodies import prepare_partitions
from services.ledger.storage.operations import apply_one
from services.ledger.storage.session import Session, open_session
from services.processors.ledger_store import PROJECTIONS
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import Story, Told
from tests.support.databases import migrated_database

from .stories import Case, cases, micros
from .world import KEY

TOPIC = "cre.financing.v1"
PLATFORM = SigningKey.from_seed(Scheme.ED25519, bytes(range(7, 39)))
SIGNER = Signer("demo", "urn:cre:platform", PLATFORM, bytes(range(16)))

TABLES = (
    *(
        ("lianyun", f"financing_{name}")
        for name in ("decision", "touched", "hold", "watch", "entry", "cargo", "word", "external", "version", "asked", "acknowledged")
    ),
    *(("lianyun", name) for name in ("arrival_judgment", "credit_about", "identity", "variant", "quarantine", "body", "batch")),
    *(
        ("g1", name)
        for name in (
            "claim", "link", "founding", "withdrawal", "mention", "passing", "dead", "canonical", "reach", "head",
            "train_head", "pending",
        )
    ),
)  # fmt: skip


def key_of(code: str) -> SigningKey:
    """The key of a party of the stories."""
    return SigningKey.from_seed(Scheme.ED25519, code.encode().ljust(32, b"."))


def register(session: Session, story: Story, platform: bool = True) -> None:
    """Register the parties of a story, and the platform with the key that signs the stories' decisions."""
    if platform:
        _platform(session)
    for code in story.parties:
        publisher = story.publisher(code)
        party = PartyAdded(
            code=code,
            name=code,
            roles=publisher.roles,
            countries=publisher.countries,
            managers=publisher.managers,
            places=publisher.places,
            sources=frozenset({story.source(code)}),
            topics=frozenset({TOPIC}),
        )
        commands.add_party(session, party, at=0, by="test")
        new = proven(key_of(code), SIGNER.network, code)
        commands.add_key(session, code, new, at=0, by="test")


def _platform(session: Session) -> None:
    own = PartyAdded(
        code="lianyun",
        name="the platform",
        roles=frozenset({Role.PLATFORM}),
        sources=frozenset({SIGNER.source}),
        topics=frozenset(),
    )
    commands.add_party(session, own, at=0, by="test")
    key = proven(PLATFORM, SIGNER.network, "lianyun")
    commands.add_key(session, "lianyun", key, at=0, by="test")


def stories_database(server: DatabaseAddress, name: str) -> str:
    """A migrated database with the parties of the stories."""
    address = migrated_database(server, name)
    with open_session(address) as session:
        register(session, cases()[0].story)
    return address


def emptied(address: str) -> str:
    """The address, once the database is empty."""
    with open_session(address) as session:
        empty(session)
    return address


def empty(session: Session) -> None:
    """Forget all events, their state, and every decision; parties stay."""
    for table in TABLES:
        session.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(*table)))
    session.execute("DELETE FROM lianyun.financing_tally WHERE stream <> 0")


@dataclass
class Stored:
    """Events and asks of one story in a database."""

    dsn: str
    events: Sequence[tuple[int, Told]] = ()
    keys: tuple[bytes, ...] = (KEY,)
    required: frozenset[str] = frozenset()
    judged: Sequence[tuple[str, JudgedArrival]] = ()
    session: Session = field(init=False)
    _told: int = 0
    _at: int = 0

    def __post_init__(self) -> None:
        self.session = open_session(self.dsn, "lianyun-test")
        self.desk = DecisionService(KeyRing(self.keys), SIGNER, self.required, self._clock)

    def _clock(self, session: Session) -> tuple[int, int]:
        row = session.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetchone()
        assert row is not None
        return self._at, int(row[0])

    def close(self) -> None:
        self.session.close()

    def begin(self, key: bytes = KEY, normaliser: int = 1) -> int:
        """A further version of the fingerprints."""
        number = fingerprint_versions.begin(self.session, key, normaliser)
        prepare_partitions(self.session)
        return number

    def judge(self) -> None:
        """Store what the forecasts meant; unsigned, as no check of these stories looks at it."""
        for number, (financing, each) in enumerate(self.judged):
            self.session.execute(
                "INSERT INTO lianyun.arrival_judgment (number, cons, consignment, subject, before, at, position, due, lateness, model,"
                " evidence, inputs, headers, payload) VALUES (%s, %s, %s, %s, %s, %s, 0, 0, %s, '', '{}', '', '', '')",
                (number + 1, consignment(*each.consignment.split("/")).id.hex(), each.consignment, financing,
                 number or None, each.at, each.lateness),
            )  # fmt: skip
        self.session.commit()

    def hear(self, until: int) -> None:
        """Store what is known by then."""
        waiting = sorted(self.events, key=lambda event: event[0])
        while self._told < len(waiting) and waiting[self._told][0] <= until:
            tell(self.session, waiting[self._told][1], waiting[self._told][0])
            self.session.commit()
            self._told += 1

    def answer(self, financing: str, answers: Iterable[RegistryAnswer]) -> None:
        """Put down what other registries said."""
        record_answers(self.session, financing, answers)
        self.session.commit()

    def ask(self, ask: DecisionRequest, at: int, on: tuple[Thing, ...] = ()) -> tuple[Decision, Reply]:
        self.hear(at)
        self._at = at
        decision = self.desk.decide(self.session, ask, on)
        self.session.commit()
        return decision, reply(decision)

    def status(self, financing: str, asked_by: str, as_of: int, known_at: int | None = None) -> Status | None:
        known = as_of if known_at is None else known_at
        self.hear(max(as_of, known))
        found = status_of(self.session, financing, asked_by, as_of, known)
        self.session.commit()
        return found

    def decided(self) -> int:
        return int(value(self.dsn, "SELECT count(*) FROM lianyun.financing_decision"))


def tell(session: Session, told: Told, known: int, traceparent: str = "") -> None:
    """Store one event, signed by its party, as a redrive does, and note what it says of financing; ``traceparent`` came with it."""
    version = registry_store.version(session)
    signature = sign(key_of(told.party), signed_bytes(SIGNER.network, told.envelope, told.payload))
    headers = [*told.envelope.to_headers(), (SIGNATURE_HEADER, signature.encode())]
    headers += [(TRACEPARENT, traceparent.encode())] if traceparent else []
    record = BrokerRecord(TOPIC, 0, 0, known // 1_000, headers, told.payload)
    key_id = key_of(told.party).key_id
    event = Event(record, told.event, told.content, told.payload, told.party, key_id, version, told.facts())
    apply_one(session, event, PROJECTIONS)


def checked(session: Session) -> Report:
    """What fsck says of everything about financing, as the session's transaction sees it."""
    snapshot, findings = Snapshot(session), Findings()
    check_financing(snapshot, read_history(snapshot, findings), SIGNER.network, findings)
    return findings.report(0.0)


def events_of(case: Case) -> list[tuple[int, Told]]:
    """The events of a story with the moment at which each became known."""
    return [
        (told.envelope.published_micros if "known" not in event else micros(event["known"]), told)
        for told, event in zip(case.story.told, case.events, strict=True)
    ]


def value(dsn: str, query: str, *parameters: Any) -> Any:
    """One value of the database."""
    with psycopg.connect(dsn) as session:
        row = session.execute(query.encode(), parameters).fetchone()
    return None if row is None else row[0]
