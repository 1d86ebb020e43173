"""The report at a change of shifts: cases opened, closed and open since a moment, by crossing and owner. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.cases.domain.causes import CaseId
from services.cases.domain.lifecycle import Step, StepKind
from services.domain.facts import Micros


@dataclass(slots=True)
class ShiftSummary:
    """What one owner hands over at one crossing: cases in the order of the list, and notes with their case."""

    opened: list[CaseId] = field(default_factory=list)
    closed: list[CaseId] = field(default_factory=list)
    standing: list[CaseId] = field(default_factory=list)
    notes: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """A case as far as the report needs it: crossing, owner, and whether it is closed."""

    case: CaseId
    crossing: str
    owner: str
    closed: bool


def shift_report(
    cases: Iterable[CaseSummary], steps: Iterable[Step], since: Micros
) -> dict[tuple[str, str], ShiftSummary]:
    """By (crossing, owner), "" for none: cases opened (again) and closed since ``since``, and those that stand now.

    A case that was opened and closed in the shift is in both; one that is closed counts for whoever owned it last.
    """
    turned: dict[CaseId, set[StepKind]] = defaultdict(set)
    notes: dict[CaseId, list[Step]] = defaultdict(list)
    for step in steps:
        if step.at >= since:
            turned[step.case].add(step.kind)
            if step.kind in (StepKind.NOTED, StepKind.SNOOZED):
                notes[step.case].append(step)
    posts: dict[tuple[str, str], ShiftSummary] = defaultdict(ShiftSummary)
    for each in cases:
        kinds = turned.get(each.case, set())
        if each.closed and not kinds:
            continue
        post = posts[each.crossing, each.owner]
        if kinds & {StepKind.OPENED, StepKind.REOPENED}:
            post.opened.append(each.case)
        if StepKind.CLOSED in kinds and each.closed:
            post.closed.append(each.case)
        if not each.closed:
            post.standing.append(each.case)
        post.notes += notes.get(each.case, [])
    return dict(sorted(posts.items()))
