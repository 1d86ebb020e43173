"""A platform that has long been in use, as a bank finds it: financed consignments by COPY, and cargoes to be reserved.

A copied consignment is what the bank's questions read: its head, the applicant's application and the bank's approval as
events that can be read again, and a reservation with what it holds. The decisions are not signed one by one, and no links
or movements are copied. The cargoes to be reserved are published, admitted and applied like everything else.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson
import psycopg

from schemas.envelope import Envelope, event_id
from schemas.events.base import ObjectKind
from services.domain.objects import object_id
from services.financing.store.identifiers import application_id, financing_id
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import Admitted, Record
from services.ledger.admission.raw_bytes import frame
from services.ledger.registry import store
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.bodies import prepare_partitions, topic_numbers
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.session import open_session
from services.ledger.storage.term_numbers import key_number
from services.ledger.storage.writer import Writer
from services.processors.ledger_store import PROJECTIONS
from services.processors.settings import admission_settings
from services.producers.profile import Profile
from services.testbed.chaos.banks import AT, FORWARDER, messages
from services.testbed.simulator.parties import GATEWAY
from services.testbed.simulator.reports import Message
from services.testbed.simulator.signed_messages import Outgoing, sign_all

BANK = "silkbank"
_BLOCK = 4_096
_CHUNK = 5_000
_AT = 1_769_586_283_000_000
_UNTIL = 2**52
_FILLER = "\\\\x" + b"a decision, as large as a signed one is ".hex() * 24
_HEADERS = "\\\\x" + b"headers and a signature of it ".hex() * 8
_NUMBERS = "SELECT nextval('lianyun.event_block')"


@dataclass(frozen=True, slots=True)
class Copied:
    """How many consignments stand in the database, and how long it took."""

    consignments: int
    seconds: float


def name(number: int) -> str:
    """The reference of a copied consignment, its application and its financing."""
    return f"B-{number:07}"


def copy(dsn: str, profiles: dict[str, Profile], count: int) -> Copied:
    """Copy ``count`` financed consignments of ``BANK`` into a database; blocks, about 15,000 a second."""
    began = time.monotonic()
    with open_session(dsn, "lianyun-bench") as session:
        prepare_partitions(session, 2 * count + 64 * _BLOCK)
        row = session.execute(_NUMBERS).fetchone()
        assert row is not None
        first = int(row[0])
        topic = topic_numbers(session, [GATEWAY])[GATEWAY]
        version = store.version(session)
        decision = session.execute("SELECT nextval('lianyun.financing_number')").fetchone()
        assert decision is not None
        past = first + (2 * count // _BLOCK + 1) * _BLOCK
        session.execute("SELECT setval('lianyun.event_block', %s)", (past,))
        session.execute("SELECT setval('lianyun.financing_number', %s)", (int(decision[0]) + count,))
        for start in range(0, count, _CHUNK):
            numbers = range(start, min(count, start + _CHUNK))
            rows = _Rows(profiles, first, topic, version, int(decision[0]))
            for number in numbers:
                rows.add(number)
            for table, lines in rows.lines.items():
                with session.cursor().copy(f"COPY {table} FROM STDIN".encode()) as stream:
                    stream.write("".join(lines).encode())
            session.commit()
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("VACUUM (ANALYZE)")
    return Copied(count, time.monotonic() - began)


class _Rows:
    """Lines of COPY by table."""

    def __init__(
        self, profiles: dict[str, Profile], first: int, topic: int, version: int, decision: int
    ) -> None:
        self._profiles, self._topic, self._version = profiles, topic, version
        self._first, self._decision = first, decision
        self.lines: dict[str, list[str]] = {
            table: []
            for table in (
                "g1.head (cons, founded)",  # the only generation of a database that was just made
                "lianyun.identity (id, content, no)",
                'lianyun.body (no, appended, "offset", key_id, id, content, registry, rules, topic, part, headers, payload)',
                "lianyun.financing_word (subject, no)",
                "lianyun.financing_decision (number, position, at, action, outcome, asked_by, idempotency, asked, financing, "
                "application, applicant, product, interest, until, frees, notices, guard, satisfied_by, rules, headers, payload)",
                "lianyun.financing_touched (financing, number)",
                "lianyun.financing_hold (financing, name, blocks, pledged, ended)",
                "lianyun.financing_cargo (consignment, financing, key)",
                "lianyun.financing_entry (financing, name, version, kind, digest, near)",
            )
        }
        self._tables = list(self.lines.values())

    def add(self, number: int) -> None:
        """Everything about one consignment."""
        own = name(number)
        key, financing, application = f"{FORWARDER}/{own}", f"{BANK}/{own}", f"{FORWARDER}/{own}"
        cargo = object_id(ObjectKind.CONSIGNMENT, key).hex()
        held, asked = financing_id(financing).hex(), application_id(application).hex()
        heads, identities, bodies, words, decisions, touched, holds, cargoes, entries = self._tables
        heads.append(f"{cargo}\tt\n")
        no = self._first + 2 * number
        self._event(identities, bodies, no, FORWARDER, "cre.finance.applied.v1", own, _applied(own, key))
        self._event(
            identities, bodies, no + 1, BANK, "cre.finance.approved.v1", own, _approved(own, financing)
        )
        words.append(f"{asked}\t{no}\n{held}\t{no + 1}\n{asked}\t{no + 1}\n")
        at = _AT + number
        decisions.append(
            f"{self._decision + number}\t1\t{at}\tRESERVE\tDONE\t{BANK}\treserve {own}\t{_hex(b'q', number)}\t{financing}\t"
            f"{application}\t{FORWARDER}\tFREIGHT_LOAN\tRECEIVABLE\t{_UNTIL}\t{{}}\t{{}}\t\t\t2026-11\t{_HEADERS}\t{_FILLER}\n"
        )
        touched.append(f"{held}\t{self._decision + number}\n")
        holds.append(f"{held}\t{financing}\tf\tf\tf\n")
        cargoes.append(f"{cargo}\t{held}\t{key}\n")
        for kind in (4, 5, 6):
            entries.append(f"{held}\t{financing}\t1\t{kind}\t{_hex(b'e%d' % kind, number)}\t{{}}\n")

    def _event(
        self,
        identities: list[str],
        bodies: list[str],
        no: int,
        party: str,
        type_: str,
        own: str,
        payload: bytes,
    ) -> None:
        profile = self._profiles[party]
        id_ = f"bulk-{type_}-{own}"
        event = event_id(profile.source, id_).hex()
        envelope = Envelope("1.0", id_, profile.source, type_, AT, None, "application/json")
        headers = frame(envelope.to_headers()).hex()
        content = _hex(b"c", no)
        identities.append(f"{event}\t{content}\t{no}\n")
        bodies.append(
            f"{no}\t{_AT}\t{no}\t{key_number(profile.key.key_id)}\t{event}\t{content}\t{self._version}\t1\t{self._topic}\t0\t"
            f"\\\\x{headers}\t\\\\x{payload.hex()}\n"
        )


_AMOUNT = {"minor_units": 100_000, "currency_code": "CNY"}
_SALT = "5a" * 16


def _applied(own: str, key: str) -> bytes:
    return orjson.dumps(
        {
            "salt": _SALT,
            "happened": AT,
            "reference": own,
            "bank": BANK,
            "product": "FREIGHT_LOAN",
            "interest": "RECEIVABLE",
            "objects": [{"kind": "consignment", "id": key}],
            "requested_amount": _AMOUNT,
            "value_amount": _AMOUNT,
        }
    )


def _approved(own: str, financing: str) -> bytes:
    return orjson.dumps(
        {
            "salt": _SALT,
            "happened": AT,
            "financing": financing,
            "application": f"{FORWARDER}/{own}",
            "approved_amount": _AMOUNT,
            "advance_rate": 10_000,
            "matures_on": "2027-12-31",
        }
    )


def _hex(kind: bytes, number: int) -> str:
    return hashlib.sha256(kind + number.to_bytes(8)).hexdigest()[:32]


def publish(dsn: str, profiles: dict[str, Profile], network: str, count: int) -> None:
    """Store ``count`` cargoes that banks may ask for; blocks."""
    store_messages(dsn, profiles, network, messages(count))


def store_messages(dsn: str, profiles: dict[str, Profile], network: str, messages: Iterable[Message]) -> None:
    """Store ``messages``, each signed, admitted and applied as a worker does; blocks."""
    settings = admission_settings(network)
    outgoing = sign_all(messages, profiles)
    with psycopg.connect(dsn) as session:
        registry = store.load(session)
    with Writer(dsn, lambda _session, _refused: None, projections=PROJECTIONS) as writer:
        (claim,) = writer.claim_partitions("bench", [AssignedPartition(GATEWAY, 0)])
        place = claim.next_offset
        for chunk in _chunks(outgoing, 1_500):
            events: list[Event] = []
            for number, out in enumerate(chunk):
                record = Record(
                    GATEWAY, 0, place + number, _AT // 1_000, list(out.message.headers), out.message.value
                )
                admitted = admit(record, registry, settings)
                assert isinstance(admitted, Admitted), admitted
                events.append(_event_of(admitted, record, registry.version))
            advance = Advance(GATEWAY, 0, claim.epoch, place, place + len(chunk))
            writer.apply(Batch((advance,), tuple(events), (), registry.version))
            place += len(chunk)
        for _ in range(1_000):
            writer.tick()
            if not writer.pending():
                break


def _event_of(admitted: Admitted, record: Record, version: int) -> Event:
    verified = admitted.verified
    return Event(
        record,
        verified.event,
        verified.content,
        verified.payload,
        verified.party.code,
        verified.key.key_id,
        version,
        admitted.facts,
    )


def _chunks(items: Sequence[Outgoing], size: int) -> Iterator[Sequence[Outgoing]]:
    return (items[start : start + size] for start in range(0, len(items), size))
