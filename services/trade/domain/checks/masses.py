"""Checks D17 to D24: masses and packages. Kilograms, exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from services.trade.domain.checks.shipment import (
    Check,
    Shipment,
    absent,
    pair_label,
    summed,
    thousandfold,
    within,
)
from services.trade.domain.finding import Finding, Reason, Verdict
from services.trade.domain.paper import Paper
from services.trade.domain.values import Field, number

Masses = Sequence[Field[Decimal]]


def _gross(papers: Sequence[Paper]) -> list[Field[Decimal]]:
    """The gross masses that add up to that of ``papers``: of each as a whole, else of its lines; empty where any is missing."""
    return _masses(papers, "gross")


def _masses(papers: Sequence[Paper], name: str) -> list[Field[Decimal]]:
    found: list[Field[Decimal]] = []
    for paper in papers:
        whole = getattr(paper, name)
        lines = [each for line in paper.lines if (each := getattr(line, name)) is not None]
        if whole is not None:
            found.append(whole)
        elif lines and len(lines) == len(paper.lines):
            found += lines
        else:
            return []
    return found


def d17_gross_is_more_than_net(shipment: Shipment) -> Iterator[Finding]:
    """Gross mass is at least net mass, net mass is not negative, and the tare is a usual share of the gross."""
    share = shipment.tolerance("D17", "tare share")
    done = False
    for paper in shipment.papers.papers:
        for label, gross, net in [
            ("", paper.gross, paper.net),
            *((line.number, line.gross, line.net) for line in paper.lines),
        ]:
            if gross is None or net is None:
                continue
            done = True
            tare = gross.value - net.value
            fits = net.value >= 0 and tare >= 0 and tare <= share.value * gross.value
            yield Finding(
                "D17",
                Verdict.MATCH if fits else Verdict.CONTRADICTION,
                Reason.AGREES if fits else Reason.BEYOND_BAND,
                label,
                (gross, net),
                f"{number(gross.value)} - {number(net.value)} = {number(tare)}; 0 to {number(share.value * gross.value)}",
                share,
            )
    if not done:
        yield absent("D17", "gross and net mass of one paper")


def d18_packing_list_is_cn(shipment: Shipment) -> Iterator[Finding]:
    """The packing list's lines are its gross mass, and that is the Chinese declaration's, after the rounding of each."""
    whole = shipment.tolerance("D18", "whole")
    for paper in shipment.packing_lists:
        lines = [line.gross for line in paper.lines if line.gross]
        if paper.gross and lines and len(lines) == len(paper.lines):
            stated = paper.gross.value
            yield within(
                "D18", summed(lines), (stated, number(stated)), whole.value, (paper.gross, *lines[:4]),
                tolerance=whole, reason=Reason.SUM_DIFFERS,
            )  # fmt: skip
    ours, theirs = _gross(shipment.packing_lists), _gross(shipment.chinese)
    if not ours or not theirs:
        yield absent("D18", "packing list" if not ours else "CN declaration")
        return
    yield within(
        "D18",
        summed(ours),
        summed(theirs),
        whole.value,
        (*ours[:3], *theirs[:3]),
        tolerance=whole,
        masses=True,
    )


def d19_cn_is_sum_of_eaeu(shipment: Shipment) -> Iterator[Finding]:
    """The Chinese gross mass is the sum of boxes 35; line by line the packing list is only a reason to look."""
    per_item, share = shipment.tolerance("D19", "per item"), shipment.tolerance("D19", "share")
    ours, theirs = _gross(shipment.chinese), _gross(shipment.eaeu)
    if not ours or not theirs:
        yield absent("D19", "CN declaration" if not ours else "EAEU declaration")
    else:
        one, other = summed(ours), summed(theirs)
        allowed = max(per_item.value * len(theirs), share.value * one[0])
        yield within("D19", one, other, allowed, (*ours[:3], *theirs[:4]), tolerance=per_item, masses=True)
    pairs = [
        pair
        for left, right in (
            (shipment.packing_lists, shipment.eaeu),
            (shipment.packing_lists, shipment.transit),
            (shipment.transit, shipment.eaeu),
        )
        for pair in shipment.aligned(left, right).pairs
    ]
    for a, b in pairs:
        left, right = (
            [line.gross for line in a.lines if line.gross],
            [line.gross for line in b.lines if line.gross],
        )
        if len(left) != len(a.lines) or len(right) != len(b.lines):
            continue
        one = summed(left)
        yield within(
            "D19", one, summed(right), max(per_item.value * max(len(left), len(right)), share.value * one[0]),
            (*left[:3], *right[:3]), line=pair_label(a.label, b.label), tolerance=per_item, outside=Verdict.REVIEW, masses=True,
        )  # fmt: skip


_WEIGHED: Final = ("весах", "scale", "weigh", "衡", "磅", "взвешив")


def d20_papers_are_note(shipment: Shipment) -> Iterator[Finding]:
    """The gross mass of the papers is the note's, within the error of the note's method of weighing; boxes weighed with it are one to look at."""
    note = _gross(shipment.first_notes)
    if not note:
        yield absent("D20", "rail note")
        return
    weighed = any(
        any(word in paper.weighing.value.casefold() for word in _WEIGHED)
        for paper in shipment.notes
        if paper.weighing
    )
    share = shipment.tolerance("D20", "weighed" if weighed else "share")
    other = summed(note)
    tare = shipment.tolerance("D20", "tare of a box from"), shipment.tolerance("D20", "tare of a box to")
    boxes = max(len({box.value for paper in shipment.first_notes for box in paper.boxes}), 1)
    for papers in (shipment.packing_lists, shipment.chinese, shipment.eaeu, shipment.transit):
        masses = _gross(papers)
        if masses:
            one = summed(masses)
            boxed = tare[0].value * boxes <= other[0] - one[0] <= tare[1].value * boxes
            boxed = boxed and not thousandfold(one[0], other[0])
            yield within(
                "D20", one, other, max(share.value * other[0], Decimal(1)), (*masses[:3], *note[:3]), tolerance=share,
                outside=Verdict.REVIEW if boxed else Verdict.CONTRADICTION, reason=Reason.BOX_TARE if boxed else Reason.DIFFERS, masses=True,
            )  # fmt: skip
    onward = _gross(tuple(each for each in shipment.last_notes if each not in shipment.first_notes))
    if onward:
        yield within(
            "D20", other, summed(onward), max(share.value * other[0], Decimal(1)), (*note[:3], *onward[:3]), tolerance=share, masses=True
        )  # fmt: skip
    for paper in shipment.notes:
        lines = [line.gross for line in paper.lines if line.gross]
        if paper.gross and lines and len(lines) == len(paper.lines):
            stated = paper.gross.value
            yield within(
                "D20", summed(lines), (stated, number(stated)), Decimal(1), (paper.gross, *lines[:4]),
                reason=Reason.SUM_DIFFERS,
            )  # fmt: skip


def d21_weighed(shipment: Shipment) -> Iterator[Finding]:
    """What the note says that each box holds adds up to the declared gross mass."""
    share, least = shipment.tolerance("D21", "share"), shipment.tolerance("D21", "at least")
    loads = [each for paper in shipment.first_notes for each in paper.box_loads]
    declared = _gross(shipment.packing_lists) or _gross(shipment.chinese) or _gross(shipment.first_notes)
    if not loads or not declared:
        yield absent("D21", "loads of the boxes in the rail note")
        return
    one, other = summed(declared), summed(loads)
    allowed = max(share.value * one[0], least.value)
    yield within(
        "D21", one, other, allowed, (*declared[:3], *loads[:4]), tolerance=share, outside=Verdict.REVIEW
    )


def d22_net(shipment: Shipment) -> Iterator[Finding]:
    """Net masses of lines add up to the whole, kilograms of the statutory quantity are net, and lines agree with lines."""
    share = shipment.tolerance("D22", "share")
    done = False
    for paper in (*shipment.packing_lists, *shipment.chinese, *shipment.eaeu):
        nets = [line.net for line in paper.lines if line.net]
        if paper.net and nets and len(nets) == len(paper.lines):
            done = True
            yield within(
                "D22", summed(nets), (paper.net.value, number(paper.net.value)), share.value * paper.net.value,
                (paper.net, *nets[:4]), tolerance=share, reason=Reason.SUM_DIFFERS,
            )  # fmt: skip
    pairs = [
        (shipment.packing_lists, shipment.chinese),
        (shipment.packing_lists, shipment.eaeu),
        (shipment.chinese, shipment.eaeu),
    ]
    for left, right in pairs:
        ours, theirs = _masses(left, "net"), _masses(right, "net")
        if ours and theirs:
            done = True
            one = summed(ours)
            yield within(
                "D22",
                one,
                summed(theirs),
                share.value * one[0],
                (*ours[:3], *theirs[:3]),
                tolerance=share,
                masses=True,
            )
        for a, b in shipment.aligned(left, right).pairs:
            one_net = [line.net for line in a.lines if line.net]
            other_net = [line.net_without_packing or line.net for line in b.lines if line.net]
            packed = [line.net for line in b.lines if line.net]
            if len(one_net) != len(a.lines) or len(packed) != len(b.lines):
                continue
            net = summed(one_net)
            allowed = share.value * net[0]
            bare = [each for each in other_net if each]
            right_nets = min((packed, bare), key=lambda each: abs(summed(each)[0] - net[0]))
            yield within(
                "D22", net, summed(right_nets), allowed, (*one_net[:3], *right_nets[:3]),
                line=pair_label(a.label, b.label), tolerance=share, masses=True,
            )  # fmt: skip
    if not done:
        yield absent("D22", "net masses")


def d23_mass_possible(shipment: Shipment) -> Iterator[Finding]:
    """The goods fit into the boxes by mass."""
    payload = shipment.tolerance("D23", "payload")
    boxes = {each.value: each for paper in shipment.first_notes or shipment.chinese for each in paper.boxes}
    masses = _gross(shipment.first_notes) or _gross(shipment.chinese)
    if not boxes or not masses:
        yield absent("D23", "boxes and gross mass")
        return
    total = summed(masses)
    most = payload.value * len(boxes)
    fits = total[0] <= most
    yield Finding(
        "D23",
        Verdict.MATCH if fits else Verdict.REVIEW,
        Reason.AGREES if fits else Reason.BEYOND_BAND,
        values=(*masses[:3], *list(boxes.values())[:3]),
        worked=f"{number(total[0])} {'<=' if fits else '>'} {len(boxes)} x {number(payload.value)} = {number(most)}",
        tolerance=payload,
    )


def d24_packages(shipment: Shipment) -> Iterator[Finding]:
    """The number of packages is the same, counted at one level."""
    papers = [
        (name, found)
        for name, found in (
            ("packing list", shipment.packing_lists),
            ("CN declaration", shipment.chinese),
            ("EAEU declaration", shipment.eaeu),
            ("transit declaration", shipment.transit),
            ("rail note", shipment.first_notes),
            ("WCO declaration", shipment.wco),
        )
        if found and all(paper.packages for paper in found)
    ]
    if len(papers) < 2:
        yield absent("D24", "packages of two papers")
        return
    counts = [_count(found) for _, found in papers]
    for at, (_, left) in enumerate(papers):
        for other, (_, right) in enumerate(papers[at + 1 :], at + 1):
            others = set().union(*(count for n, count in enumerate(counts) if n not in (at, other)))
            yield _packages(left, right, others)


def _packages(left: Sequence[Paper], right: Sequence[Paper], others: set[int]) -> Finding:
    """Whether two papers count alike. Pallets of one are not compared with a count of unnamed packages that ``others`` confirm."""
    ours = [each for paper in left for each in paper.packages]
    theirs = [each for paper in right for each in paper.packages]
    values = (*(each.number for each in ours[:3]), *(each.number for each in theirs[:3]))
    one, other = _count(left), _count(right)
    if one & other:
        count = min(one & other)
        return Finding("D24", Verdict.MATCH, Reason.AGREES, values=values, worked=f"{count} = {count}")
    text = f"{'/'.join(map(str, sorted(one)))}, {'/'.join(map(str, sorted(other)))}"
    levels = {each.level for each in ours if each.level}, {each.level for each in theirs if each.level}
    unnamed = (levels[0] == {"PALLET"} and not levels[1] and other & others) or (
        levels[1] == {"PALLET"} and not levels[0] and one & others
    )
    if (levels[0] and levels[1] and not levels[0] & levels[1]) or unnamed:
        text += f"; {'+'.join(sorted(levels[0])) or '?'}, {'+'.join(sorted(levels[1])) or '?'}"
        return Finding("D24", Verdict.NOT_COMPARABLE, Reason.UNLIKE_LEVELS, values=values, worked=text)
    return Finding("D24", Verdict.CONTRADICTION, Reason.DIFFERS, values=values, worked=text)


def _count(papers: Sequence[Paper]) -> set[int]:
    """The numbers that the packages of ``papers`` may be: of each level, and of all together."""
    by_level: dict[str, int] = {}
    for paper in papers:
        for each in paper.packages:
            by_level[each.level] = by_level.get(each.level, 0) + each.number.value
    return {*by_level.values(), sum(by_level.values())}


CHECKS: Final[tuple[Check, ...]] = (
    d17_gross_is_more_than_net,
    d18_packing_list_is_cn,
    d19_cn_is_sum_of_eaeu,
    d20_papers_are_note,
    d21_weighed,
    d22_net,
    d23_mass_possible,
    d24_packages,
)
