"""The signals observed consignment by consignment: all but S8.

S1 and S11 are about documents, S2 and S3 (``declaration_signals``) about declarations, S4, S5 and S12 about findings of authorities, S6, S7, S9 and S10 about
bookings, freight, claims and regularity. Being inspected is never held against a shipper.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from schemas.events.base import Classifier
from services.credit.domain.cargo import Cargo, CargoFact, cargo
from services.credit.domain.declaration_signals import declaration_accuracy, filing_consistency, within
from services.credit.domain.observations import Observation, observed
from services.credit.domain.signals import WHOLE, Model, Signal, SignalTable
from services.credit.domain.statements import DAY, CreditFacts, Detail
from services.domain.facts import Facts, Micros
from services.domain.objects import Thing
from services.domain.rules import rules
from services.domain.view import ClaimStatus


def cut_off(cargo: Cargo, of: str, thing: Thing) -> CargoFact | None:
    """The one deadline ``of`` that was set for ``thing``; None where none was set, or where it was moved."""
    stated = [
        h
        for h in cargo.of("credit.cut_off_set")
        if h.code == of and h.claim.thing == thing and h.detail.disinterested
    ]
    return stated[0] if len({h.detail.moment for h in stated}) == 1 else None


def documents_on_time(cargo: Cargo, _table: SignalTable) -> Iterator[Observation]:
    """S1, one trial for each booking: all documents complete at the cut-off. Without a statement of completion there is no trial."""
    complete: dict[Thing, CargoFact] = {}
    for fact in cargo.of("credit.documents_completed"):  # by time: the first completion is the one
        if fact.own and fact.detail.disinterested:
            complete.setdefault(fact.claim.thing, fact)
    for thing, done in complete.items():
        limit = cut_off(cargo, "DOCUMENTS", thing)
        if limit is None or limit.detail.moment is None or cargo.excused(done.claim.event):
            continue
        late = done.at > limit.detail.moment
        yield observed(
            cargo, Signal.DOCUMENTS_ON_TIME, str(thing), done.at, (limit, done), WHOLE if late else 0
        )


def corroboration(cargo: Cargo, _table: SignalTable) -> Iterator[Observation]:
    """S11, one trial for each kind of fact that the shipper and a second party state: the times agree within the type's tolerance.

    A fact that no other party states gives no trial: the other party may be offline.
    """
    by_question: dict[tuple[int, Thing], list[CargoFact]] = defaultdict(list)
    for arrival in cargo.group.arrivals:
        claim = arrival.claim
        if arrival.status is ClaimStatus.COUNTED and claim.classifier is Classifier.ACT:
            by_question[claim.milestone, claim.thing].append(
                CargoFact(claim, Detail(claim.event, False), own=True)
            )
    kinds: dict[int, list[tuple[CargoFact, list[CargoFact]]]] = defaultdict(list)
    for (milestone, _), facts in by_question.items():
        tolerance = rules()[milestone].tolerance
        others = [h for h in facts if h.claim.publisher != cargo.shipper]
        if tolerance is None or not others:
            continue
        for mine in (h for h in facts if h.claim.publisher == cargo.shipper):
            apart = [h for h in others if abs(h.at - mine.at) > tolerance]
            kinds[milestone].append((mine, apart if len(apart) == len(others) else []))
    for milestone, stated in kinds.items():
        contradicted = [(mine, apart) for mine, apart in stated if apart]
        shown = contradicted or stated
        rests_on = [h for mine, apart in shown for h in (mine, *apart)]
        at = max(h.at for h in rests_on)
        bad = WHOLE if contradicted else 0
        yield observed(cargo, Signal.CORROBORATION, str(milestone), at, rests_on, bad)


INSPECTED = ("customs.inspection_passed", "customs.inspection_finding")


def inspection_findings(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S4, one trial for each inspection that ended (jurisdiction and occurrence): with a finding that was not withdrawn, or without.

    However many boxes one inspection covered, it is one trial, so that a large cargo is no likelier to be found at fault.
    """
    ended: dict[tuple[str, str], list[CargoFact]] = defaultdict(list)
    findings: dict[tuple[str, str], list[CargoFact]] = defaultdict(list)
    for name in INSPECTED:
        for fact in cargo.of(name, table.assurance):
            if not fact.own:
                continue
            inspection = fact.claim.jurisdiction, fact.claim.occurrence
            ended[inspection].append(fact)
            if name == INSPECTED[1] and _stands(cargo, fact, table):
                findings[inspection].append(fact)
    for (jurisdiction, occurrence), stated in ended.items():
        against = sorted(findings[jurisdiction, occurrence], key=lambda h: (h.at, h.claim.event))
        unit = f"{jurisdiction} {occurrence}".strip()
        if against:
            yield observed(cargo, Signal.INSPECTION_FINDINGS, unit, against[0].at, against, WHOLE)
        else:
            at = max(h.at for h in stated)
            yield observed(cargo, Signal.INSPECTION_FINDINGS, unit, at, stated)


