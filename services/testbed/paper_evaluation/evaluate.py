"""The checks held against worlds of papers: of each lie the share that is found, of honest consignments how often each check speaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields, replace
from math import comb, sqrt
from random import Random
from typing import Any, Final

from services.testbed.paper_evaluation.lies import LIES, WORD, Lie, Truth
from services.testbed.paper_evaluation.worlds import Consignment, World
from services.testbed.trade_messages import DAY
from services.trade.domain.checks import CHECKS, findings
from services.trade.domain.finding import Finding, Rules, Verdict, rules
from services.trade.domain.paper import Line, Paper, PaperSet
from services.trade.domain.values import Field, Place
from services.trade.formats import read_papers
from services.trade.formats.official_tables import read_rates, read_tariff

NOTICE: Final = "simulated papers; no figure of real consignments"
_SHOWN: Final = (Verdict.CONTRADICTION, Verdict.REVIEW)
_SPOKEN: Final = (Verdict.CONTRADICTION, Verdict.REVIEW, Verdict.NOT_COMPARABLE, Verdict.MISSING)
_TRIES: Final = 40
"""Consignments that are looked at for one that can hold a lie."""
_APART: Final = 7
"""Consignments between two that hold one lie; all lies are seeded into the same ones."""
_Z: Final = 1.96


def interval(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    share = hits / of
    middle, width = share + _Z**2 / (2 * of), _Z * sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2))
    scale = 1 + _Z**2 / of
    return round(max(0.0, (middle - width) / scale), 4), round(min(1.0, (middle + width) / scale), 4)


def at_most(hits: int, of: int, share: float) -> float:
    """How likely it is that no more than ``hits`` of ``of`` draws succeed where each does with that ``share``."""
    return sum(comb(of, n) * share**n * (1 - share) ** (of - n) for n in range(hits + 1))


def checked(consignment: Consignment, in_force: Rules) -> tuple[tuple[Paper, ...], tuple[Finding, ...]]:
    """The papers as they are read from their files, and what the checks say of them."""
    papers = tuple(
        paper for name, content in consignment.files().items() for paper in read_papers(content, name, DAY)
    )
    return papers, findings(PaperSet(papers), in_force)


def _key(finding: Finding) -> tuple[object, ...]:
    """What a finding is about, whatever the numbers in it."""
    return (
        finding.check,
        finding.verdict,
        finding.reason,
        finding.line,
        frozenset(each.place for each in finding.values),
    )


def _places(line: Line) -> Iterable[Place]:
    for each in fields(line):
        value = getattr(line, each.name)
        for one in value if isinstance(value, tuple) and not isinstance(value, Field | Place) else (value,):
            if isinstance(one, Field):
                yield one.place


def found(
    lie: Lie, truth: Truth, consignment: Consignment, before: Iterable[Finding], in_force: Rules
) -> tuple[bool, bool]:
    """Whether a check that concerns the lie says something new of its paper, and whether it does of its line."""
    papers, after = checked(consignment, in_force)
    known = {_key(each) for each in before if each.verdict in _SHOWN}
    name = consignment.file(truth.stem) if truth.stem else ""
    new = [
        each
        for each in after
        if each.verdict in _SHOWN and each.check in lie.checks and _key(each) not in known
        and any(not name or value.place.file == name for value in each.values)
    ]  # fmt: skip
    if not truth.line:
        return bool(new), bool(new)
    paper = next(each for each in papers if each.place.file == name)
    places = set(_places(paper.lines[truth.line - 1])) if len(paper.lines) >= truth.line else set()
    return bool(new), any(value.place in places for each in new for value in each.values)


def seeded(lie: Lie, world: World, number: int) -> tuple[int, Consignment, Truth] | None:
    """The number of the first honest consignment from ``number`` on that can hold ``lie``, and that consignment with it."""
    for at in range(number, number + _TRIES):
        lying = world.consignment(at)
        truth = lie.plant(Random(f"{world.seed}/{at}/{lie.name}"), world, lying)
        if truth is not None:
            return at, lying, truth
    return None


def evaluate_papers(seeds: Iterable[int], honest: int, each_lie: int) -> dict[str, Any]:
    """Of ``honest`` consignments of each world how often each check speaks, and of each lie, seeded ``each_lie`` times, how many are found."""
    spoken: Counter[tuple[str, Verdict]] = Counter()
    accused = count = 0
    hits: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    used = list(seeds)
    for seed in used:
        world = World(seed)
        consignments = [world.consignment(n) for n in range(max(honest, _TRIES + each_lie * _APART))]
        in_force = replace(
            rules(DAY), rates=read_rates(world.rates, "rates.csv"), tariff=read_tariff(world.tariff(consignments), "tariff.csv")
        )  # fmt: skip
        honestly: dict[int, tuple[Finding, ...]] = {}
        for n in range(honest):
            honestly[n] = checked(consignments[n], in_force)[1]
            spoken.update({(finding.check, finding.verdict) for finding in honestly[n]})
            accused += any(finding.verdict is Verdict.CONTRADICTION for finding in honestly[n])
            count += 1
        for lie in LIES:
            for at in range(each_lie):
                taken = seeded(lie, world, at * _APART)
                if taken is None:
                    continue
                n, lying, truth = taken
                if n not in honestly:
                    honestly[n] = checked(consignments[n], in_force)[1]
                paper, line = found(lie, truth, lying, honestly[n], in_force)
                counts[lie.name] += 1
                hits[lie.name] += paper
                lines[lie.name] += line
    return {
        "notice": NOTICE,
        "seeds": used,
        "honest": {
            "consignments": count,
            "accused": accused,
            "share": round(accused / max(count, 1), 4),
            "interval": interval(accused, count),
            "by_check": {
                check: {
                    verdict: round(spoken[check, verdict] / max(count, 1), 4)
                    for verdict in _SPOKEN
                    if spoken[check, verdict]
                }
                for check in CHECKS
            },
        },
        "lies": [
            {
                "lie": lie.name,
                "in": lie.kind,
                "checks": lie.checks,
                "seeded": counts[lie.name],
                "found": hits[lie.name],
                "interval": interval(hits[lie.name], counts[lie.name]),
                "line_named": lines[lie.name],
            }
            for lie in LIES
        ],
        "numbers_and_codes": _together(hits, counts),
    }


def _together(hits: Counter[str], counts: Counter[str]) -> dict[str, Any]:
    names = [lie.name for lie in LIES if lie.kind != WORD]
    found_of, of = sum(hits[name] for name in names), sum(counts[name] for name in names)
    return {"seeded": of, "found": found_of, "interval": interval(found_of, of)}
