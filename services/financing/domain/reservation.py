"""Reservation of an interest: who may request it, whether the documents are of that cargo, and whether the interest is free."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from schemas.events import finance
from schemas.events.base import ObjectKind
from schemas.events.document_trade import InvoiceIssued, TradeParty
from schemas.events.finance import TakeoverConsented
from schemas.events.keys import canonical_key
from services.domain.facts import Micros
from services.domain.objects import Thing
from services.financing.domain import external_registries, lifecycle, uniqueness
from services.financing.domain.annotation import beyond_annotated
from services.financing.domain.assignment_rules import held_in_doubt, of_holders, unsettled, without_doubted
from services.financing.domain.cargo import in_order
from services.financing.domain.claims_on_goods import beside_claims
from services.financing.domain.decisions import Decision, DecisionOutcome, Terms
from services.financing.domain.documents import Papers
from services.financing.domain.fingerprints import normalise_1
from services.financing.domain.guards import Failed
from services.financing.domain.lifecycle import Hold, Stage, end_of
from services.financing.domain.money import Money
from services.financing.domain.products import Interest, Product, Products, Value
from services.financing.domain.requests import MOST_SHARED, DecisionContext, DecisionRequest
from services.financing.domain.reviews import MISSING, Unsettled, against, by_two, reviews
from services.financing.domain.statements import Statement, of_type
from services.financing.domain.uniqueness import Checked, Encumbrance, Entry, Verdict


def consented(statements: Iterable[Statement], bank: str, at: Micros) -> frozenset[str]:
    """The financings whose banks consented that ``bank`` takes them over, as far as the consent holds at ``at``."""
    return frozenset(
        consent.financing_key
        for statement, consent in of_type(statements, TakeoverConsented)
        if statement.publisher == consent.financing_key.partition("/")[0]
        and consent.to_bank == bank
        and at < end_of(date.fromisoformat(consent.valid_to))
    )


MOST_RESEMBLANCES = 16
"""What is alike that a decision names at most; one that is not named is looked at in a further review."""
REVIEWABLE = frozenset({"NOT_ALIKE", "OTHER_INTEREST_OF_APPLICANT"})
"""Guards of what is alike, which may be reviewed; an unknown split is settled by stating the shares."""

_SATISFIED_BY = {
    "INTEREST_FREE": "The release of what is reserved on it, or the consent of its holder to a take-over.",
    "WITHIN_RESIDUAL": "A part within what is left.",
    "SPLIT_KNOWN": "The share and the whole, in one measure, stated alike by all who finance a part of it.",
    "NOT_ALIKE": "A look by two persons of the bank at what is alike, and the request again with this review's number and them.",
    "OTHER_INTEREST_OF_APPLICANT": "A look by two persons at the applicant's financings, and the request again with this review.",
}


def reserve(ask: DecisionRequest, context: DecisionContext, at: Micros, table: Products) -> Decision:
    """Decide a reservation. Without the applicant's signed application the reply is nothing but "unknown"."""
    terms = ask.terms
    if terms is None or terms.product not in table.rows or ask.financing.partition("/")[0] != ask.asked_by:
        return _refused(
            ask,
            at,
            Failed("TERMS_GIVEN", "Application, applicant, product, interest; the bank's own reference."),
        )
    product = table[terms.product]
    closed = _outsider(ask, context, terms, product)
    if closed is not None:
        return _refused(ask, at, closed)
    holds = lifecycle.holds(context.decisions)
    failed = next(_unfit(ask, context, terms, product, holds.get(ask.financing), at), None)
    if failed is not None:
        return _refused(ask, at, failed)
    wanted = encumbrance(ask.financing, terms, product)
    checked, stale = _checked(wanted, context, holds, at)
    checked, doubted = without_doubted(checked, context, at)
    if checked.verdict is Verdict.TAKEN:
        return _against(ask, at, checked)
    if context.annotated and _annotated(wanted, context, holds, at):
        return _refused(ask, at, NOT_ANNOTATED)
    common, in_doubt = _common(wanted, context, holds, at, table, lambda hold: hold.held(at))
    if common:
        return _shared(_refused(ask, at, Failed("GOODS_FREE", _free_again(common[0]))), common)
    uncertain = held_in_doubt(doubted | in_doubt) or unsettled(ask, context, product, at, paying=False)
    if uncertain is not None:
        return against(ask, at, uncertain)
    competing = _competing(wanted, context, holds, table, lambda hold: hold.held(at))
    checked = beside_claims(checked, wanted, terms.application, competing, context, at)
    left = _without_reviewed(ask, context, checked)
    if left.verdict is not Verdict.CLEAR:
        return _against(ask, at, left)
    if left is not checked and not by_two(ask):
        return _refused(ask, at, MISSING)
    return ask.done(
        at,
        terms=terms,
        until=at + product.reservation,
        frees=tuple(sorted(stale)),
        notices=left.notices,
    )


