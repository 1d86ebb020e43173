"""Proposals: prepared by one person, ended by another one, with the decision in the transaction of the approval.

The request itself is stored under a key of the platform, bound to its row: what is approved is what was prepared, and nobody who reads
the database learns a number of a document. Each row is entered in the audit trail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.facts import Micros
from services.domain.objects import Thing
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.limits import in_force, within
from services.financing.domain.money import Money
from services.financing.domain.proposals import (
    LASTS,
    Ending,
    Foreseen,
    Obstacle,
    Proposal,
    Verdict,
    obstacle,
)
from services.financing.domain.requests import DecisionRequest
from services.financing.store import statement
from services.financing.store.decision_service import CargoMoved, DecisionService, Foresight
from services.financing.store.limits import hold_limits, limits_of
from services.ledger.audit_trail.entries import enter
from services.ledger.storage.arrays import adapt
from services.ledger.storage.decision_locks import Clock, database_clock
from services.people.domain.person import Permission, Person, PersonId, Signatory
from services.people.store import people

Session = Connection[Any]
Asked = tuple[DecisionRequest, Sequence[Thing]]
Read = Callable[[bytes], Asked]
"""What a stored request asks, and the consignments that it is about."""
ATTEMPTS = 5


class StoredProposal(NamedTuple):
    """A proposal with how it ended (None: it has not), and its request in the clear."""

    proposal: Proposal
    ending: Ending | None
    content: bytes


@dataclass(frozen=True)
class ProposalService:
    """Prepares and ends proposals in the caller's transaction, which it neither commits nor rolls back."""

    decisions: DecisionService
    clock: Clock = database_clock

    def prepare(
        self, session: Session, bank: str, by: Person, key: str, content: bytes, asked: Asked
    ) -> Proposal | Obstacle:
        """Prepare ``content``, which asks ``asked``; the same ``key`` of the same person again is the same proposal.

        An obstacle where it amounts to more than the person may prepare. Raises as ``DecisionService.decide``.
        """
        adapt(session)
        id_ = hashlib.sha256(f"proposal\0{bank}\0{by.id.hex()}\0{key}".encode()).digest()[:16]
        known = self.find(session, bank, id_)
        if known is not None:
            return known.proposal
        hold_limits(session, bank)
        people.hold_shared(session, by.id)
        foreseen = self.foresee(session, *asked)
        request, at = asked[0], self.clock(session)[0]
        limits = limits_of(session, bank, [by.id])
        if not within(limits, by.id, Permission.FINANCING_MAKE, foreseen.amount, at):
            return Obstacle.MAKER_ABOVE_LIMIT
        made = Proposal(
            id_,
            bank,
            request.financing,
            request.action,
            foreseen.amount,
            at,
            by.signatory,
            at + LASTS,
            Foreseen(foreseen.decision.outcome, foreseen.decision.guard, foreseen.state),
        )
        row = _row(made)
        sealed = self._cipher.encrypt(content, _bound_to(made))
        if session.execute(statement("put_proposal"), {**row, "sealed": sealed}).rowcount:
            entry = {name: value for name, value in row.items() if name != "id"}
            enter(session, "financing_proposal", UUID(bytes=id_), {**entry, "sealed": sealed})
        return made

    def end(
        self,
        session: Session,
        id_: bytes,
        bank: str,
        verdict: Verdict,
        by: Signatory,
        reason: str = "",
        read: Read | None = None,
    ) -> Ending | Obstacle:
        """End the proposal; APPROVED has what ``read`` makes of its request decided first. Blocks while somebody else ends it.

        The same person's second approval is the first one. LookupError where the bank has none of that id; raises as ``decide``.
        """
        adapt(session)
        session.execute(statement("turn_of_proposal"), {"id": id_.hex()})
        found = self.find(session, bank, id_)
        if found is None:
            raise LookupError(id_.hex())
        proposal = found.proposal
        hold_limits(session, bank)
        both = sorted({proposal.maker.person, by.person})
        for person in both:
            people.hold_shared(session, person)
        known, limits = people.by_ids(session, both), limits_of(session, bank, both)
        wanted = Ending(id_, verdict, max(self.clock(session)[0], proposal.made), by, reason)
        earlier = found.ending
        if earlier is not None and (earlier.verdict, earlier.by) == (verdict, by):
            return earlier
        refused = obstacle(proposal, wanted, known, earlier, limits)
        if refused is not None:
            return refused
        if verdict is Verdict.APPROVED:
            assert read is not None
            request, on = read(found.content)
            if in_force(limits, wanted.at) and self.foresee(session, request, on).amount != proposal.amount:
                return Obstacle.AMOUNT_CHANGED
            decision = self._decide(session, _of_two(request, proposal, by), on)
            wanted = replace(wanted, decision=decision.number)
        row = _ending_row(wanted)
        session.execute(statement("put_verdict"), row)
        entry = {name: value for name, value in row.items() if name != "proposal"}
        enter(session, "financing_verdict", UUID(bytes=id_), entry)
        return wanted

    def foresee(self, session: Session, request: DecisionRequest, on: Sequence[Thing]) -> Foresight:
        """What would be decided now, recording nothing and holding no lock behind it. Raises as ``decide``."""
        for attempt in range(1, ATTEMPTS + 1):
            found: Foresight | None = None
            try:
                with session.transaction(force_rollback=True):
                    found = self.decisions.preview(session, request, on)
            except CargoMoved:
                if attempt == ATTEMPTS:
                    raise
            if found is not None:
                return found
        raise AssertionError

    def find(self, session: Session, bank: str, id_: bytes) -> StoredProposal | None:
        """The proposal of ``bank``."""
        return next(self._read(_rows(session, "proposal", {"bank": bank, "id": id_.hex()})), None)

    def listed(
        self,
        session: Session,
        bank: str,
        *,
        financing: str = "",
        waiting: Micros | None = None,
        limit: int = 50,
    ) -> list[StoredProposal]:
        """The proposals of ``bank``, the newest first: of one financing, and those alone that may still be approved at ``waiting``."""
        given = {"bank": bank, "financing": financing or None, "waiting": waiting, "limit": limit}
        return list(self._read(_rows(session, "proposals", given)))

    def _read(self, rows: Iterable[Sequence[Any]]) -> Iterator[StoredProposal]:
        for row in rows:
            proposal, ending, sealed = proposal_of(row), ending_of(row), row[PROPOSAL_COLUMNS]
            yield StoredProposal(proposal, ending, self._cipher.decrypt(sealed, _bound_to(proposal)))

    def _decide(self, session: Session, request: DecisionRequest, on: Sequence[Thing]) -> Decision:
        """Decide in a savepoint: where the cargo moved its locks are given back, and it is begun again."""
        for _ in range(ATTEMPTS - 1):
            try:
                with session.transaction():
                    return self.decisions.decide(session, request, on)
            except CargoMoved:
                continue
        return self.decisions.decide(session, request, on)

    @property
    def _cipher(self) -> AESSIV:
        return AESSIV(self.decisions.signer.secret("proposal"))


