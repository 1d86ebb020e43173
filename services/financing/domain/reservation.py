"""Reserving an interest: who may ask, whether the papers are of that cargo, and whether the interest is free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from schemas.events import finance
from schemas.events.base import ObjectKind
from schemas.events.document_trade import InvoiceIssued, TradeParty
from schemas.events.keys import canonical_key
from services.domain.facts import Micros
from services.domain.objects import Thing
from services.financing.domain import external_registries, lifecycle, uniqueness
from services.financing.domain.consent import consented
from services.financing.domain.decisions import Action, Outcome, Ruling, Terms
from services.financing.domain.documents import Papers
from services.financing.domain.goods import in_order
from services.financing.domain.guards import Failed
from services.financing.domain.lifecycle import Hold, Stage
from services.financing.domain.money import Money
from services.financing.domain.normalisation import normalise_1
from services.financing.domain.products import Interest, Product, Products, Value
from services.financing.domain.requests import MOST_SHARED, Ask, Book
from services.financing.domain.statements import Word, said
from services.financing.domain.uniqueness import Checked, Encumbrance, Entry, Verdict

REVIEWABLE = frozenset({"NOT_ALIKE", "OTHER_INTEREST_OF_APPLICANT"})
"""What a person at the bank may have looked at and answer for; an unknown split is settled by saying the shares."""

_SATISFIED_BY = {
    "INTEREST_FREE": "The release of what is reserved on it, or the consent of its holder to a take-over.",
    "WITHIN_RESIDUAL": "A part within what is left.",
    "SPLIT_KNOWN": "The share and the whole, in one measure, stated alike by all who finance a part of it.",
    "NOT_ALIKE": "A look at the papers by the bank, and the request again with the number of this review.",
    "OTHER_INTEREST_OF_APPLICANT": "A look at both financings by the bank, and the request again with this review's number.",
}


def reserve(ask: Ask, book: Book, at: Micros, table: Products) -> Ruling:
    """Decide a reservation. Who asks without the applicant's signed application learns nothing but "unknown"."""
    terms = ask.terms
    if terms is None or terms.product not in table.rows or ask.financing.partition("/")[0] != ask.asked_by:
        return _refused(
            ask,
            at,
            Failed("TERMS_GIVEN", "Application, applicant, product, interest; the bank's own reference."),
        )
    product = table[terms.product]
    closed = _outsider(ask, book, terms, product)
    if closed is not None:
        return _refused(ask, at, closed)
    holds = lifecycle.holds(book.rulings)
    failed = next(_unfit(ask, book, terms, product, holds.get(ask.financing), at), None)
    if failed is not None:
        return _refused(ask, at, failed)
    wanted = encumbrance(ask.financing, terms, product)
    checked, stale = _checked(wanted, book, holds, at)
    checked = _looked_at(ask, book, checked)
    if checked.verdict is not Verdict.CLEAR:
        return _against(ask, at, checked)
    common = _common(wanted, book, holds, at, table)
    if common:
        refused = _refused(ask, at, Failed("GOODS_FREE", _free_again(common[0])))
        return refused._replace(shares=common[:MOST_SHARED])
    return ask.done(
        at,
        terms=terms,
        until=at + product.reservation,
        frees=tuple(sorted(stale)),
        notices=checked.notices,
    )


def _common(
    wanted: Encumbrance, book: Book, holds: dict[str, Hold], at: Micros, table: Products
) -> tuple[Thing, ...]:
    """What names goods that another bank holds the same interest in, though the papers show nothing of it.

    Whose papers meet is judged by these: a consolidated box or a declaration has room for several.
    """
    if wanted.group != Interest.GOODS.group:
        return ()
    met = {e.holder.financing for e in book.entries if e.fingerprint.kind.exact}
    found = set[Thing]()
    for name in sorted({each.financing for each in book.near} - met):
        hold = holds.get(name)
        if hold is None or not hold.held(at) or hold.bank == wanted.bank:
            continue
        product = table[hold.terms.product]
        theirs = encumbrance(name, hold.terms, product)
        if (theirs.group, theirs.value) == (wanted.group, wanted.value):
            found |= book.shared(name, hold.reserved_until - product.reservation)
    return in_order(found)


def _free_again(thing: Thing) -> str:
    named = f"{thing.kind.wire} {thing.key}"
    either = (
        f"The release of what is reserved on goods of {named}, or {named} among the papers, with its share."
    )
    return either[:200]


def still_free(hold: Hold, book: Book, at: Micros, product: Product) -> tuple[Failed | None, frozenset[str]]:
    """Before a pledge: nothing but what the bank may take over, or has looked at, competes; and what it takes over.

    Another reservation that ran out meanwhile does not compete. What is frozen passes to nobody.
    """
    wanted = encumbrance(hold.financing, hold.terms, product)
    holds = lifecycle.holds(book.rulings)
    checked, _ = _checked(wanted, book, holds, at)
    if checked.verdict is Verdict.TAKEN:
        gravest = checked.gravest
        assert gravest is not None
        return Failed(gravest.guard, _SATISFIED_BY[gravest.guard]), frozenset()
    for taken in checked.takes_over:
        if lifecycle.state(holds[taken], book.about(holds[taken]), at).frozen_by:
            return Failed("NOT_FROZEN", "The end of the freeze of what is taken over."), frozenset()
    return None, checked.takes_over