NOT_ANNOTATED = Failed(
    "PAPER_NOT_ANNOTATED",
    "The revocation of what banks annotated on a paper, or a share of it within what is left, of the same whole.",
)


def _annotated(wanted: Encumbrance, context: DecisionContext, holds: dict[str, Hold], at: Micros) -> bool:
    """Whether banks annotated more of a paper for payments than the reservation leaves, beside what competing financings hold."""
    held = [
        entry.fingerprint
        for entry in context.entries
        if (hold := holds.get(entry.holder.financing)) is not None
        and hold.held(at)
        and (entry.holder.group, entry.holder.value) == (wanted.group, wanted.value)
        and entry.holder.financing != wanted.financing
    ]
    return beyond_annotated(context.prints, context.annotated, held)


def goods_free(ask: DecisionRequest, taken: Decision, context: DecisionContext, table: Products) -> Decision:
    """``taken``, or its refusal where another bank has since pledged the same interest in goods that are shared by now.

    REVIEW where these are shared only by an assignment in doubt.
    """
    holds = lifecycle.holds(context.decisions)
    terms = holds[ask.financing].terms
    wanted = encumbrance(ask.financing, terms, table[terms.product])
    common, in_doubt = _common(
        wanted,
        context,
        holds,
        taken.at,
        table,
        lambda hold: hold.pledged and hold.financing not in taken.frees,
    )
    if common:
        failed = Failed("GOODS_FREE", _free_again(common[0]))
        return _shared(ask.refused(taken.at, *failed, amount=ask.amount), common)
    uncertain = held_in_doubt(in_doubt)
    return taken if uncertain is None else against(ask, taken.at, uncertain)


def _shared(refused: Decision, common: tuple[Thing, ...]) -> Decision:
    return refused._replace(shares=common[:MOST_SHARED])


def _common(
    wanted: Encumbrance,
    context: DecisionContext,
    holds: dict[str, Hold],
    at: Micros,
    table: Products,
    taken: Callable[[Hold], bool],
) -> tuple[tuple[Thing, ...], frozenset[Thing]]:
    """The objects that identify goods in which another bank has ``taken`` the same interest, though no document shows it.

    Apart from them those whose assignment to the other's goods is in doubt. Financings whose documents meet are decided by these: a
    consolidated box or a declaration has room for several.
    """
    if wanted.group != Interest.GOODS.group:
        return (), frozenset()
    met = {e.holder.financing for e in context.entries if e.fingerprint.kind.exact}
    found, in_doubt = set[Thing](), set[Thing]()
    for name, theirs in _competing(wanted, context, holds, table, taken).items():
        if name not in met and theirs.bank != wanted.bank:
            shared = context.shared(holds[name])
            states = of_holders([name], context, at).get(name, {}) if shared else {}
            doubted = {thing for thing in shared if thing in states and states[thing].in_doubt}
            in_doubt |= doubted
            found |= shared - doubted
    return in_order(found), frozenset(in_doubt)


def _competing(
    wanted: Encumbrance,
    context: DecisionContext,
    holds: dict[str, Hold],
    table: Products,
    taken: Callable[[Hold], bool],
) -> dict[str, Encumbrance]:
    """The financings nearby that have ``taken`` the same interest in the same value, by name, in order."""
    found = dict[str, Encumbrance]()
    for name in sorted(each.financing for each in context.near):
        hold = holds.get(name)
        if hold is not None and hold.terms.product in table.rows and taken(hold):
            theirs = encumbrance(name, hold.terms, table[hold.terms.product])
            if (theirs.group, theirs.value) == (wanted.group, wanted.value):
                found[name] = theirs
    return found


def _free_again(thing: Thing) -> str:
    named = f"{thing.kind.wire} {thing.key}"
    either = (
        f"The release of what is reserved on goods of {named}, or {named} among the papers, with its share."
    )
    return either[:200]


