"""From one admitted event to the facts it states: the only place where payloads become claims and links.

Pure: a function of the event's identity, its publisher as the registry knew it at admission, and its payload. The
same event gives the same facts on every machine and in every replay.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from schemas.envelope import event_id
from schemas.events.base import LinkPayload, Milestone, Payload
from schemas.events.correction import Corrected, Retracted
from schemas.events.document import NoteReissued
from schemas.events.link import ConsignmentOpened, RoutePlanned
from schemas.events.movement import AdvanceListSent, HandedOver
from schemas.events.network import Restricted, RestrictionLifted
from services.domain.facts import Facts, Withdrawal
from services.domain.interpretation.handovers import handover, meeting
from services.domain.interpretation.links import link, note_reissued, opened, route
from services.domain.interpretation.milestones import milestone
from services.domain.interpretation.restrictions import lifted, restricted
from services.domain.interpretation.statement import Statement

__all__ = ["Statement", "interpret", "meeting"]


def interpret(statement: Statement, content: bytes, payload: Payload) -> Facts:
    """The facts that ``payload`` states under ``statement``; ``content`` is the digest of the signed bytes.

    A type without an interpretation of its own states nothing but its existence.
    """
    stated = _read(statement, payload)
    return Facts._make((*stated[:-1], frozenset(((statement.event, content),))))


def _read(statement: Statement, payload: Payload) -> Facts:
    return _reader(type(payload))(statement, payload)


@cache
def _reader(model: type[Payload]) -> Callable[..., Facts]:
    return next((reader for kind, reader in _READERS if issubclass(model, kind)), _nothing)


def _nothing(_statement: Statement, _payload: Payload) -> Facts:
    return Facts()


def _corrected(statement: Statement, payload: Corrected) -> Facts:
    target = event_id(statement.source, payload.target)
    withdrawal = Withdrawal(statement.event, target, replaces=True)
    return _read(statement, payload.replacement.payload)._replace(withdrawals=frozenset({withdrawal}))


def _retracted(statement: Statement, payload: Retracted) -> Facts:
    target = event_id(statement.source, payload.target)
    return Facts(withdrawals=frozenset({Withdrawal(statement.event, target, replaces=False)}))


_READERS: tuple[tuple[type[Payload], Callable[..., Facts]], ...] = (
    (HandedOver, handover),
    (AdvanceListSent, handover),
    (NoteReissued, note_reissued),
    (Milestone, milestone),
    (ConsignmentOpened, opened),
    (RoutePlanned, route),
    (LinkPayload, link),
    (Restricted, restricted),
    (RestrictionLifted, lifted),
    (Corrected, _corrected),
    (Retracted, _retracted),
)
