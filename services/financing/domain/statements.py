"""Statements of partners that financing reads: each accepted event as one value, in a grow-only set.

A statement counts while its event is live, by the rule of ``services.domain.liveness``. A correction states its replacement
under its own id.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from schemas.envelope import event_id
from schemas.events import catalogue
from schemas.events.base import Milestone, Payload, Role
from schemas.events.correction import Corrected, Retracted
from schemas.events.credit import ParticularsDeclared
from schemas.events.customs_control import InspectionFinding
from schemas.events.document_trade import InsuranceBound, InsuranceCancelled, InvoiceIssued
from schemas.events.finance_terms import FinanceFact
from schemas.events.movement_exceptions import Reconsigned
from services.domain.facts import EventId, Micros, Withdrawal
from services.domain.interpretation import Attribution
from services.domain.liveness import judge

READ = (
    FinanceFact, InvoiceIssued, InsuranceBound, InsuranceCancelled, InspectionFinding, ParticularsDeclared, Reconsigned
)  # fmt: skip
"""Types read as statements, beside openings of a transit, which may name their deadline; of all others the claims suffice."""
TRANSIT_OPENED = catalogue.spec("cre.customs.transit_opened.v1").number

P = TypeVar("P", bound=Payload)


class Statement(NamedTuple):
    """One accepted event: its publisher, when it was published and happened, since when the platform knows it, and its payload."""

    event: EventId
    publisher: str
    roles: frozenset[Role]
    published: Micros
    happened: Micros
    known: Micros  # the broker's append time, or the moment at which the API took it
    payload: Payload

    def __hash__(self) -> int:
        return hash(self.event)  # the payload's own hash walks through all of it

    @property
    def order(self) -> tuple[Micros, Micros, EventId]:
        """Sort key: later statements replace earlier ones, and ties never depend on arrival."""
        return self.happened, self.published, self.event


class Record(NamedTuple):
    """A grow-only set of statements and withdrawals; ``all`` merges any number.

    ``railways`` are the publishers of the events read that are registered as railways.
    """

    statements: frozenset[Statement] = frozenset()
    withdrawals: frozenset[tuple[Withdrawal, Micros]] = frozenset()
    contents: frozenset[tuple[EventId, bytes]] = frozenset()
    railways: frozenset[str] = frozenset()

    @classmethod
    def all(cls, records: Iterable[Record]) -> Record:
        """The union of ``records``."""
        some = list(records)
        return cls(
            frozenset().union(*(record.statements for record in some)),
            frozenset().union(*(record.withdrawals for record in some)),
            frozenset().union(*(record.contents for record in some)),
            frozenset().union(*(record.railways for record in some)),
        )


def read(attribution: Attribution, content: bytes, payload: Payload, known: Micros) -> Record:
    """What one admitted event states to financing; of an event of another kind only whose it is."""
    record = _statements(attribution, payload, known)
    if Role.RAILWAY in attribution.publisher.roles:
        record = record._replace(railways=frozenset({attribution.publisher.code}))
    if not record.statements and not record.withdrawals:
        return record
    return record._replace(contents=frozenset({(attribution.event, content)}))


def _statements(attribution: Attribution, payload: Payload, known: Micros) -> Record:
    if isinstance(payload, Corrected):
        withdrawal = Withdrawal(attribution.event, event_id(attribution.source, payload.target), True)
        replacement = _statements(attribution, payload.replacement.payload, known)
        return replacement._replace(withdrawals=frozenset({(withdrawal, known)}))
    if isinstance(payload, Retracted):
        withdrawal = Withdrawal(attribution.event, event_id(attribution.source, payload.target), False)
        return Record(withdrawals=frozenset({(withdrawal, known)}))
    if not isinstance(payload, FinanceFact | Milestone) or not _reads(payload):
        return Record()
    publisher = attribution.publisher
    statement = Statement(
        attribution.event,
        publisher.code,
        publisher.roles,
        attribution.published,
        payload.happened_micros,
        known,
        payload,
    )
    return Record(frozenset({statement}))


def _reads(payload: Payload) -> bool:
    return isinstance(payload, READ) or payload.spec.number == TRANSIT_OPENED


def live(record: Record, as_of: Micros, known_at: Micros) -> frozenset[Statement]:
    """The statements that count: known by ``known_at``, happened by ``as_of``, and live by what was known then."""
    withdrawals = [withdrawal for withdrawal, known in record.withdrawals if known <= known_at]
    known = {statement.event for statement in record.statements if statement.known <= known_at}
    contents: dict[EventId, set[bytes]] = {}
    for event, content in record.contents:
        contents.setdefault(event, set()).add(content)
    twice = frozenset(event for event, found in contents.items() if len(found) > 1)
    liveness = judge(withdrawals, twice)
    return frozenset(
        statement
        for statement in record.statements
        if statement.event in known and statement.happened <= as_of and liveness.live(statement.event)
    )


def of_type(statements: Iterable[Statement], kind: type[P]) -> list[tuple[Statement, P]]:
    """The statements of one type with their payloads, by the time of what they state."""
    found = [
        (statement, statement.payload) for statement in statements if isinstance(statement.payload, kind)
    ]
    return sorted(found, key=lambda pair: pair[0].order)
