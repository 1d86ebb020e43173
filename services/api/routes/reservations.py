"""Decisions that a bank asks for: check and reserve in one step, pledge, draw, release, cancel, substitute."""

from __future__ import annotations

from schemas.rfc3339 import format_micros
from services.api.auth.permissions import BANKS, Needs, Scope
from services.api.calls import Answer, Call, PendingDecision
from services.api.financing import representation
from services.api.financing.decisions import idempotency, presents
from services.api.financing.registries import ask_all
from services.api.problems import MEDIA_TYPE, Problem
from services.api.requests.financing import (
    REFERENCE,
    Drawing,
    Enquiry,
    Giving,
    Reservation,
    Reviewing,
    Substitution,
    things,
)
from services.api.responses import financing as responses
from services.api.responses.financing import RegistryAnswers
from services.api.router import Routes
from services.api.routes.financings import WRITE, Reference
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.requests import UNKNOWN, DecisionRequest, reply
from services.financing.store.financings import record_answers

routes = Routes("financing")


@routes.post(
    "/v1/reservations", WRITE, answers=responses.Decision, problems=("not-found", "conflict"), decision=True
)
def reserve(call: Call, body: Reservation) -> PendingDecision:
    """Check whether the interest is free and reserve it, in one step. DONE until ``until``; REFUSED with the guard and what
    would satisfy it; REVIEW where people have to look, with what is alike (``resembles``): ask again with its ``number`` as ``reviewed``
    and two ``reviewers``. Without the applicant's signed application to this bank, and for
    cargo that is not the applicant's, nothing is here (not-found). The same again is the same reservation.
    """
    terms = body.terms()
    ask = DecisionRequest(
        Action.RESERVE,
        call.party.code,
        idempotency(call),
        f"{call.party.code}/{body.reference}",
        terms=terms,
        papers=body.papers.papers(),
        reviewed=None if body.reviewed is None else call.decision(body.reviewed),
        reviewers=body.reviewers,
    )
    return PendingDecision(
        ask,
        things(body.consignments),
        lambda ruling: _answered(call, ruling, ask.financing, (terms.applicant,)),
    )


@routes.post(
    "/v1/financings/{reference}/registry-answers",
    Needs(Scope.FINANCING_WRITE, BANKS, "own"),
    answers=RegistryAnswers,
    problems=("conflict",),
    idempotent=False,
    transaction=False,
)
def ask_registries(call: Call, reference: Reference, body: Enquiry) -> Answer:
    """Ask the other registries about the papers of a financing. Each answer counts for a day for the bank's financing of that
    reference: a hit refuses its reservation and its payments, and no answer never counts as clear. For a payment it counts where it came
    after the reservation; from then on the papers have to be the reserved ones (conflict).
    """
    financing, papers = f"{call.party.code}/{reference}", body.papers.papers()
    with call.transaction() as session:
        if not presents(call, session, financing, papers):
            raise Problem("conflict", "These are not the papers that are reserved under this reference.")
    found = ask_all(call.context.settings, papers, call.now)
    with call.transaction() as session:
        record_answers(session, financing, found)
    call.reads("financing", financing)
    return Answer(
        {
            "financing": financing,
            "answers": [
                {"registry": each.registry, "finding": str(each.finding), "at": format_micros(each.at)}
                for each in found
            ],
        }
    )


@routes.post(
    "/v1/financings/{reference}/pledge",
    WRITE,
    answers=responses.Decision,
    problems=("not-found", "conflict"),
    decision=True,
)
def pledge(call: Call, reference: Reference, body: Reviewing | None = None) -> PendingDecision:
    """Pledge what is reserved. From then on nobody else takes the interest, and a product with a release block keeps the
    cargo where it is. REVIEW where somebody else assigns its boxes or papers elsewhere (``ASSIGNMENT_CONFIRMED``), and where what
    was reserved is named no longer (``GOODS_NAMED``): ask again with ``reviewed`` and two ``reviewers``.
    """
    return _decide(call, Action.PLEDGE, reference, body)


@routes.post(
    "/v1/financings/{reference}/draw",
    WRITE,
    answers=responses.Decision,
    problems=("not-found", "conflict"),
    decision=True,
)
def draw(call: Call, reference: Reference, body: Drawing) -> PendingDecision:
    """Ask whether an amount may be paid out. Pay only after DONE; REVIEW as for a pledge."""
    return _decide(call, Action.DRAW, reference, body)


@routes.post(
    "/v1/financings/{reference}/release",
    WRITE,
    answers=responses.Decision,
    problems=("not-found", "conflict"),
    decision=True,
)
def release(call: Call, reference: Reference, body: Giving | None = None) -> PendingDecision:
    """Give the security back. The interest is free from then on. While something is owed (``NOTHING_OUTSTANDING``) only with an
    explicit ``waiver``, which is recorded with what is owed. With ``goods`` or ``amount`` a part is given back and the rest stays
    pledged: what is left has to be worth what is owed (``VALUE_COVERS``), or the waiver says otherwise.
    """
    partial = body is not None and (body.goods or body.amount is not None)
    return _decide(call, Action.RELEASE_PART if partial else Action.RELEASE, reference, body)


@routes.post(
    "/v1/financings/{reference}/cancel",
    WRITE,
    answers=responses.Decision,
    problems=("not-found", "conflict"),
    decision=True,
)
def cancel(call: Call, reference: Reference) -> PendingDecision:
    """Give a reservation, or a financing that was not drawn, up."""
    return _decide(call, Action.CANCEL, reference)


@routes.post(
    "/v1/financings/{reference}/substitute",
    WRITE,
    answers=responses.Decision,
    problems=("not-found", "conflict"),
    decision=True,
)
def substitute(call: Call, reference: Reference, body: Substitution) -> PendingDecision:
    """Put this reserved financing in the place of another one of the bank, with what is owed there."""
    return _decide(call, Action.SUBSTITUTE, reference, body)


def _decide(
    call: Call,
    action: Action,
    reference: str,
    body: Drawing | Giving | Reviewing | Substitution | None = None,
) -> PendingDecision:
    if not REFERENCE.fullmatch(reference):
        raise Problem("not-found")
    bank = call.party.code
    waiver = body.waiver if isinstance(body, Giving) else None
    reviewed = body.reviewed if isinstance(body, Reviewing) else None
    ask = DecisionRequest(
        action,
        bank,
        idempotency(call),
        f"{bank}/{reference}",
        amount=body.amount.money() if isinstance(body, Drawing | Giving) and body.amount else None,
        replaces=f"{bank}/{body.replaces}" if isinstance(body, Substitution) else "",
        reviewed=None if reviewed is None else call.decision(reviewed),
        reviewers=body.reviewers if isinstance(body, Reviewing) else (),
        waiver="" if waiver is None else waiver.grounds,
        goods=body.things() if isinstance(body, Giving) else (),
    )
    return PendingDecision(ask, (), lambda ruling: _answered(call, ruling, ask.financing))


def _answered(call: Call, ruling: Decision, financing: str, subjects: tuple[str, ...] = ()) -> Answer:
    given = reply(ruling)
    if given == UNKNOWN:
        return Answer(Problem("not-found").document(), 404, {"content-type": MEDIA_TYPE})
    call.reads("financing", financing, subjects)
    return Answer(representation.reply(given, call.shown, financing))
