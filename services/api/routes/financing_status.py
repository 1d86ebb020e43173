"""Financing status of a thing: the bank's own financings of it, and whether an applicant's interest in it is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Query

from schemas.events import finance
from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from services.api.calls import Answer, Call
from services.api.financing import representation
from services.api.financing.decisions import keys_of
from services.api.problems import Problem
from services.api.requests.financing import Papers, own
from services.api.responses.financing import DocumentsStatus, ThingStatus
from services.api.router import Routes
from services.api.routes.financings import READ, note_reads, own_summaries
from services.domain.objects import Thing
from services.financing.domain import lifecycle
from services.financing.domain.fingerprints import fingerprints
from services.financing.domain.products import Interest
from services.financing.domain.requests import LIMITS
from services.financing.domain.statements import live, of_type
from services.financing.store import fingerprint_versions, statement
from services.financing.store.evidence import gather_evidence
from services.financing.store.financings import decisions_of
from services.financing.store.fingerprint_versions import KeyMissing, KeyRing
from services.financing.store.identifiers import application_id
from services.financing.store.status_reader import own_under, reached, summaries_in
from services.ledger.storage.arrays import adapt, uuids
from services.ledger.storage.session import BoundStatement
from services.query.views import consignments_of

routes = Routes("financing")
KINDS = {
    kind.wire: kind
    for kind in (ObjectKind.CONSIGNMENT, ObjectKind.CONTAINER, ObjectKind.NOTE, ObjectKind.DECLARATION)
}


def _prefetch(bank: str, parameters: Mapping[str, Any]) -> BoundStatement | None:
    return (
        None if parameters.get("application") else reached(bank, _thing(parameters["kind"], parameters["id"]))
    )


@routes.get("/v1/financing-status", READ, answers=ThingStatus, problems=("not-found",), prefetch=_prefetch)
def status_of_thing(
    call: Call,
    kind: Annotated[Literal["consignment", "container", "note", "declaration"], Query()],
    id: Annotated[
        str, Query(min_length=1, max_length=160, description="xaport/XA-1, CSQU3054383, SMGS/CN/...")
    ],
    application: Annotated[
        str | None,
        Query(
            max_length=128,
            description="An application of a shipper to this bank: whether its interest is taken.",
        ),
    ] = None,
) -> Answer:
    """The bank's own financings of a consignment, or of what a container, note or declaration leads to. With an applicant's
    signed application to this bank also whether the interest that it names is taken by anybody, yes or no.
    """
    thing = _thing(kind, id)
    bank = call.party.code
    summaries = summaries_in(call.rows(reached(bank, thing)), bank, call.now, call.registry)
    taken = _taken(call, own(application), thing) if application else None
    if not summaries and taken is None:
        raise Problem("not-found")
    note_reads(call, summaries)
    return Answer(
        {
            "kind": kind,
            "id": id,
            "financings": [representation.summary(each, call.shown) for each in summaries],
            "interest_taken": taken,
            "limits": LIMITS,
        }
    )


@routes.post("/v1/financing-status", READ, answers=DocumentsStatus, idempotent=False, problems=("not-found",))
def status_of_papers(call: Call, body: Papers) -> Answer:
    """The bank's own financings that hold what these papers stand for: an invoice, a bill, a note by its number. What
    others hold is never told here; a reservation tells whether the interest is free.
    """
    adapt(call.session)
    ring = KeyRing(keys_of(call).registry_keys)
    try:
        known = fingerprint_versions.hold(call.session, ring)
    except KeyMissing as problem:
        raise Problem("unavailable", "The key of financing decisions is missing.") from problem
    digests = {
        print_.digest
        for version in known
        for print_ in fingerprints(body.papers(), "", version)
        if print_.kind.exact
    }
    names = own_under(call.session, call.party.code, digests) if digests else []
    if not names:
        raise Problem("not-found")
    return Answer(
        {
            "financings": [representation.summary(each, call.shown) for each in own_summaries(call, names)],
            "limits": LIMITS,
        }
    )


def _thing(kind: str, id: str) -> Thing:
    found = KINDS[kind]
    return Thing(found, canonical_key(found, id))


def _taken(call: Call, application: str, thing: Thing) -> bool | None:
    """Whether the interest of ``application`` in what ``thing`` leads to is held by anybody; None where it is no
    application to this bank, or of other cargo, or its applicant is no party of that cargo: whoever signs an application about
    another's goods learns nothing of them.
    """
    adapt(call.session)
    groups = sorted(consignments_of(call.session, [thing]))
    if not groups:
        return None
    evidence = gather_evidence(
        call.session, groups, [application_id(application)], call.registry, call.now, call.now
    )
    applicant = application.partition("/")[0]
    if not evidence.cargo or any(applicant not in cargo.engaged for cargo in evidence.cargo):
        return None
    words = live(evidence.record, call.now, call.now)
    for word, applied in of_type(words, finance.Applied):
        if word.publisher != applicant or applied.bank != call.party.code:
            continue
        wanted = [Thing(ref.kind, ref.key) for ref in applied.objects]
        if not {*groups} <= {*consignments_of(call.session, wanted)}:
            continue
        call.reads("application", application, (applicant,))
        rows = call.session.execute(statement("financings_on"), {"ids": uuids(groups)}, binary=True)
        holds = lifecycle.holds(decisions_of(call.session, [row[0] for row in rows]))
        group = Interest(applied.interest).group
        return any(
            Interest(hold.terms.interest).group == group and hold.held(call.now) for hold in holds.values()
        )
    return None