def _stands(cargo: Cargo, finding: CargoFact, table: SignalTable) -> bool:
    withdrawn = (
        h
        for h in cargo.of("customs.finding_settled", table.assurance)
        if h.code == "WITHDRAWN"
        and h.claim.thing == finding.claim.thing
        and h.claim.jurisdiction == finding.claim.jurisdiction
        and h.claim.occurrence == finding.claim.occurrence
        and h.at >= finding.at
    )
    return not cargo.excused(finding.claim.event) and next(withdrawn, None) is None


def cargo_truthfulness(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S5: the mass that was verified before loading against the scale of the terminal (one trial a cargo), and dangerous goods
    that were not declared (a trial each time).
    """
    verified: dict[Thing, CargoFact] = {}
    for fact in cargo.of("movement.stuffed"):
        if fact.own and fact.detail.kilograms is not None:
            verified[fact.claim.thing] = fact
    scales: dict[Thing, list[CargoFact]] = defaultdict(list)
    for fact in cargo.of("movement.gated_in", table.assurance):
        weighed = fact.own and fact.detail.kilograms is not None
        if weighed and fact.claim.thing in verified and not cargo.excused(fact.claim.event):
            scales[fact.claim.thing].append(fact)
    pairs = [(verified[box], weighings) for box, weighings in scales.items()]
    off = [
        (declared, weighings)
        for declared, weighings in pairs
        if not any(_agrees(declared, h, table) for h in weighings)
    ]
    if pairs:
        rests_on = [h for declared, weighings in off or pairs for h in (declared, *weighings)]
        at = max(h.at for h in rests_on)
        yield observed(cargo, Signal.CARGO_TRUTHFULNESS, "mass", at, rests_on, WHOLE if off else 0)
    for fact in cargo.of("movement.dangerous_goods_rejected", table.assurance):
        if fact.own and fact.code in table.held_against and not cargo.excused(fact.claim.event):
            unit = f"dangerous goods {fact.claim.event.hex()}"
            yield observed(cargo, Signal.CARGO_TRUTHFULNESS, unit, fact.at, (fact,), WHOLE)


def _agrees(declared: CargoFact, scale: CargoFact, table: SignalTable) -> bool:
    one, other = declared.detail.kilograms, scale.detail.kilograms
    return one is not None and other is not None and within(one, other, table)


def detention(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S12, one trial for each cargo that was delivered or seized: seized after a detention that lay with the shipper.

    Detentions as dual use or under sanctions are policy, those of a neighbour are another's, and those that ended otherwise
    were not upheld.
    """
    upheld: list[CargoFact] = []
    for held in cargo.of("customs.detained", table.assurance):
        if not held.own or held.code not in table.held_against or cargo.excused(held.claim.event):
            continue
        upheld += (
            h
            for ended in cargo.of("customs.detention_lifted", table.assurance)
            if ended.code == "SEIZED"
            and ended.claim.thing == held.claim.thing
            and ended.claim.jurisdiction == held.claim.jurisdiction
            and ended.at >= held.at
            for h in (held, ended)
        )
    delivered = cargo.of("movement.delivered")
    if upheld:
        at = max(h.at for h in upheld)
        yield observed(cargo, Signal.DETENTION, "", at, upheld, WHOLE)
    elif delivered:
        yield observed(cargo, Signal.DETENTION, "", delivered[0].at, delivered[:1])


BROUGHT = ("movement.gated_in", "movement.loaded_on_wagon", "movement.departed")


def late_cancellation(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S6, one trial for each confirmed booking: fulfilled, returned in time, or cancelled too late or without cargo.

    A train cancelled by its operator, or a restriction on the planned route, excuses.
    """
    confirmed: dict[Thing, CargoFact] = {}
    for fact in cargo.of("movement.booking_confirmed"):
        confirmed.setdefault(fact.claim.thing, fact)
    brought = min((h for name in BROUGHT for h in cargo.of(name)), key=_first, default=None)
    for thing, booking in confirmed.items():
        limit = cut_off(cargo, "CANCELLATION", thing)
        given_back = [
            h
            for h in cargo.of("movement.booking_cancelled")
            if h.claim.thing == thing and h.own and h.code in table.held_against and not _excused(cargo, h)
        ]
        late = [h for h in given_back if h.code == "NO_CARGO" or _after(h, limit)]
        known = () if limit is None else (limit,)
        if late:
            rests_on = (booking, *known, late[0])
            yield observed(cargo, Signal.LATE_CANCELLATION, str(thing), late[0].at, rests_on, WHOLE)
        elif brought is not None:
            yield observed(cargo, Signal.LATE_CANCELLATION, str(thing), brought.at, (booking, brought))
        elif given_back and limit is not None:
            rests_on = (booking, limit, given_back[0])
            yield observed(cargo, Signal.LATE_CANCELLATION, str(thing), given_back[0].at, rests_on)


def _first(fact: CargoFact) -> tuple[Micros, bytes]:
    return fact.at, fact.claim.event


def _after(cancelled: CargoFact, limit: CargoFact | None) -> bool:
    return limit is not None and limit.detail.moment is not None and cancelled.at > limit.detail.moment


def _excused(cargo: Cargo, cancelled: CargoFact) -> bool:
    return (
        cargo.excused(cancelled.claim.event)
        or any(h.at <= cancelled.at for h in cargo.of("movement.train_cancelled"))
        or cargo.restricted(cancelled.at)
    )


def freight_payment(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S7, one trial for each invoice to the shipper that its issuer reports as paid or overdue."""
    invoices: dict[tuple[str, str], CargoFact] = {}
    for fact in sorted(cargo.of("credit.freight_invoiced"), key=lambda h: (h.claim.published, h.claim.event)):
        invoices[fact.claim.publisher, fact.detail.reference] = fact
    settled: dict[tuple[str, str], dict[str, list[CargoFact]]] = defaultdict(lambda: defaultdict(list))
    for name in ("paid", "fell_overdue", "disputed"):
        for fact in cargo.of(f"credit.freight_{name}"):
            settled[fact.claim.publisher, fact.detail.reference][name].append(fact)
    for (creditor, reference), invoice in invoices.items():
        due = invoice.detail.moment
        if invoice.detail.party != cargo.shipper or due is None:
            continue
        stated = settled[creditor, reference]
        objections = [*stated["disputed"], *settled[cargo.shipper, reference]["disputed"]]
        if any(h.at <= due for h in objections):
            continue
        paid, unpaid = stated["paid"][:1], [h for h in stated["fell_overdue"] if h.at > due]
        if not paid and not unpaid:
            continue
        rests_on = [*paid, *unpaid]
        last = max(h.at for h in rests_on)
        bad = table.severity(max(0, -(-(last - due) // DAY)))
        yield observed(
            cargo, Signal.FREIGHT_PAYMENT, f"{creditor} {reference}", last, (invoice, *rests_on), bad
        )


def claims(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S9, one trial for each delivered cargo, or one with a claim upheld against the shipper by a disinterested party."""
    decisions: dict[tuple[str, str], CargoFact] = {}
    for fact in sorted(cargo.of("credit.claim_decided"), key=lambda h: (h.claim.published, h.claim.event)):
        if fact.detail.disinterested and fact.detail.party == cargo.shipper:
            decisions[fact.claim.publisher, fact.detail.reference] = fact
    upheld = sorted(
        (h for h in decisions.values() if h.code in table.held_against and not cargo.excused(h.claim.event)),
        key=_first,
    )
    delivered = cargo.of("movement.delivered")
    if upheld:
        yield observed(cargo, Signal.CLAIMS, "", upheld[0].at, upheld, WHOLE)
    elif delivered:
        yield observed(cargo, Signal.CLAIMS, "", delivered[0].at, delivered[:1])


def departures(cargo: Cargo, _table: SignalTable) -> Iterator[Observation]:
    """S10, one for each cargo that left: when. Consignments are counted, not boxes, and only their spread is read."""
    departed = cargo.of("movement.departed")
    if departed:
        yield observed(cargo, Signal.STABILITY, "", departed[0].at, departed[:1])


SignalRule = Callable[[Cargo, SignalTable], Iterator[Observation]]

SIGNAL_RULES: Mapping[Signal, SignalRule] = MappingProxyType(
    {
        Signal.DOCUMENTS_ON_TIME: documents_on_time,
        Signal.DECLARATION_ACCURACY: declaration_accuracy,
        Signal.FILING_CONSISTENCY: filing_consistency,
        Signal.INSPECTION_FINDINGS: inspection_findings,
        Signal.CARGO_TRUTHFULNESS: cargo_truthfulness,
        Signal.LATE_CANCELLATION: late_cancellation,
        Signal.FREIGHT_PAYMENT: freight_payment,
        Signal.CLAIMS: claims,
        Signal.STABILITY: departures,
        Signal.CORROBORATION: corroboration,
        Signal.DETENTION: detention,
    }
)
"""What is judged cargo by cargo; financings (S8) are judged one by one."""


def observe(facts: Facts, credit: CreditFacts, consignment: Thing, model: Model) -> frozenset[Observation]:
    """The observations of the shipper of ``consignment``; empty where no single shipper is known.

    Milliseconds for a whole consignment; the same set of facts gives the same observations in any order.
    """
    judged = cargo(facts, credit, consignment)
    if judged is None:
        return frozenset()
    return frozenset(
        seen for signal, judge in SIGNAL_RULES.items() for seen in judge(judged, model.of(signal))
    )