def encumbrance(financing: str, terms: Terms, product: Product) -> Encumbrance:
    """What a financing of these terms takes."""
    group = Interest(terms.interest).group
    return Encumbrance(financing, financing.partition("/")[0], terms.applicant, group, product.value)


def _checked(
    wanted: Encumbrance, book: Book, holds: dict[str, Hold], at: Micros
) -> tuple[Checked, frozenset[str]]:
    """The check against what is held at ``at``, and the holders whose reservation has run out under the same keys."""
    held, stale = list[Entry](), list[Entry]()
    for entry in book.entries:
        hold = holds.get(entry.holder.financing)
        if hold is not None and hold.ended is None:
            (held if hold.held(at) else stale).append(entry)
    consents = consented(book.words, wanted.bank, at)
    checked = uniqueness.check(wanted, book.prints, held, consents)
    # One by one as well: of several that stand in the way together only one is named.
    each = [[entry for entry in stale if entry.holder == holder] for holder in {e.holder for e in stale}]
    past = [uniqueness.check(wanted, book.prints, entries) for entries in (stale, *each)]
    return checked, frozenset(f.by for p in past for f in p.findings if f.verdict is not Verdict.CLEAR)


def _outsider(ask: Ask, book: Book, terms: Terms, product: Product) -> Failed | None:
    """Why the asker is told nothing: no application to it, or by somebody who is no party of that cargo."""
    applied = _application(book, ask, terms)
    if applied is None:
        return Failed(
            "APPLICATION_SIGNED", "The applicant's signed application to this bank, for this product."
        )
    if not applied[0].roles & product.applicants:
        return Failed("APPLICANT_OF_PRODUCT", "An applicant whose role the product is for.")
    if not book.cargo or any(terms.applicant not in cargo.engaged for cargo in book.cargo):
        return Failed("APPLICANT_ENGAGED", "A consignment whose founding or links name the applicant.")
    if not _of_cargo(ask.papers, book):
        return Failed("PAPERS_OF_CARGO", "Papers of the cargo that the application is about.")
    return None


def _application(book: Book, ask: Ask, terms: Terms) -> tuple[Word, finance.Applied] | None:
    for word, applied in said(book.of(ask.financing, terms.application), finance.Applied):
        if (applied.product, applied.interest, word.publisher) == (
            terms.product,
            terms.interest,
            terms.applicant,
        ):
            return word, applied
    return None


def _of_cargo(papers: Papers, book: Book) -> bool:
    things = frozenset[Thing]().union(*(cargo.things for cargo in book.cargo))
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


def _unstated(papers: Papers, book: Book, words: Sequence[Word]) -> str | None:
    """The first invoice that no party of the consignment states as it is presented."""
    engaged = frozenset[str]().union(*(cargo.engaged for cargo in book.cargo))
    stated = {
        (normalise_1(invoice.document_id), Money.of(invoice.grand_total_amount), _party(invoice.seller_party))
        for word, invoice in said(words, InvoiceIssued)
        if word.publisher in engaged
    }
    for invoice in papers.invoices:
        seller = (invoice.seller.scheme, normalise_1(invoice.seller.id))
        if (normalise_1(invoice.number), invoice.amount, seller) not in stated:
            return invoice.number
    return None


def _party(party: TradeParty) -> tuple[str, str]:
    return party.scheme, normalise_1(party.id)


def _unfit(
    ask: Ask, book: Book, terms: Terms, product: Product, present: Hold | None, at: Micros
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
    words = book.of(ask.financing, terms.application)
    unstated = _unstated(ask.papers, book, words) if product.value is Value.TRADE else None
    if unstated is not None:
        yield Failed(
            "INVOICE_STATED",
            f"Invoice {unstated} with this seller and amount, published by a party of the consignment."[:200],
        )
    if any(isinstance(w.payload, finance.ApplicationWithdrawn | finance.Rejected) for w in words):
        yield Failed("APPLICATION_STANDS", "A new application: this one was withdrawn or rejected.")
    found = external_registries.standing(book.required, book.external, at)
    for registry in (name for name, finding in found.items() if finding is external_registries.Finding.HIT):
        yield Failed("EXTERNAL_CLEAR", f"A clear answer of {registry}, which knows another financing of it.")


def _looked_at(ask: Ask, book: Book, checked: Checked) -> Checked:
    """Without what the bank has looked at since an earlier review of the same request."""
    reviewed = any(
        ruling.number == ask.reviewed
        and ruling.action is Action.RESERVE
        and ruling.outcome is Outcome.REVIEW
        and ruling.financing == ask.financing
        for ruling in book.rulings
    )
    if not reviewed:
        return checked
    return replace(checked, findings=tuple(f for f in checked.findings if f.guard not in REVIEWABLE))


def _against(ask: Ask, at: Micros, checked: Checked) -> Ruling:
    gravest = checked.gravest
    assert gravest is not None
    refused = _refused(ask, at, Failed(gravest.guard, _SATISFIED_BY[gravest.guard]))
    return refused if checked.verdict is Verdict.TAKEN else refused._replace(outcome=Outcome.REVIEW)


def _refused(ask: Ask, at: Micros, failed: Failed) -> Ruling:
    return ask.refused(at, *failed, terms=ask.terms)
