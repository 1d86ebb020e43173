"""Decisions with maker and checker: what was prepared, what would be decided now, and who approves, rejects or withdraws it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson

from services.api.auth.permissions import BANKS
from services.financing.domain.decisions import Action, Decision, DecisionOutcome
from services.financing.domain.limits import within
from services.financing.domain.proposals import LONGEST_REASON, Obstacle, Verdict, is_reason
from services.financing.domain.requests import HIDDEN, UNKNOWN, Reply, reply
from services.financing.store.financings import decisions_of
from services.financing.store.fingerprint_versions import KeyMissing
from services.financing.store.identifiers import financing_id
from services.financing.store.limits import limits_of
from services.financing.store.proposals import StoredProposal, known_to
from services.pages.auth.sign_in import SignedIn
from services.pages.console import N_, console_of, console_page, person_name, proposals_of, signed_in
from services.pages.errors import PageError
from services.pages.financings import words
from services.pages.financings.requests import (
    FIELDS,
    REVIEWABLE,
    WrongForm,
    asked_by,
    content_of,
    fields_of,
    reservation_body,
    step_body,
)
from services.pages.page import Page, PageRequest, Redirect
from services.pages.routes.financing import financing_page
from services.pages.routes.financing_check import check_page
from services.pages.routing import PageRoutes
from services.people.domain.person import Permission

pages = PageRoutes()
LABELS = {
    **FIELDS,
    "papers": N_("Documents"),
    "invoices": words.KINDS["INVOICE"],
    "documents": words.KINDS["TRANSPORT_DOCUMENT"],
    "issued_on": FIELDS["issued"],
    "waiver": N_("Waive what is owed, because"),
    "number": N_("Number"),
    "container": N_("Container"),
    "origin": N_("Loaded at"),
    "loaded_on": N_("Loaded on"),
    "reviewed": N_("Rests on the review"),
}
"""Members of a request, as people read them; others by their names in the API."""
CODED = {**words.PRODUCTS, **words.INTERESTS, **words.GROUNDS}
REFUSALS = {"REASON": N_("A reason is one line of 1 to 200 characters."), **words.OBSTACLES}


@pages.get("/console/proposals", signed_in=True)
def proposals(request: PageRequest) -> Page:
    """What people of the bank have prepared: what waits for somebody else's approval, and what has ended."""
    viewer = signed_in(request, Permission.FINANCING, BANKS)
    service, bank = proposals_of(request), request.party.code
    waiting = service.listed(request.session, bank, waiting=request.now, limit=200)
    known = {each.proposal.id for each in waiting}
    ended = [
        each for each in service.listed(request.session, bank, limit=100) if each.proposal.id not in known
    ]
    for name in sorted({each.proposal.financing for each in (*waiting, *ended)}):
        request.reads("financing", name)
    values = {
        "waiting": waiting,
        "ended": ended,
        "words": words,
        **_people(request, viewer, [*waiting, *ended]),
    }
    return console_page(request, viewer, "proposals.html", values)


@pages.get("/console/proposals/{proposal}", signed_in=True)
def proposal(request: PageRequest) -> Page:
    """One proposal: what is asked, who prepared it, what would be decided now, and how it ended."""
    viewer = signed_in(request, Permission.FINANCING, BANKS)
    return _proposal_page(request, viewer, _found(request))


@pages.post("/console/proposals/{proposal}", signed_in=True)
def end(request: PageRequest) -> Page | Redirect:
    """Approve, reject or withdraw a proposal; an approval is decided in the same transaction. Twice is once."""
    verdict = next((each for each in Verdict if each == request.form.get("verdict", "")), None)
    if verdict is None:
        raise PageError(400)
    withdraws = verdict is Verdict.WITHDRAWN
    viewer = signed_in(request, Permission.FINANCING_MAKE if withdraws else Permission.FINANCING_CHECK, BANKS)
    found = _found(request)
    reason = request.form.get("reason", "").strip()
    if (verdict is Verdict.REJECTED or reason) and not is_reason(reason):
        return _proposal_page(request, viewer, found, "REASON")
    bank = request.party.code
    try:
        ended = proposals_of(request).end(
            request.session,
            found.proposal.id,
            bank,
            verdict,
            viewer.who.signatory,
            reason,
            lambda content: asked_by(bank, content),
        )
    except KeyMissing as problem:
        raise PageError(503) from problem
    request.reads("financing", found.proposal.financing)
    if isinstance(ended, Obstacle):
        return _proposal_page(request, viewer, _found(request), ended)
    return Redirect(f"/console/proposals/{found.proposal.id.hex()}")


@pages.post("/console/financings/{reference}/proposals", signed_in=True)
def prepare(request: PageRequest) -> Page | Redirect:
    """Prepare a step on a financing that there is, for somebody else's approval."""
    viewer = signed_in(request, Permission.FINANCING_MAKE, BANKS)
    reference = request.path["reference"]
    name = f"{request.party.code}/{reference}"
    decisions = [
        each for each in decisions_of(request.session, [financing_id(name)]) if each.financing == name
    ]
    if not any(each.done for each in decisions):
        raise PageError(404)
    action = next((each for each in Action if each == request.form.get("action", "")), None)
    if action is None or action.disposes or action is Action.RESERVE:
        raise PageError(400)
    try:
        body = step_body(action, request.form) | _reviewed(request, action, decisions)
        content = content_of(action, reference, body)
    except WrongForm as wrong:
        return financing_page(request, viewer, fields_of(wrong))
    prepared = _prepared(request, viewer, content)
    if isinstance(prepared, Obstacle):
        return financing_page(request, viewer, refused=words.OBSTACLES[prepared])
    return prepared