def still_free(
    ask: DecisionRequest, hold: Hold, context: DecisionContext, at: Micros, product: Product
) -> tuple[Unsettled | None, frozenset[str]]:
    """Before a pledge: a competing hold or an assignment in doubt that stands in the way, and the financings to be taken over.

    An expired reservation of another bank does not compete. A frozen financing is not taken over.
    """
    wanted = encumbrance(hold.financing, hold.terms, product)
    holds = lifecycle.holds(context.decisions)
    checked, _ = _checked(wanted, context, holds, at)
    checked, doubted = without_doubted(checked, context, at)
    failed = None
    if checked.verdict is Verdict.TAKEN:
        gravest = checked.gravest
        assert gravest is not None
        failed = Failed(gravest.guard, _SATISFIED_BY[gravest.guard])
    elif any(
        lifecycle.state(holds[taken], context.about(holds[taken]), at).frozen_by
        for taken in checked.takes_over
    ):
        failed = Failed("NOT_FROZEN", "The end of the freeze of what is taken over.")
    if failed is not None:
        return Unsettled(failed, DecisionOutcome.REFUSED), frozenset()
    uncertain = held_in_doubt(doubted) or unsettled(ask, context, product, at, paying=True)
    return uncertain, checked.takes_over


def encumbrance(financing: str, terms: Terms, product: Product) -> Encumbrance:
    """What a financing of these terms takes."""
    group = Interest(terms.interest).group
    return Encumbrance(financing, financing.partition("/")[0], terms.applicant, group, product.value)


def _checked(
    wanted: Encumbrance, context: DecisionContext, holds: dict[str, Hold], at: Micros
) -> tuple[Checked, frozenset[str]]:
    """The check against what is held at ``at``, and the holders whose reservation has run out under the same keys."""
    held, stale = list[Entry](), list[Entry]()
    for entry in context.entries:
        hold = holds.get(entry.holder.financing)
        if hold is not None and hold.ended is None:
            (held if hold.held(at) else stale).append(entry)
    consents = consented(context.statements, wanted.bank, at)
    checked = uniqueness.check(wanted, context.prints, held, consents)
    # One by one as well: of several that stand in the way together only one is named.
    each = [[entry for entry in stale if entry.holder == holder] for holder in {e.holder for e in stale}]
    past = [uniqueness.check(wanted, context.prints, entries) for entries in (stale, *each)]
    return checked, frozenset(f.by for p in past for f in p.findings if f.verdict is not Verdict.CLEAR)


def _outsider(
    ask: DecisionRequest, context: DecisionContext, terms: Terms, product: Product
) -> Failed | None:
    """Why the requester gets no reason: no application to it, or one by somebody who is no party of that cargo."""
    applied = _application(context, ask, terms)
    if applied is None:
        return Failed(
            "APPLICATION_SIGNED", "The applicant's signed application to this bank, for this product."
        )
    if not applied[0].roles & product.applicants:
        return Failed("APPLICANT_OF_PRODUCT", "An applicant whose role the product is for.")
    if not context.cargo or any(terms.applicant not in cargo.engaged for cargo in context.cargo):
        return Failed("APPLICANT_ENGAGED", "A consignment whose founding or links name the applicant.")
    if not _of_cargo(ask.papers, context):
        return Failed("PAPERS_OF_CARGO", "Papers of the cargo that the application is about.")
    return None


def _application(
    context: DecisionContext, ask: DecisionRequest, terms: Terms
) -> tuple[Statement, finance.Applied] | None:
    for statement, applied in of_type(context.of(ask.financing, terms.application), finance.Applied):
        if (applied.product, applied.interest, statement.publisher) == (
            terms.product,
            terms.interest,
            terms.applicant,
        ):
            return statement, applied
    return None


def _of_cargo(papers: Papers, context: DecisionContext) -> bool:
    things = frozenset[Thing]().union(*(cargo.things for cargo in context.cargo))
    asked = [
        *(
            Thing(ObjectKind.CONTAINER, canonical_key(ObjectKind.CONTAINER, box.container))
            for box in papers.boxes
        ),
        *(
            Thing(ObjectKind.CONSIGNMENT, canonical_key(ObjectKind.CONSIGNMENT, c))
            for c in papers.consignments
        ),
    ]
    asked += [Thing(ObjectKind.NOTE, canonical_key(ObjectKind.NOTE, note.key)) for note in papers.notes]
    asked += [
        Thing(ObjectKind.DECLARATION, canonical_key(ObjectKind.DECLARATION, declaration.key))
        for declaration in papers.declarations
    ]
    return all(thing in things for thing in asked)


