"""S4, S5 and S12: what authorities found in the shipper's own cargo. Being looked at is never held against anybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from services.credit.domain.cargo import Cargo, Heard
from services.credit.domain.document_signals import within
from services.credit.domain.observations import Observation, observed
from services.credit.domain.signals import WHOLE, Signal, SignalTable
from services.domain.objects import Thing

INSPECTED = ("customs.inspection_passed", "customs.inspection_finding")


def inspection_findings(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S4, one trial for each inspection that ended (jurisdiction and occurrence): a finding stands, or none does.

    However many boxes one inspection concerned, it is one, so that a large cargo is no likelier to be found at fault.
    """
    ended: dict[tuple[str, str], list[Heard]] = defaultdict(list)
    findings: dict[tuple[str, str], list[Heard]] = defaultdict(list)
    for name in INSPECTED:
        for heard in cargo.of(name, table.assurance):
            if not heard.own:
                continue
            inspection = heard.claim.jurisdiction, heard.claim.occurrence
            ended[inspection].append(heard)
            if name == INSPECTED[1] and _stands(cargo, heard, table):
                findings[inspection].append(heard)
    for (jurisdiction, occurrence), told in ended.items():
        against = sorted(findings[jurisdiction, occurrence], key=lambda h: (h.at, h.claim.event))
        unit = f"{jurisdiction} {occurrence}".strip()
        if against:
            yield observed(cargo, Signal.INSPECTION_FINDINGS, unit, against[0].at, against, WHOLE)
        else:
            at = max(h.at for h in told)
            yield observed(cargo, Signal.INSPECTION_FINDINGS, unit, at, told)


def _stands(cargo: Cargo, finding: Heard, table: SignalTable) -> bool:
    withdrawn = (
        h
        for h in cargo.of("customs.finding_settled", table.assurance)
        if h.word == "WITHDRAWN"
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
    verified: dict[Thing, Heard] = {}
    for heard in cargo.of("movement.stuffed"):
        if heard.own and heard.detail.kilograms is not None:
            verified[heard.claim.thing] = heard
    scales: dict[Thing, list[Heard]] = defaultdict(list)
    for heard in cargo.of("movement.gated_in", table.assurance):
        weighed = heard.own and heard.detail.kilograms is not None
        if weighed and heard.claim.thing in verified and not cargo.excused(heard.claim.event):
            scales[heard.claim.thing].append(heard)
    pairs = [(verified[box], heard) for box, heard in scales.items()]
    off = [(said, heard) for said, heard in pairs if not any(_agrees(said, h, table) for h in heard)]
    if pairs:
        rests_on = [h for said, heard in off or pairs for h in (said, *heard)]
        at = max(h.at for h in rests_on)
        yield observed(cargo, Signal.CARGO_TRUTHFULNESS, "mass", at, rests_on, WHOLE if off else 0)
    for heard in cargo.of("movement.dangerous_goods_rejected", table.assurance):
        if heard.own and heard.word in table.held_against and not cargo.excused(heard.claim.event):
            unit = f"dangerous goods {heard.claim.event.hex()}"
            yield observed(cargo, Signal.CARGO_TRUTHFULNESS, unit, heard.at, (heard,), WHOLE)


def _agrees(said: Heard, scale: Heard, table: SignalTable) -> bool:
    one, other = said.detail.kilograms, scale.detail.kilograms
    return one is not None and other is not None and within(one, other, table)


def detention(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S12, one trial for each cargo that was delivered or seized: seized after a detention that lay with the shipper.

    Detentions as dual use or under sanctions are policy, those of a neighbour are another's, and those that ended otherwise
    were not upheld.
    """
    upheld: list[Heard] = []
    for held in cargo.of("customs.detained", table.assurance):
        if not held.own or held.word not in table.held_against or cargo.excused(held.claim.event):
            continue
        upheld += (
            h
            for ended in cargo.of("customs.detention_lifted", table.assurance)
            if ended.word == "SEIZED"
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
