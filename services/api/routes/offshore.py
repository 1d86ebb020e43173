"""Offshore deals: the report along three lines, and annotations of their papers by banks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Path

from schemas.events.base import Role
from services.api.access.offshore import annotation_json, lends_with_consent, readable_deal, visible_deal
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call
from services.api.financing.decisions import keys_of
from services.api.problems import Problem
from services.api.requests.offshore import AnnotationBody, RevocationBody
from services.api.responses.offshore import AnnotationDecision, OffshoreDeal
from services.api.router import Routes
from services.financing.domain.annotation import Action, Annotation, AnnotationRequest, Behind
from services.financing.store.annotations import AnnotationService, RequestUsed, UnknownAnnotation
from services.financing.store.fingerprint_versions import KeyMissing, KeyRing
from services.runtime.hsm import HsmFailed

routes = Routes("trade")
Decide = Callable[[AnnotationService], Annotation]
_WRITE = Needs(Scope.FINANCING_WRITE, frozenset({Role.BANK}), "absent")


@routes.get(
    "/v1/trade/deals/{ref:path}",
    Needs(Scope.EVENTS_READ, foreign="absent"),
    answers=OffshoreDeal,
    problems=("not-found",),
)
def offshore_deal(call: Call, ref: str) -> Answer:
    """An offshore deal by the code of its owner and the owner's reference (`optic/OD-2026-7`): its class, and what confirms it along three lines
    (vessel or train, box, goods), who said that, and what is missing. Whole for the owner and for a bank with its consent; a buyer, customs or
    another bank gets the verdict alone.
    """
    found = visible_deal(call, ref)
    if found is None:
        raise Problem("not-found")
    found["annotations"] = [_shown(call, each) for each in found["annotations"]]
    return Answer(found)


@routes.post(
    "/v1/trade/annotations",
    _WRITE,
    answers=AnnotationDecision,
    problems=("not-found", "conflict"),
    idempotent=False,
)
def annotate_paper(call: Call, body: AnnotationBody) -> Answer:
    """Mark a paper of an offshore deal as used for a payment: once, and up to its amount, beside what other banks annotated or pledged of it. The
    answer is a recorded decision: DONE, or REFUSED with the guard and what would satisfy it. Without the owner's consent nothing is here.
    `request` makes it safe to send again.
    """
    deal = readable_deal(call, body.deal)
    if deal is None or not lends_with_consent(call, deal.owner):
        raise Problem("not-found")
    ask = body.ask_of(call.party.code)
    behind = Behind(deal.name, deal.event, deal.stated.papers)
    decision = _decided(call, lambda service: service.annotate(call.session, ask, behind))
    call.reads("deal", deal.name, {deal.owner})
    return Answer(_shown(call, decision))


@routes.post(
    "/v1/trade/annotations/{number}/revocations",
    _WRITE,
    answers=AnnotationDecision,
    problems=("not-found", "conflict"),
    idempotent=False,
)
def revoke_annotation(
    call: Call,
    number: Annotated[int, Path(description="`annotation` of the decision.")],
    body: RevocationBody,
) -> Answer:
    """Revoke an annotation of the caller's own: its part of the paper is free from then on. Nobody else's is here."""
    own = call.decision(number)
    if own is None:
        raise Problem("not-found")
    ask = AnnotationRequest(Action.REVOKE, call.party.code, body.request, revokes=own)
    decision = _decided(call, lambda service: service.revoke(call.session, ask))
    call.reads("deal", decision.deal, {decision.deal.partition("/")[0]})
    return Answer(_shown(call, decision))


def _decided(call: Call, decide: Decide) -> Annotation:
    keys = keys_of(call)
    service = AnnotationService(KeyRing(keys.registry_keys), keys.signer(call.context.settings.network))
    try:
        return decide(service)
    except UnknownAnnotation:
        raise Problem("not-found") from None
    except RequestUsed as problem:
        raise Problem("conflict", str(problem)) from None
    except (HsmFailed, KeyMissing) as problem:
        raise Problem("unavailable", "A key of decisions cannot be used; nothing was decided.") from problem


def _shown(call: Call, decision: Annotation) -> dict[str, object]:
    return annotation_json(decision, call.shown(decision.number), call.shown(decision.annotation))
