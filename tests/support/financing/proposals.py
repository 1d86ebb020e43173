"""Proposals as rows, for tests of what is stored: one approved and refused by a guard, one rejected, one that waits; and a limit of its checker."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from services.financing.domain.decisions import Action
from services.financing.domain.limits import Limit
from services.financing.domain.proposals import Ending, Proposal, Verdict
from services.financing.domain.requests import DecisionRequest
from services.financing.store.decision_service import DecisionService
from services.financing.store.limits import NewLimit, set_limit
from services.financing.store.proposals import Asked, ProposalService
from services.ledger.registry import store
from services.ledger.storage.decision_locks import database_clock
from services.people.domain.person import Permission
from services.people.store import people

ISSUER = "https://id.abank.example"


def asked(content: bytes) -> Asked:
    """A substitution of what there is not."""
    bank, _, _ = content.decode().partition("/")
    return DecisionRequest(Action.SUBSTITUTE, bank, "", content.decode(), replaces=f"{bank}/NONE"), ()


def propose(session: Connection[Any], decisions: DecisionService, financing: str) -> None:
    """Three proposals of two persons on ``financing``, in the caller's transaction."""
    service = ProposalService(decisions, decisions.clock or database_clock)
    bank = financing.partition("/")[0]
    party = store.read_snapshot(session).party(bank)
    assert party is not None
    both = [Permission.FINANCING_MAKE, Permission.FINANCING_CHECK]
    found = []
    for subject in ("maker", "checker"):
        id_ = people.add(session, party, ISSUER, subject, subject, (), both, at=1, by="test")
        person = people.by_id(session, id_)
        assert person is not None
        found.append(person)
    maker, checker = found
    may = [Permission.FINANCING_LIMITS]
    setter = people.by_id(
        session, people.add(session, party, ISSUER, "setter", "setter", (), may, at=1, by="test")
    )
    assert setter is not None
    clock = service.clock
    for person in found:
        done = set_limit(session, bank, setter, NewLimit(person.id, "CNY", 10**12, 10**12), clock)
        assert isinstance(done, Limit), done
    content = financing.encode()
    for key, verdict in (("1", Verdict.APPROVED), ("2", Verdict.REJECTED), ("3", None)):
        made = service.prepare(session, bank, maker, key, content, asked(content))
        assert isinstance(made, Proposal), made
        if verdict is not None:
            why = "not now" if verdict is Verdict.REJECTED else ""
            ended = service.end(session, made.id, bank, verdict, checker.signatory, why, asked)
            assert isinstance(ended, Ending), ended