@pages.post("/console/financing-check/proposals", signed_in=True)
def prepare_reservation(request: PageRequest) -> Page | Redirect:
    """Prepare the reservation of the documents of the form, for somebody else's approval."""
    viewer = signed_in(request, Permission.FINANCING_MAKE, BANKS)
    console_of(request.context).checks.require(request.party.code)
    try:
        body = reservation_body(request.form)
        name = f"{request.party.code}/{body['reference']}"
        decisions = [
            each for each in decisions_of(request.session, [financing_id(name)]) if each.financing == name
        ]
        body |= _reviewed(request, Action.RESERVE, decisions)
        content = content_of(Action.RESERVE, body["reference"], body)
    except WrongForm as wrong:
        return check_page(request, viewer, request.form, wrong=fields_of(wrong))
    prepared = _prepared(request, viewer, content)
    if isinstance(prepared, Obstacle):
        return check_page(request, viewer, request.form, refused=words.OBSTACLES[prepared])
    return prepared


def _prepared(request: PageRequest, viewer: SignedIn, content: bytes) -> Redirect | Obstacle:
    key = request.form.get("key", "")
    if not 8 <= len(key) <= 64:
        raise PageError(400)
    bank = request.party.code
    try:
        made = proposals_of(request).prepare(
            request.session, bank, viewer.who, key, content, asked_by(bank, content)
        )
    except KeyMissing as problem:
        raise PageError(503) from problem
    if isinstance(made, Obstacle):
        return made
    request.reads("financing", made.financing)
    return Redirect(f"/console/proposals/{made.id.hex()}")


def _reviewed(request: PageRequest, action: Action, decisions: list[Decision]) -> dict[str, int]:
    """The newest REVIEW of the same step, where the form says that it was looked at."""
    if not request.form.get("reviewed") or action not in REVIEWABLE:
        return {}
    numbers = [
        each.number for each in decisions if each.action is action and each.outcome is DecisionOutcome.REVIEW
    ]
    return {"reviewed": max(numbers)} if numbers else {}


def _found(request: PageRequest) -> StoredProposal:
    """The proposal of the path; PageError 404 where the bank has none of that id."""
    try:
        id_ = bytes.fromhex(request.path["proposal"])
    except ValueError:
        raise PageError(404) from None
    found = proposals_of(request).find(request.session, request.party.code, id_) if len(id_) == 16 else None
    if found is None:
        raise PageError(404)
    return found


def _proposal_page(request: PageRequest, viewer: SignedIn, found: StoredProposal, refused: str = "") -> Page:
    made = found.proposal
    asked = asked_by(made.bank, found.content)
    waiting = found.ending is None and request.now < made.expires
    present: Reply | None = None
    changed = False
    if waiting:
        console_of(request.context).checks.require(made.bank)
        try:
            foresight = proposals_of(request).foresee(request.session, *asked)
        except KeyMissing as problem:
            raise PageError(503) from problem
        present = reply(foresight.decision)
        changed = foresight.state != made.foreseen.state
    decided = _decided(request, found)
    terms = asked[0].terms
    # As through the API, nobody finds a line in its access log of what a bank may not ask about.
    hidden = made.foreseen.guard in HIDDEN or UNKNOWN in (present, decided)
    subjects = () if terms is None or hidden else (terms.applicant,)
    request.reads("financing", made.financing, subjects)
    own = made.maker.person == viewer.who.id
    stored = orjson.loads(found.content)
    limits = limits_of(request.session, made.bank, [viewer.who.id])
    within_limit = within(limits, viewer.who.id, Permission.FINANCING_CHECK, made.amount, request.now)
    values = {
        "found": found,
        "made": made,
        "reference": made.financing.partition("/")[2],
        "href": f"/console/financings/{quote(made.financing.partition('/')[2], safe='')}",
        "body": {**stored["body"], "reviewed": N_("yes")}
        if stored["body"].get("reviewed")
        else stored["body"],
        "labels": LABELS,
        "coded": {**CODED, "yes": N_("yes")},
        "waiting": waiting,
        "expired": found.ending is None and not waiting,
        "present": present,
        "unknown": present == UNKNOWN,
        "changed": changed,
        "decided": decided,
        "within_limit": within_limit,
        "too_much": words.OBSTACLES["ABOVE_LIMIT"],
        "may_check": waiting and not own and viewer.may(Permission.FINANCING_CHECK),
        "may_withdraw": waiting and own,
        "own": own,
        "refused": REFUSALS.get(refused, ""),
        "longest": LONGEST_REASON,
        "words": words,
        **_people(request, viewer, [found]),
    }
    return console_page(request, viewer, "proposals_one.html", values, 409 if refused else 200)


def _decided(request: PageRequest, found: StoredProposal) -> Reply | None:
    """What was decided by the approval, as its bank is told."""
    if found.ending is None or found.ending.decision is None:
        return None
    decisions = decisions_of(request.session, [financing_id(found.proposal.financing)])
    taken = next((each for each in decisions if each.number == found.ending.decision), None)
    return None if taken is None else reply(taken)


def _people(request: PageRequest, viewer: SignedIn, found: list[StoredProposal]) -> dict[str, Any]:
    """``name_of`` writes a signatory as the viewer may know it."""
    persons = known_to(
        request.session,
        [each.proposal.maker for each in found] + [each.ending.by for each in found if each.ending],
    )
    return {"name_of": lambda who: person_name(persons.get(who.person), viewer, who.person)}
