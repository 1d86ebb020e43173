"""S6, S7, S9 and S10: bookings kept, freight paid, claims lost, and how regularly the shipper ships."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from services.credit.domain.cargo import Cargo, Heard
from services.credit.domain.document_signals import cut_off
from services.credit.domain.observations import Observation, observed
from services.credit.domain.signals import WHOLE, Signal, SignalTable
from services.credit.domain.statements import DAY
from services.domain.facts import Micros
from services.domain.objects import Thing

BROUGHT = ("movement.gated_in", "movement.loaded_on_wagon", "movement.departed")


def late_cancellation(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S6, one trial for each confirmed booking: kept, given back in time, or cancelled too late or without cargo.

    A train that its operator cancelled, or a restriction on the planned route, excuses.
    """
    confirmed: dict[Thing, Heard] = {}
    for heard in cargo.of("movement.booking_confirmed"):
        confirmed.setdefault(heard.claim.thing, heard)
    brought = min((h for name in BROUGHT for h in cargo.of(name)), key=_first, default=None)
    for thing, booking in confirmed.items():
        limit = cut_off(cargo, "CANCELLATION", thing)
        given_back = [
            h
            for h in cargo.of("movement.booking_cancelled")
            if h.claim.thing == thing and h.own and h.word in table.held_against and not _excused(cargo, h)
        ]
        late = [h for h in given_back if h.word == "NO_CARGO" or _after(h, limit)]
        known = () if limit is None else (limit,)
        if late:
            rests_on = (booking, *known, late[0])
            yield observed(cargo, Signal.LATE_CANCELLATION, str(thing), late[0].at, rests_on, WHOLE)
        elif brought is not None:
            yield observed(cargo, Signal.LATE_CANCELLATION, str(thing), brought.at, (booking, brought))
        elif given_back and limit is not None:
            rests_on = (booking, limit, given_back[0])
            yield observed(cargo, Signal.LATE_CANCELLATION, str(thing), given_back[0].at, rests_on)


def _first(heard: Heard) -> tuple[Micros, bytes]:
    return heard.at, heard.claim.event


def _after(cancelled: Heard, limit: Heard | None) -> bool:
    return limit is not None and limit.detail.moment is not None and cancelled.at > limit.detail.moment


def _excused(cargo: Cargo, cancelled: Heard) -> bool:
    return (
        cargo.excused(cancelled.claim.event)
        or any(h.at <= cancelled.at for h in cargo.of("movement.train_cancelled"))
        or cargo.restricted(cancelled.at)
    )


def freight_payment(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S7, one trial for each invoice to the shipper of which its issuer says that it was paid, or that it was not in time."""
    invoices: dict[tuple[str, str], Heard] = {}
    for heard in sorted(
        cargo.of("credit.freight_invoiced"), key=lambda h: (h.claim.published, h.claim.event)
    ):
        invoices[heard.claim.publisher, heard.detail.reference] = heard
    settled: dict[tuple[str, str], dict[str, list[Heard]]] = defaultdict(lambda: defaultdict(list))
    for name in ("paid", "fell_overdue", "disputed"):
        for heard in cargo.of(f"credit.freight_{name}"):
            settled[heard.claim.publisher, heard.detail.reference][name].append(heard)
    for (creditor, reference), invoice in invoices.items():
        due = invoice.detail.moment
        if invoice.detail.party != cargo.shipper or due is None:
            continue
        told = settled[creditor, reference]
        objections = [*told["disputed"], *settled[cargo.shipper, reference]["disputed"]]
        if any(h.at <= due for h in objections):
            continue
        paid, unpaid = told["paid"][:1], [h for h in told["fell_overdue"] if h.at > due]
        if not paid and not unpaid:
            continue
        rests_on = [*paid, *unpaid]
        last = max(h.at for h in rests_on)
        bad = table.severity(max(0, -(-(last - due) // DAY)))
        yield observed(
            cargo, Signal.FREIGHT_PAYMENT, f"{creditor} {reference}", last, (invoice, *rests_on), bad
        )


def claims(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S9, one trial for each delivered cargo, or one with a claim upheld against the shipper by somebody without a part in it."""
    decisions: dict[tuple[str, str], Heard] = {}
    for heard in sorted(cargo.of("credit.claim_decided"), key=lambda h: (h.claim.published, h.claim.event)):
        if heard.detail.disinterested and heard.detail.party == cargo.shipper:
            decisions[heard.claim.publisher, heard.detail.reference] = heard
    upheld = sorted(
        (h for h in decisions.values() if h.word in table.held_against and not cargo.excused(h.claim.event)),
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