def _unstated(papers: Papers, context: DecisionContext, statements: Sequence[Statement]) -> int | None:
    """The place, from 1, of the first invoice that no party of the consignment states as presented; its number would be stored."""
    engaged = frozenset[str]().union(*(cargo.engaged for cargo in context.cargo))
    stated = {
        (normalise_1(invoice.document_id), Money.of(invoice.grand_total_amount), _party(invoice.seller_party))
        for statement, invoice in of_type(statements, InvoiceIssued)
        if statement.publisher in engaged
    }
    for place, invoice in enumerate(papers.invoices, start=1):
        seller = (invoice.seller.scheme, normalise_1(invoice.seller.id))
        if (normalise_1(invoice.number), invoice.amount, seller) not in stated:
            return place
    return None


def _party(party: TradeParty) -> tuple[str, str]:
    return party.scheme, normalise_1(party.id)


def _unfit(
    ask: DecisionRequest,
    context: DecisionContext,
    terms: Terms,
    product: Product,
    present: Hold | None,
    at: Micros,
) -> Iterator[Failed]:
    if Interest(terms.interest) not in product.interests:
        yield Failed("INTEREST_OF_PRODUCT", f"One of {', '.join(sorted(product.interests))}.")
    if present is not None and (present.held(at) or present.ended not in (None, Stage.RESERVATION_EXPIRED)):
        yield Failed("REFERENCE_UNUSED", "Another reference of the bank: this one has or had a financing.")
    if present is not None and present.terms != terms:
        yield Failed(
            "REFERENCE_UNUSED", "Another reference of the bank: this one was reserved with other terms."
        )
    doubts = [f"{text}: {why}" for text, why in ask.papers.doubts()]
    if doubts:
        yield Failed("IDENTIFIERS_VALID", f"Identifiers as on the papers. {'; '.join(doubts)}"[:200])
    missing = product.keys - ask.papers.kinds
    if missing:
        yield Failed("KEYS_GIVEN", f"Papers of the kinds {', '.join(sorted(missing))}.")
    statements = context.of(ask.financing, terms.application)
    unstated = _unstated(ask.papers, context, statements) if product.value is Value.TRADE else None
    if unstated is not None:
        yield Failed(
            "INVOICE_STATED",
            f"Invoice {unstated} of the papers with this seller and amount, published by a party of the consignment.",
        )
    if any(isinstance(w.payload, finance.ApplicationWithdrawn | finance.Rejected) for w in statements):
        yield Failed("APPLICATION_STANDS", "A new application: this one was withdrawn or rejected.")
    found = external_registries.current_findings(context.required, context.external, at)
    for registry in (
        name for name, finding in found.items() if finding is external_registries.RegistryFinding.HIT
    ):
        yield Failed("EXTERNAL_CLEAR", f"A clear answer of {registry}, which knows another financing of it.")


def _without_reviewed(ask: DecisionRequest, context: DecisionContext, checked: Checked) -> Checked:
    """``checked`` without the findings that earlier reviews of this reservation named, which the bank has examined since.

    Itself where there is none, or where something else is alike by now: that is a review of its own.
    """
    named = [resemblance for review in reviews(ask, context) for resemblance in review.resembles]
    seen = {
        each._replace(deals=1)
        for each in checked.resemblances
        if any(resemblance.covers(each) for resemblance in named)
    }
    left = tuple(f for f in checked.findings if f.guard not in REVIEWABLE or f.resemblance not in seen)
    return checked if len(left) == len(checked.findings) else replace(checked, findings=left)


def _against(ask: DecisionRequest, at: Micros, checked: Checked) -> Decision:
    gravest = checked.gravest
    assert gravest is not None
    refused = _refused(ask, at, Failed(gravest.guard, _SATISFIED_BY[gravest.guard]))
    if checked.verdict is Verdict.TAKEN:
        return refused
    return refused._replace(
        outcome=DecisionOutcome.REVIEW, resembles=checked.resemblances[:MOST_RESEMBLANCES]
    )


def _refused(ask: DecisionRequest, at: Micros, failed: Failed) -> Decision:
    return ask.refused(at, *failed, terms=ask.terms)
