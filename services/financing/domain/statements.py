"""What partners say that financing reads: each accepted event as one value, in a set that only grows.

A word counts while its event is live: corrected, retracted and equivocated ones do not, by the rule of the heart. A
correction speaks with its replacement under its own id.
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
from services.domain.interpretation import Statement
from services.domain.liveness import judge

READ = (
    FinanceFact, InvoiceIssued, InsuranceBound, InsuranceCancelled, InspectionFinding, ParticularsDeclared, Reconsigned
)  # fmt: skip
"""What is kept whole, beside openings of a transit, which may name their deadline; of all else the heart's claims are enough."""
TRANSIT_OPENED = catalogue.spec("cre.customs.transit_opened.v1").number

P = TypeVar("P", bound=Payload)


class Word(NamedTuple):
    """One accepted event: who said it when, when it happened, since when the platform knows it, and what it says."""

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
        """Later facts replace earlier ones; a tie never depends on arrival."""
        return self.happened, self.published, self.event


class Record(NamedTuple):
    """A grow-only set of words and withdrawals; ``all`` merges any number."""

    words: frozenset[Word] = frozenset()
    withdrawals: frozenset[tuple[Withdrawal, Micros]] = frozenset()
    contents: frozenset[tuple[EventId, bytes]] = frozenset()

    @classmethod
    def all(cls, records: Iterable[Record]) -> Record:
        """The union of ``records``."""
        some = list(records)
        return cls(
            frozenset().union(*(record.words for record in some)),
            frozenset().union(*(record.withdrawals for record in some)),
            frozenset().union(*(record.contents for record in some)),
        )


def read(statement: Statement, content: bytes, payload: Payload, known: Micros) -> Record:
    """What one admitted event says to financing; an event of another kind is an empty record."""
    record = _words(statement, payload, known)
    if not record.words and not record.withdrawals:
        return record
    return record._replace(contents=frozenset({(statement.event, content)}))


def _words(statement: Statement, payload: Payload, known: Micros) -> Record:
    if isinstance(payload, Corrected):
        withdrawal = Withdrawal(statement.event, event_id(statement.source, payload.target), True)
        said = _words(statement, payload.replacement.payload, known)
        return said._replace(withdrawals=frozenset({(withdrawal, known)}))
    if isinstance(payload, Retracted):
        withdrawal = Withdrawal(statement.event, event_id(statement.source, payload.target), False)
        return Record(withdrawals=frozenset({(withdrawal, known)}))
    if not isinstance(payload, FinanceFact | Milestone) or not _reads(payload):
        return Record()
    publisher = statement.publisher
    word = Word(
        statement.event,
        publisher.code,
        publisher.roles,
        statement.published,
        payload.happened_micros,
        known,
        payload,
    )
    return Record(frozenset({word}))


def _reads(payload: Payload) -> bool:
    return isinstance(payload, READ) or payload.spec.number == TRANSIT_OPENED


def live(record: Record, as_of: Micros, known_at: Micros) -> frozenset[Word]:
    """The words that count: known by ``known_at``, happened by ``as_of``, and live as far as was known then."""
    withdrawals = [withdrawal for withdrawal, known in record.withdrawals if known <= known_at]
    known = {word.event for word in record.words if word.known <= known_at}
    contents: dict[EventId, set[bytes]] = {}
    for event, content in record.contents:
        contents.setdefault(event, set()).add(content)
    twice = frozenset(event for event, found in contents.items() if len(found) > 1)
    liveness = judge(withdrawals, twice)
    return frozenset(
        word
        for word in record.words
        if word.event in known and word.happened <= as_of and liveness.live(word.event)
    )


def said(words: Iterable[Word], kind: type[P]) -> list[tuple[Word, P]]:
    """The words of one type with their payloads, in the order in which they happened."""
    found = [(word, word.payload) for word in words if isinstance(word.payload, kind)]
    return sorted(found, key=lambda pair: pair[0].order)
