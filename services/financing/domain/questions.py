"""The ten questions of a lender, each answered with its value, its publishers and its events.

What is unknown is answered by None, never left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from schemas.events.base import Episode, ObjectKind
from schemas.events.document_trade import InsuranceBound, InsuranceCancelled, InvoiceIssued
from schemas.identifiers.quality import flags
from schemas.rfc3339 import format_micros
from services.domain.facts import EventId
from services.financing.domain.cargo import Cargo, CorroboratedFact, corroboration
from services.financing.domain.control import ControlState
from services.financing.domain.filings import Filed, agreement, filed
from services.financing.domain.money import Money
from services.financing.domain.requests import LIMITS, Reply
from services.financing.domain.statements import Statement, of_type
from services.financing.domain.status import Status


class QuestionAnswer(NamedTuple):
    """The answer to one question; ``value`` is None where nothing is known."""

    number: int
    question: str
    value: object
    sources: tuple[str, ...]
    events: tuple[EventId, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Enquiry:
    """The input of the answers. ``credit`` are the shipper's signals where its consent allows, else None."""

    status: Status
    cargo: tuple[Cargo, ...]
    statements: tuple[Statement, ...]
    encumbered: Reply
    credit: object = None
    cursor: object = 0


def ten_questions(enquiry: Enquiry) -> tuple[QuestionAnswer, ...]:
    """The ten answers, in their order."""
    facts = tuple(fact for cargo in enquiry.cargo for fact in corroboration(cargo))
    engaged = frozenset[str]().union(*(cargo.engaged for cargo in enquiry.cargo))
    declared = filed(enquiry.statements, engaged)
    in_control = {event for control in enquiry.status.control for event in control.events}
    status = enquiry.status
    papers = [f for f in facts if f.thing.kind is ObjectKind.NOTE and ".document." in f.milestone]
    filings = [f for f in facts if f.jurisdiction]
    places = [f for f in facts if f.place]
    last = places[-1] if places else None
    insured = _insured(enquiry)
    position = status.position

    def answered(
        number: int,
        question: str,
        value: object,
        facts: Iterable[CorroboratedFact] = (),
        more: Iterable[Statement] = (),
    ) -> QuestionAnswer:
        said_by = {(statement.publisher, statement.event) for fact in facts for statement in fact.statements}
        said_by |= {(statement.publisher, statement.event) for statement in more}
        return QuestionAnswer(
            number,
            question,
            value,
            tuple(sorted({publisher for publisher, _ in said_by})),
            tuple(sorted({event for _, event in said_by})),
            position,
        )

    return (
        answered(
            1,
            "Is it encumbered already?",
            {"outcome": enquiry.encumbered.outcome, "match": enquiry.encumbered.match, "limits": LIMITS},
        ),
        answered(2, "Does the document exist, by whom?", _attested(papers) or None, papers),
        answered(
            3,
            "Do the filings exist and agree?",
            _filings(enquiry, filings, declared) or None,
            filings,
            [each.statement for each in declared],
        ),
        answered(4, "Where is the cargo now?", _where(enquiry, last), () if last is None else (last,)),
        answered(
            5,
            "Who can take delivery, and is the release blocked?",
            _delivery(status),
            more=[statement for statement in enquiry.statements if statement.event in in_control],
        ),
        answered(6, "Are the identifiers valid?", _identifiers(enquiry)),
        answered(7, "What are the shipper's signals?", enquiry.credit),
        QuestionAnswer(8, "What is insured?", insured[0], insured[1], insured[2], position),
        QuestionAnswer(
            9,
            "What is the whole history?",
            status.history,
            tuple(sorted({step.by for step in status.history if step.by})),
            tuple(step.event for step in status.history if step.event is not None),
            position,
        ),
        answered(10, "From where on do changes follow?", enquiry.cursor),
    )


def _attested(facts: Iterable[CorroboratedFact]) -> list[dict[str, object]]:
    return [
        {
            "of": str(fact.thing),
            "milestone": fact.milestone,
            "assurance": fact.assurance.name,
            "said_by": fact.publisher_count,
            "disputed": fact.disputed,
        }
        for fact in facts
    ]


def _filings(
    enquiry: Enquiry, filings: list[CorroboratedFact], declared: Iterable[Filed]
) -> dict[str, object]:
    if not filings:
        return {}
    codes = {
        code[:6]
        for _, invoice in of_type(enquiry.statements, InvoiceIssued)
        for code in invoice.commodities
        if len(code) >= 6
    }
    return {
        "by_jurisdiction": {
            name: _attested([fact for fact in filings if fact.jurisdiction == name])
            for name in sorted({fact.jurisdiction for fact in filings})
        },
        "declared": [
            {
                "filing": each.particulars.filing,
                "jurisdiction": each.particulars.jurisdiction,
                "said_by": each.statement.publisher,
                "hs6": sorted(each.hs6),
                "packages": each.particulars.package_quantity,
                "gross_weight_kg": each.particulars.gross_weight_kg,
                "value": each.value,
            }
            for each in declared
        ],
        "agree": agreement(declared),
        "hs6_of_invoices": sorted(codes) or None,
        "value": enquiry.status.value.value,
    }


def _where(enquiry: Enquiry, last: CorroboratedFact | None) -> dict[str, object] | None:
    if last is None:
        return None
    return {
        "place": last.place,
        "last": _attested([last])[0],
        "at": format_micros(last.statements[-1].happened),
        "expected": [
            {
                "at": format_micros(expected.happened),
                "said_by": expected.publisher,
                "assurance": expected.assurance.name,
            }
            for cargo in enquiry.cargo
            if (expected := cargo.expected) is not None
        ],
        "exceptions": sorted(
            {Episode(opened.episode).name for cargo in enquiry.cargo for opened in cargo.exceptions}
        ),
        "silent": any(cargo.silent for cargo in enquiry.cargo),
    }


def _delivery(status: Status) -> dict[str, object]:
    held = [control for control in status.control if control.state is ControlState.HELD]
    others = [control for control in status.control if control.state is not ControlState.HELD]
    return {
        "release_blocked": status.blocks_release,
        "in_control": sorted({control.holder for control in held}),
        "consignee_may_dispose": any(control.consignee_may_dispose for control in status.control) or None,
        "not_in_control": [(control.note, control.state.value) for control in others],
    }


def _identifiers(enquiry: Enquiry) -> dict[str, object]:
    things = sorted({thing for cargo in enquiry.cargo for thing in cargo.things})
    doubts = {str(thing): found for thing in things if (found := flags(thing.kind.wire, thing.key))}
    return {"doubts": doubts, "sanctions": "NOT_CHECKED"}


def _insured(enquiry: Enquiry) -> tuple[object, tuple[str, ...], tuple[EventId, ...]]:
    ended = {cancelled.document_id for _, cancelled in of_type(enquiry.statements, InsuranceCancelled)}
    bound = [
        (statement, cover)
        for statement, cover in of_type(enquiry.statements, InsuranceBound)
        if cover.document_id not in ended
    ]
    if not bound:
        return None, (), ()
    value = [
        {
            "policy": cover.document_id,
            "cover": cover.cover,
            "insured": Money.of(cover.insured_amount),
            "valid_to": cover.valid_to,
        }
        for _, cover in bound
    ]
    return value, tuple(sorted({w.publisher for w, _ in bound})), tuple(w.event for w, _ in bound)
