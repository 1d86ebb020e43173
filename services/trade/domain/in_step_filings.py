"""Filings with what became of them: amendments put to the declaration that they name, in the order of their moments.

An amendment is applied only where its place is certain. One that names no declaration that is here, stands in a circle, is of a declaration that
was cancelled before, or says two things under one number is a question of its own, with what to do, and changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from services.trade.domain.filing import Amendment, Filing, Phase
from services.trade.domain.paper import Kind, Paper
from services.trade.domain.values import Field, Place

_DAY: Final = 86_400_000_000


class Reason(StrEnum):
    """Why a status is as it is, by a stable code; its words, and what to do, are in ``data/in_step_texts.csv``."""

    AGREES = "AGREES"
    BY_RULE = "BY_RULE"
    ONE_SIDE = "ONE_SIDE"
    NOT_COMPARED = "NOT_COMPARED"
    BY_CUSTOMS = "BY_CUSTOMS"
    DATASET_MOVED = "DATASET_MOVED"
    OTHER_AMENDED = "OTHER_AMENDED"
    INSPECTION = "INSPECTION"
    RELEASE = "RELEASE"
    CHANGE_REFUSED = "CHANGE_REFUSED"
    DECLARATION_REFUSED = "DECLARATION_REFUSED"
    FORK = "FORK"
    GAP = "GAP"
    MISNUMBERED = "MISNUMBERED"
    VERSION_UNKNOWN = "VERSION_UNKNOWN"
    BOTH_AMENDED = "BOTH_AMENDED"
    DIFFERS_FROM_START = "DIFFERS_FROM_START"
    DATASET_BEHIND = "DATASET_BEHIND"
    ABSENT = "ABSENT"
    NO_LINK = "NO_LINK"
    LINK_UNKNOWN = "LINK_UNKNOWN"
    UNCOVERED = "UNCOVERED"
    COUNTERPART_CANCELLED = "COUNTERPART_CANCELLED"
    NO_ORIGINAL = "NO_ORIGINAL"
    BEFORE_ORIGINAL = "BEFORE_ORIGINAL"
    CIRCLE = "CIRCLE"
    AMENDED_TWICE = "AMENDED_TWICE"
    OF_CANCELLED = "OF_CANCELLED"
    NUMBER_TWICE = "NUMBER_TWICE"
    NUMBERS_UNCLEAR = "NUMBERS_UNCLEAR"


@dataclass(frozen=True, slots=True)
class Correction:
    """An amendment as it arrived: ``of`` names a declaration, or an amendment, by its number or by the id of its message."""

    of: str
    amendment: Amendment


@dataclass(frozen=True, slots=True)
class Issue:
    """A filing or amendment that has no certain place: nothing of it is applied."""

    reason: Reason
    declaration: str
    kind: Kind | None
    values: tuple[Field[Any], ...]


@dataclass(frozen=True, slots=True)
class Current:
    """A filing with the amendments that count, in order; ``refused`` are those that its authority did not accept."""

    filing: Filing
    applied: tuple[Amendment, ...]
    refused: tuple[Amendment, ...]

    @property
    def declared(self) -> Paper:
        """What is declared now."""
        return self.applied[-1].declared if self.applied else self.filing.declared

    @property
    def states(self) -> tuple[tuple[Paper, Amendment | None], ...]:
        """What was declared, from the original on, each with the amendment that made it."""
        return ((self.filing.declared, None), *((each.declared, each) for each in self.applied))

    @property
    def version(self) -> str:
        """The digest of the dataset that it was last made from, "" where none is known."""
        return next((each.version for each in reversed(self.applied) if each.version), self.filing.version)


def assemble(
    filings: Iterable[Filing], corrections: Iterable[Correction] = ()
) -> tuple[tuple[Current, ...], tuple[Issue, ...]]:
    """The filings as they are now and what has no certain place; the same of any order and any number of copies."""
    copies: dict[tuple[str, Kind], list[Filing]] = defaultdict(list)
    for filing in filings:
        copies[filing.declaration, filing.kind].append(filing)
    issues: list[Issue] = []
    known: dict[tuple[str, Kind], Filing] = {}
    for key in sorted(copies):
        merged = _merged(copies[key])
        if merged is None:
            values = tuple(
                _named(each.declared, each.declaration) for each in sorted(copies[key], key=_order)
            )
            issues.append(Issue(Reason.NUMBER_TWICE, *key, tuple(dict.fromkeys(values))))
        else:
            known[key] = merged
    placed, unplaced = _placed(known, corrections)
    issues += unplaced
    currents = []
    for key, filing in sorted(known.items()):
        current, doubts = _current(filing, (*filing.amendments, *placed.get(key, ())))
        currents.append(current)
        issues += doubts
    return tuple(currents), tuple(
        sorted(set(issues), key=lambda each: (each.declaration, each.reason, repr(each.values)))
    )


def _order(filing: Filing) -> tuple[str, str, str]:
    return filing.declared.sha256, filing.declared.place.file, filing.declared.place.at


def _same(one: Paper, other: Paper) -> bool:
    """Whether two papers are copies of one: the same bytes where those are known."""
    return one.sha256 == other.sha256 if one.sha256 and other.sha256 else one == other


def _named(paper: Paper, number: str) -> Field[Any]:
    return paper.number or Field(number, number, paper.place)


_PHASES: Final = (
    Phase.LODGED,
    Phase.ACCEPTED,
    Phase.INSPECTED,
    Phase.RELEASED,
    Phase.REFUSED,
    Phase.CANCELLED,
)


def _merged(copies: list[Filing]) -> Filing | None:
    """One filing of its copies, in the furthest phase; None where they are two declarations."""
    first = min(copies, key=_order)
    if any(
        (each.dataset, each.version, each.at) != (first.dataset, first.version, first.at)
        or not _same(each.declared, first.declared)
        for each in copies
    ):
        return None
    phase = max((each.phase for each in copies), key=_PHASES.index)
    since = [each.frozen for each in copies if each.phase is phase and each.frozen is not None]
    return replace(
        first,
        phase=phase,
        frozen=min(since, default=None),
        links=tuple(
            sorted(
                {link for each in copies for link in each.links},
                key=lambda each: (each.dataset, each.declared),
            )
        ),
        amendments=tuple(each for copy in copies for each in copy.amendments),
    )


def _placed(
    known: Mapping[tuple[str, Kind], Filing], corrections: Iterable[Correction]
) -> tuple[dict[tuple[str, Kind], list[Amendment]], list[Issue]]:
    """Each correction at the filing to which its chain of names leads."""
    named: dict[str, set[tuple[str, Kind]]] = defaultdict(set)
    for key, filing in known.items():
        for name in {filing.declaration, filing.declared.id} - {""}:
            named[name].add(key)
    given = list(corrections)
    targets: dict[str, set[str]] = defaultdict(set)
    for each in given:
        for name in {each.amendment.number, each.amendment.declared.id} - {""}:
            targets[name].add(each.of)
    for filing in known.values():
        for amendment in filing.amendments:
            for name in {amendment.number, amendment.declared.id} - {""}:
                targets[name].add(filing.declaration)
    placed: dict[tuple[str, Kind], list[Amendment]] = defaultdict(list)
    issues = []
    for each in given:
        reached, circle = _reached(each.of, named, targets)
        if len(reached) == 1 and not circle:
            placed[next(iter(reached))].append(each.amendment)
            continue
        reason = Reason.CIRCLE if circle else Reason.NUMBER_TWICE if reached else Reason.NO_ORIGINAL
        issues.append(Issue(reason, each.of, None, (_named(each.amendment.declared, each.amendment.number),)))
    return placed, issues


def _reached(
    name: str, named: Mapping[str, set[tuple[str, Kind]]], targets: Mapping[str, set[str]]
) -> tuple[set[tuple[str, Kind]], bool]:
    """The filings to which a name leads over amendments, and whether it leads back to itself instead."""
    reached: set[tuple[str, Kind]] = set()
    seen: set[str] = set()
    waiting = [name]
    circle = False
    while waiting:
        each = waiting.pop()
        if each in named:
            reached |= named[each]
        elif each in seen:
            circle = True
        else:
            seen.add(each)
            waiting += sorted(targets.get(each, ()))
    return reached, circle and not reached


def _current(filing: Filing, amendments: tuple[Amendment, ...]) -> tuple[Current, list[Issue]]:
    """``filing`` with the amendments whose place is certain, and the questions of the others."""
    variants: dict[str, list[Amendment]] = defaultdict(list)
    for each in sorted(
        amendments,
        key=lambda each: (
            each.at,
            each.declared.sha256,
            each.declared.place.file,
            each.declared.place.at,
            each.version,
        ),
    ):
        if not any(_copies(each, other) for other in variants[each.number]):
            variants[each.number].append(each)
    issues: list[Issue] = []
    counted = []
    for each in (one for several in variants.values() for one in several):
        reason = None
        if len(variants[each.number]) > 1:
            reason = Reason.AMENDED_TWICE
        elif each.at and each.at // _DAY < filing.at // _DAY:
            reason = Reason.BEFORE_ORIGINAL
        elif filing.phase is Phase.CANCELLED and not 0 < each.at <= (filing.frozen or 0):
            reason = Reason.OF_CANCELLED
        if reason is None:
            counted.append(each)
        else:
            written = Field(each.number, each.number, Place(each.declared.place.file, each.declared.place.at))
            issues.append(Issue(reason, filing.declaration, filing.kind, (written,)))
    counted.sort(key=lambda each: (each.at, each.number))
    return (
        Current(
            filing,
            tuple(each for each in counted if not each.refused),
            tuple(each for each in counted if each.refused),
        ),
        issues,
    )


def _copies(one: Amendment, other: Amendment) -> bool:
    return _same(one.declared, other.declared) and replace(one, declared=other.declared) == other
