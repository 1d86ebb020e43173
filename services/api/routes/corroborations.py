"""An invoice that was presented, against what others say: of the invoice itself, and of the goods that it is for."""

from __future__ import annotations

from schemas.events import finance
from schemas.events.document_trade import InvoiceIssued
from services.api.calls import Answer, Call
from services.api.financing import representation
from services.api.problems import Problem
from services.api.requests.financing import Corroboration, Invoice, things
from services.api.responses.financing import CorroborationFound
from services.api.router import Routes
from services.api.routes.financings import READ
from services.domain.objects import Thing
from services.financing.domain.cargo import corroboration
from services.financing.domain.fingerprints import normalise_1
from services.financing.domain.requests import LIMITS
from services.financing.domain.statements import Statement, live, of_type
from services.financing.store.evidence import Evidence, gather_evidence
from services.financing.store.identifiers import application_id
from services.ledger.storage.arrays import adapt
from services.query.views import consignments_of

routes = Routes("financing")


@routes.post(
    "/v1/corroborations", READ, answers=CorroborationFound, idempotent=False, problems=("not-found",)
)
def corroborate(call: Call, body: Corroboration) -> Answer:
    """What the parties of a consignment say of an invoice, member by member, and every fact of its goods with who said it
    and how sure that is. For whoever has the applicant's signed application to it; nothing is reserved.
    """
    adapt(call.session)
    terms = body.terms()
    on = things(body.consignments)
    groups = sorted(consignments_of(call.session, on))
    evidence = gather_evidence(
        call.session, groups, [application_id(terms.application)], call.registry, call.now, call.now
    )
    words = live(evidence.record, call.now, call.now)
    if not _applied(call, body, evidence, words, on):
        raise Problem("not-found")
    call.reads("application", terms.application, (terms.applicant,))
    engaged = frozenset[str]().union(*(cargo.engaged for cargo in evidence.cargo))
    facts = [fact for cargo in evidence.cargo for fact in corroboration(cargo)]
    stated = [
        (word, invoice)
        for word, invoice in of_type(words, InvoiceIssued)
        if normalise_1(invoice.document_id) == normalise_1(body.invoice.number)
    ]
    events = {word.event for fact in facts for word in fact.statements} | {word.event for word, _ in stated}
    names = representation.names_of(call.session, events)
    return Answer(
        {
            "invoice": {
                "number": body.invoice.number,
                "stated": [
                    {
                        "by": word.publisher,
                        "engaged": word.publisher in engaged,
                        "agrees": _agrees(body.invoice, invoice),
                        "hs": sorted(invoice.commodities),
                        "event": names.get(word.event),
                    }
                    for word, invoice in stated
                ],
                "publishers_that_agree": len(
                    {
                        word.publisher
                        for word, invoice in stated
                        if word.publisher in engaged and all(_agrees(body.invoice, invoice).values())
                    }
                ),
            },
            "goods": [representation.corroborated(fact, names) for fact in facts],
            "limits": LIMITS,
        }
    )


def _applied(
    call: Call, body: Corroboration, evidence: Evidence, words: frozenset[Statement], on: tuple[Thing, ...]
) -> bool:
    """Whether the applicant asked this bank, by its signature, about cargo of which all that is asked is."""
    terms = body.terms()
    members = frozenset[str]().union(*(cargo.members for cargo in evidence.cargo))
    if any(thing.key not in members for thing in on):
        return False
    if any(terms.applicant not in cargo.engaged for cargo in evidence.cargo):
        return False
    return any(
        (word.publisher, applied.bank, applied.product, applied.interest)
        == (terms.applicant, call.party.code, terms.product, terms.interest)
        and f"{word.publisher}/{applied.reference}" == terms.application
        for word, applied in of_type(words, finance.Applied)
    )


def _agrees(presented: Invoice, stated: InvoiceIssued) -> dict[str, bool]:
    """Member by member, whether what was presented is what was stated."""
    return {
        "amount": presented.amount.minor_units == stated.grand_total_amount.minor_units,
        "currency": presented.amount.currency_code == stated.grand_total_amount.currency_code,
        "seller": (presented.seller.scheme, normalise_1(presented.seller.id))
        == (stated.seller_party.scheme, normalise_1(stated.seller_party.id)),
        "buyer": (presented.buyer.scheme, normalise_1(presented.buyer.id))
        == (stated.buyer_party.scheme, normalise_1(stated.buyer_party.id)),
        "issued_on": presented.issued_on.isoformat() == stated.issue_date,
    }
