"""S1, S2, S3 and S11: papers in time, declarations that were right, filings that agree, statements that others confirm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from schemas.events.base import Classifier
from services.credit.domain.cargo import Cargo, Heard
from services.credit.domain.observations import Observation, observed
from services.credit.domain.signals import PPM, WHOLE, Signal, SignalTable
from services.credit.domain.statements import Detail
from services.domain.facts import Micros
from services.domain.objects import Thing
from services.domain.rules import rules
from services.domain.view import Standing


def cut_off(cargo: Cargo, of: str, thing: Thing) -> Heard | None:
    """The one deadline ``of`` that was set for ``thing``; None where none was, or where it was moved."""
    told = [
        h
        for h in cargo.of("credit.cut_off_set")
        if h.word == of and h.claim.thing == thing and h.detail.disinterested
    ]
    return told[0] if len({h.detail.moment for h in told}) == 1 else None


def documents_on_time(cargo: Cargo, _table: SignalTable) -> Iterator[Observation]:
    """S1, one trial for each booking: all papers there at the cut-off. Without word of completion nothing is said."""
    complete: dict[Thing, Heard] = {}
    for heard in cargo.of("credit.documents_completed"):  # by time: the first completion is the one
        if heard.own and heard.detail.disinterested:
            complete.setdefault(heard.claim.thing, heard)
    for thing, done in complete.items():
        limit = cut_off(cargo, "DOCUMENTS", thing)
        if limit is None or limit.detail.moment is None or cargo.excused(done.claim.event):
            continue
        late = done.at > limit.detail.moment
        yield observed(
            cargo, Signal.DOCUMENTS_ON_TIME, str(thing), done.at, (limit, done), WHOLE if late else 0
        )


def declaration_accuracy(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S2, one trial for each export declaration: neither rejected nor amended for a reason that lies with the shipper."""
    lodged: dict[tuple[str, Thing], Heard] = {}
    for heard in cargo.of("customs.export_lodged"):
        if heard.own:
            lodged.setdefault((heard.claim.jurisdiction, heard.claim.thing), heard)
    wrong: dict[tuple[str, Thing], list[Heard]] = defaultdict(list)
    for heard in cargo.of("customs.rejected", table.assurance):
        if heard.own and heard.word in table.held_against and not cargo.excused(heard.claim.event):
            wrong[heard.claim.jurisdiction, heard.claim.thing].append(heard)
    for heard in cargo.of("customs.amended", table.assurance):
        if heard.own and cargo.blamed(heard.claim.event):
            wrong[heard.claim.jurisdiction, heard.claim.thing].append(heard)
    for (jurisdiction, thing), first in lodged.items():
        against = wrong.get((jurisdiction, thing), [])
        at = against[0].at if against else first.at
        unit = f"{jurisdiction} {thing}"
        yield observed(
            cargo, Signal.DECLARATION_ACCURACY, unit, at, (first, *against), WHOLE if against else 0
        )


def filing_consistency(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S3, one trial for each export and import filing of the cargo: the figures that both give agree."""
    filings: dict[tuple[str, str], Heard] = {}
    for heard in cargo.of("credit.particulars_declared", table.assurance):
        if not heard.own:
            continue
        key = heard.word, heard.claim.jurisdiction
        present = filings.get(key)
        if present is None or _newer(heard) > _newer(present):
            filings[key] = heard
    for (side, origin), export in filings.items():
        for (other, destination), entry in filings.items():
            if (side, other) != ("EXPORT", "IMPORT") or origin == destination:
                continue
            agrees = agree(export.detail, entry.detail, table)
            if agrees is not None:
                at = max(export.at, entry.at)
                bad = 0 if agrees else WHOLE
                unit = f"{origin} {destination}"
                yield observed(cargo, Signal.FILING_CONSISTENCY, unit, at, (export, entry), bad)


def _newer(heard: Heard) -> tuple[int, Micros, bytes]:
    return heard.claim.assurance, heard.claim.published, heard.claim.event


def agree(one: Detail, other: Detail, table: SignalTable) -> bool | None:
    """Whether what both filings give is equal within the tolerance; None where they give nothing in common."""
    checks = []
    if one.commodities and other.commodities:
        checks.append(heading(one) == heading(other))
    if one.packages is not None and other.packages is not None:
        checks.append(one.packages == other.packages)
    if one.kilograms is not None and other.kilograms is not None:
        checks.append(within(one.kilograms, other.kilograms, table))
    if one.value is not None and other.value is not None and one.value[0] == other.value[0]:
        checks.append(within(one.value[1], other.value[1], table))
    for here, there in ((one.seller, other.seller), (one.buyer, other.buyer)):
        if here is not None and there is not None and here[0] == there[0]:
            checks.append(here == there)
    return all(checks) if checks else None


def heading(detail: Detail) -> frozenset[str]:
    """The codes as far as they are the same worldwide: six digits."""
    return frozenset(code[:6] for code in detail.commodities)


def within(one: int, other: int, table: SignalTable) -> bool:
    """Whether two amounts differ by no more than the signal tolerates, relative or absolute."""
    return abs(one - other) <= max(table.tolerance_units, max(one, other) * table.tolerance_ppm // PPM)


def corroboration(cargo: Cargo, _table: SignalTable) -> Iterator[Observation]:
    """S11, one trial for each kind of fact that the shipper and a second party state: the times agree, as the type tolerates.

    What nobody else has spoken of says nothing: the other party may be offline.
    """
    told: dict[tuple[int, Thing], list[Heard]] = defaultdict(list)
    for arrival in cargo.gathered.arrivals:
        claim = arrival.claim
        if arrival.standing is Standing.COUNTED and claim.classifier is Classifier.ACT:
            told[claim.milestone, claim.thing].append(Heard(claim, Detail(claim.event, False), own=True))
    kinds: dict[int, list[tuple[Heard, list[Heard]]]] = defaultdict(list)
    for (milestone, _), heard in told.items():
        tolerance = rules()[milestone].tolerance
        others = [h for h in heard if h.claim.publisher != cargo.shipper]
        if tolerance is None or not others:
            continue
        for mine in (h for h in heard if h.claim.publisher == cargo.shipper):
            apart = [h for h in others if abs(h.at - mine.at) > tolerance]
            kinds[milestone].append((mine, apart if len(apart) == len(others) else []))
    for milestone, stated in kinds.items():
        contradicted = [(mine, apart) for mine, apart in stated if apart]
        shown = contradicted or stated
        rests_on = [h for mine, apart in shown for h in (mine, *apart)]
        at = max(h.at for h in rests_on)
        bad = WHOLE if contradicted else 0
        yield observed(cargo, Signal.CORROBORATION, str(milestone), at, rests_on, bad)
