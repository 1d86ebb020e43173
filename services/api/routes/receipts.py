"""Receipts over HTTP: what the caller may read, as a file that verifies without this platform.

A publisher gets the receipt of its own event. Of what others signed nobody gets the bytes here, since they say more than the matrix may
show; the platform's signed answer says what the caller may read, with the entries of the log that it rests on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Path, Query

from schemas.envelope import event_id
from schemas.events.base import Role
from services.api.access.consignment import visible
from services.api.access.documents import readable_document
from services.api.access.matrix import Field, Shown
from services.api.auth.permissions import BANKS, SHIPPERS, Needs, Scope
from services.api.calls import Answer, Call
from services.api.events.request import owns
from services.api.financing.decisions import keys_of
from services.api.problems import Problem
from services.api.requests.documents import DocumentId
from services.api.responses.receipts import Bundle, Receipt
from services.api.router import Routes
from services.api.routes.financings import CREDIT_PURPOSE, Reference, own_summaries
from services.credit.store import records
from services.documents.store.registers import receipt_of_transfer
from services.transparency.domain.bundle import Bundle as Made
from services.transparency.domain.policy import Policy
from services.transparency.domain.receipt import Receipt as Proof
from services.transparency.store import bundles
from services.transparency.store.bundles import Issuer
from services.transparency.store.log import NoLog
from services.transparency.store.receipts import NoReceipt, NotYet, receipt_of_event

routes = Routes("receipts")
T = TypeVar("T")
PROBLEMS = ("not-found", "conflict", "receipt-pending", "unavailable")
RETRY_AFTER = "2"


@routes.get(
    "/v1/events/receipt", Needs(Scope.EVENTS_READ, foreign="absent"), answers=Receipt, problems=PROBLEMS
)
def event_receipt(call: Call, source: str, id: str) -> Answer:
    """The receipt of the caller's own event, to be verified offline (`lianyun verify`, or the page and programs beside it)."""
    if not owns(call, source):
        raise Problem("not-found")
    event = event_id(source, id)
    found = _made(lambda: receipt_of_event(call.session, call.context.settings.network, event), absent=True)
    if len(found) > 1:
        raise Problem("conflict", "You signed several contents under this id; none of them counts.")
    return Answer(_under(call, found[0]).as_json())


@routes.get(
    "/v1/handovers/receipt", Needs(Scope.EVENTS_READ, foreign="absent"), answers=Bundle, problems=PROBLEMS
)
def handover_receipt(
    call: Call,
    container: Annotated[str, Query(min_length=1, max_length=40)],
    place: Annotated[str, Query(max_length=80, description="railnet:dostyk, or its name.")] = "",
) -> Answer:
    """That a box was handed over, the last time at that place: both railways signed. Which boxes were with it is not in it."""
    every = bundles.handovers_of_box(call.session, call.registry, container, place, call.now)
    found = []
    for known, handover in every:
        seen = visible(call, known.view.consignment.id)
        if seen is not None and {seen.grants[Field.MOVEMENT], seen.grants[Field.IDS]} == {Shown.FULL}:
            found.append((known, handover))
            call.reads("consignment", seen.body["consignment"], seen.shippers)
    if not found:
        raise Problem("not-found")
    return _bundle(call, lambda issuer: bundles.handover_bundle(call.session, issuer, container, found))


@routes.get(
    "/v1/decisions/{number}/receipt",
    Needs(Scope.FINANCING_READ, foreign="absent"),
    answers=Bundle,
    problems=PROBLEMS,
)
def decision_receipt(
    call: Call,
    number: Annotated[int, Path(ge=1, le=2**62, description="As the caller was shown it.")],
) -> Answer:
    """What was decided on the caller's own request; of a release that was allowed it says so."""
    found = call.decision(number)
    decision = None if found is None else bundles.decision_of(call.session, found)
    if decision is None or decision.asked_by != call.party.code:
        raise Problem("not-found")
    call.reads("decision", str(number), () if decision.applicant is None else (decision.applicant,))
    return _bundle(call, lambda issuer: bundles.decision_bundle(call.session, issuer, decision))


