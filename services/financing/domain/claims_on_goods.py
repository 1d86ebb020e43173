"""Claims of several banks for the price of the same goods: people look unless all together are within what the goods are worth.

One consignment may rightly be invoiced in parts, and each part be financed elsewhere. What two invoices are for cannot be read from
them: whoever invoices the same goods twice changes number, buyer, currency and amount. So the residual value decides: the values that the
applicants signed in their applications, added up, against what somebody else declared of the goods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from schemas.events.finance import Applied
from services.domain.facts import FOREVER, Micros
from services.domain.objects import Thing
from services.financing.domain import lifecycle
from services.financing.domain.filings import declared_value
from services.financing.domain.fingerprints import Kind
from services.financing.domain.followed_goods import follow
from services.financing.domain.lifecycle import Hold
from services.financing.domain.money import Money
from services.financing.domain.pledged_goods import Pledge
from services.financing.domain.products import Interest, Value
from services.financing.domain.requests import DecisionContext
from services.financing.domain.resemblance import Feature, scoring
from services.financing.domain.statements import of_type
from services.financing.domain.uniqueness import Checked, Encumbrance, Finding, Match, Verdict


def beside_claims(
    checked: Checked,
    wanted: Encumbrance,
    application: str,
    competing: Mapping[str, Encumbrance],
    context: DecisionContext,
    at: Micros,
) -> Checked:
    """``checked``, and a finding for each claim of another bank on the same goods that the documents do not show.

    ``competing`` are the financings nearby that hold the same interest in the same value at ``at``. Claims for freight are not
    judged: several may carry one consignment.
    """
    if wanted.group != Interest.RECEIVABLE.group or wanted.value is not Value.TRADE or not competing:
        return checked
    holds = lifecycle.holds(context.decisions)
    on_goods = {
        near.financing
        for near in context.near
        if near.financing in competing and _same_goods(context, holds[near.financing], near.consignments, at)
    }
    shown = {f.by for f in checked.findings if f.verdict is not Verdict.CLEAR} | checked.takes_over
    others = {name for name in on_goods - shown if competing[name].bank != wanted.bank}
    if not others:
        return checked
    claims = [
        (wanted.financing, application),
        *((name, holds[name].terms.application) for name in sorted(on_goods)),
    ]
    finding = judged(
        [_value(context, *claim) for claim in claims], lambda currency: _worth(context, claims, currency)
    )
    return replace(
        checked, findings=(*checked.findings, *(replace(finding, by=name) for name in sorted(others)))
    )


def judged(values: Sequence[Money | None], worth: Callable[[str], Money | None]) -> Finding:
    """The finding on claims of these ``values`` together (None: not stated); ``worth`` is what the goods are declared to be worth in a currency.

    A notice where all are within that; else, and where nothing can be added up, it is for people to look at.
    """
    known = [value for value in values if value is not None]
    fits = False
    if len(known) == len(values) and len({value.currency for value in known}) == 1:
        declared = worth(known[0].currency)
        fits = declared is not None and sum(value.minor for value in known) <= declared.minor
    features = {Feature.GOODS_SAME} if fits else {Feature.GOODS_SAME, Feature.VALUE_NOT_COVERED}
    found = scoring().of(Kind.NEAR_TRADE, features)
    if found.points < scoring().review_from:
        return Finding(Verdict.CLEAR, Match.SIMILAR, "SIMILAR", Kind.NEAR_TRADE, "")
    return Finding(Verdict.REVIEW, Match.NEAR, "NOT_ALIKE", Kind.NEAR_TRADE, "", resemblance=found)


def _value(context: DecisionContext, financing: str, application: str) -> Money | None:
    """The value that the applicant states in the application."""
    applied = of_type(context.of(financing, application), Applied)
    return Money.of(applied[-1][1].value_amount) if applied else None


def _worth(context: DecisionContext, claims: Sequence[tuple[str, str]], currency: str) -> Money | None:
    """What parties of the consignments other than the applicants declared of the goods."""
    engaged = frozenset[str]().union(*(cargo.engaged for cargo in context.cargo))
    applicants = {application.partition("/")[0] for _, application in claims}
    return declared_value(context.of(*claims[0]), engaged - applicants, currency)


def _same_goods(context: DecisionContext, hold: Hold, consignments: frozenset[Thing], at: Micros) -> bool:
    """Whether the requested consignments are those of ``hold``, or name a box or note of its goods on the same journey."""
    ours = frozenset[str]().union(*(cargo.members for cargo in context.cargo))
    if any(thing.key in ours for thing in consignments):
        return True
    since = hold.reserved_at if hold.pledged_at is None else hold.pledged_at
    goods = follow(context.reports, Pledge(tuple(sorted(consignments)), since, FOREVER, hold.reserved_at), at)
    theirs = frozenset[str]().union(*(cargo.members for cargo in goods.cargo))
    return not ours.isdisjoint(theirs | {other.cargo.consignment for other in goods.elsewhere})