def _of_two(request: DecisionRequest, proposal: Proposal, by: Signatory) -> DecisionRequest:
    """``request`` as the two persons make it: what they reviewed, both have looked at."""
    reviewers = () if request.reviewed is None else (proposal.maker.person.hex(), by.person.hex())
    return replace(
        request,
        idempotency=proposal.idempotency,
        reviewers=reviewers,
        signatories=(proposal.maker, by),
    )


PROPOSAL_COLUMNS = 20
"""Columns of a row of proposals and how they ended, before what is sealed."""


def proposal_of(row: Sequence[Any]) -> Proposal:
    """The proposal in a row."""
    id_, bank, financing, action, amount, currency, made, issuer, person, expires, outcome, guard, state = (
        row[:13]
    )
    return Proposal(
        bytes(id_),
        bank,
        financing,
        Action(action),
        None if amount is None else Money(amount, currency),
        made,
        Signatory(issuer, bytes(person)),
        expires,
        Foreseen(outcome, guard, bytes(state)),
    )


def ending_of(row: Sequence[Any]) -> Ending | None:
    """How the proposal in a row ended."""
    proposal, verdict, at, issuer, person, reason, decision = row[13:PROPOSAL_COLUMNS]
    if verdict is None:
        return None
    return Ending(bytes(proposal), Verdict(verdict), at, Signatory(issuer, bytes(person)), reason, decision)


def known_to(session: Session, persons: Iterable[Signatory]) -> dict[PersonId, Person]:
    """The people behind these signatories, by pseudonym."""
    return people.by_ids(session, [each.person for each in persons])


def _row(proposal: Proposal) -> dict[str, Any]:
    amount = proposal.amount
    return {
        "id": UUID(bytes=proposal.id),
        "bank": proposal.bank,
        "financing": proposal.financing,
        "action": str(proposal.action),
        "amount": None if amount is None else amount.minor,
        "currency": None if amount is None else amount.currency,
        "made": proposal.made,
        "by_issuer": proposal.maker.issuer,
        "by_person": UUID(bytes=proposal.maker.person),
        "expires": proposal.expires,
        "outcome": proposal.foreseen.outcome,
        "guard": proposal.foreseen.guard,
        "state": proposal.foreseen.state,
    }


def _ending_row(ending: Ending) -> dict[str, Any]:
    return {
        "proposal": UUID(bytes=ending.proposal),
        "verdict": str(ending.verdict),
        "at": ending.at,
        "by_issuer": ending.by.issuer,
        "by_person": UUID(bytes=ending.by.person),
        "reason": ending.reason,
        "decision": ending.decision,
    }


def _bound_to(proposal: Proposal) -> list[bytes]:
    """What the sealed request belongs to: in another row it does not open."""
    named = (
        proposal.id.hex(),
        proposal.bank,
        proposal.financing,
        proposal.action,
        str(proposal.maker),
        proposal.made,
    )
    return [str(each).encode() for each in named]


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[Any]:
    adapt(session)
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(statement(name), parameters).fetchall()