@routes.get(
    "/v1/documents/{document}/transfers/{number}/receipt",
    Needs(Scope.EVENTS_READ, foreign="absent"),
    answers=Receipt,
    problems=PROBLEMS,
)
def transfer_receipt(
    call: Call,
    document: DocumentId,
    number: Annotated[int, Path(ge=1, le=2**31, description="The transfer's number in the chain.")],
) -> Answer:
    """That the original of a document was passed so, for whoever may read the document: the platform's signed decision and its proof."""
    register = readable_document(call, document)
    if register is None:
        raise Problem("not-found")
    network = call.context.settings.network
    found = _made(lambda: receipt_of_transfer(call.session, network, register, number))
    if found is None:
        raise Problem("not-found")
    return Answer(_under(call, found).as_json())


@routes.get(
    "/v1/financings/{reference}/receipt",
    Needs(Scope.FINANCING_READ, BANKS, "absent"),
    answers=Bundle,
    problems=PROBLEMS,
)
def pledge_receipt(call: Call, reference: Reference) -> Answer:
    """That the bank's own pledge stands as of the last cosigned checkpoint: the platform's signed answer, and each decision's entry."""
    name = f"{call.party.code}/{reference}"
    if not own_summaries(call, [name]):
        raise Problem("not-found")
    return _bundle(call, lambda issuer: bundles.pledge_bundle(call.session, issuer, name))


@routes.get(
    "/v1/shippers/{shipper}/credit/receipt",
    Needs(Scope.CREDIT_READ, BANKS | SHIPPERS | {Role.FORWARDER}, "absent"),
    answers=Bundle,
    problems=PROBLEMS,
)
def credit_receipt(
    call: Call,
    shipper: Annotated[str, Path(max_length=40)],
    record: Annotated[int, Query(ge=1, le=2**62, description="The number of the record as it was given.")],
    signal: Annotated[str | None, Query(max_length=8)] = None,
    purpose: Annotated[str, Query(max_length=40)] = CREDIT_PURPOSE,
) -> Answer:
    """That a record of credit signals was given to the caller, from the events that it names; while the consent is in force."""
    number = call.decision(record)
    allowed = records.read_as(
        call.session, call.party.code, purpose, shipper, call.now, call.now, call.registry
    )
    own = {each.no for each in records.issued_records(call.session, call.party.code, shipper)}
    if allowed is None or number is None or number not in own:
        raise Problem("not-found")
    call.reads("credit", shipper, (shipper,))
    return _bundle(call, lambda issuer: bundles.credit_bundle(call.session, issuer, number, signal))


def _under(call: Call, receipt: Proof) -> Proof:
    """A receipt with the signatures that the policy asks about, so that it stays small."""
    path = call.context.settings.transparency_policy
    return receipt if path is None else receipt.under(Policy.parse(path.read_bytes()))


def _bundle(call: Call, make: Callable[[Issuer], Made]) -> Answer:
    path = call.context.settings.transparency_policy
    if path is None:
        raise Problem("unavailable", "No witnesses cosign here, so there are no receipts.")
    signer = keys_of(call).signer(call.context.settings.network)
    issuer = Issuer(signer, call.registry, path.read_text("utf-8"), withheld=True)
    return Answer(_made(lambda: make(issuer)).as_json())


def _made(make: Callable[[], T], *, absent: bool = False) -> T:
    """What ``make`` makes; where there is none yet a problem that says when to ask again. ``absent``: what never will be is not found."""
    try:
        return make()
    except NotYet as problem:
        raise Problem("receipt-pending", str(problem), headers={"retry-after": RETRY_AFTER}) from None
    except NoLog:
        raise Problem("unavailable", "There is no transparency log here, so there are no receipts.") from None
    except NoReceipt as problem:
        raise Problem("not-found" if absent else "conflict", str(problem)) from None
