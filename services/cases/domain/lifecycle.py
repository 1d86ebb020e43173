"""The life cycle of a case: its state after its steps, and the step that a request or the rule takes. Pure.

A step is decided once, under the lock of its case, on the history at that moment: of two teams that acknowledge one case
the first owns it, and the second is refused with the owner's name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from services.cases.domain.causes import CaseId
from services.domain.facts import EventId, Micros
from services.people.domain.person import Signatory


class StepKind(StrEnum):
    """The steps; the names are those of the event types."""

    OPENED = "opened"
    REOPENED = "reopened"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    SNOOZED = "snoozed"
    NOTED = "noted"
    CLOSED = "closed"


class Closing(StrEnum):
    """Why a case was closed; the rule itself gives the first one only."""

    CAUSE_GONE = "CAUSE_GONE"
    RESOLVED = "RESOLVED"
    FALSE_ALARM = "FALSE_ALARM"
    NOT_OURS = "NOT_OURS"


class Team(NamedTuple):
    """A team of a party: ``ktz/dostyk-shift``. Never a natural person."""

    party: str
    name: str

    def __str__(self) -> str:
        return f"{self.party}/{self.name}"


@dataclass(frozen=True, slots=True)
class Step:
    """One step that was decided; ``by`` is None where the rule acted. What does not belong to its kind is empty.

    ``person`` took it for the team; None for an operator of the platform, who acts by the command line.
    """

    number: int
    case: CaseId
    kind: StepKind
    at: Micros
    position: int
    before: int | None = None
    by: Team | None = None
    to: Team | None = None
    until: Micros | None = None
    reason: str = ""
    text: str = ""
    since: Micros | None = None
    evidence: tuple[EventId, ...] = ()
    person: Signatory | None = None


class Status(StrEnum):
    """Status of a case; a snoozed case is owned and open as well."""

    OPEN = "OPEN"
    OWNED = "OWNED"
    SNOOZED = "SNOOZED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Case:
    """A case after its steps: since when it is open or closed, its owner, and until when the owner snoozed it."""

    id: CaseId
    opened: Micros
    last: int
    at: Micros
    closed: bool = False
    owner: Team | None = None
    snoozed_until: Micros | None = None
    reason: str = ""

    def status(self, at: Micros) -> Status:
        """The status at ``at``; a snooze ends by itself."""
        if self.closed:
            return Status.CLOSED
        if self.snoozed_until is not None and at < self.snoozed_until:
            return Status.SNOOZED
        return Status.OPEN if self.owner is None else Status.OWNED


def case_of(steps: Iterable[Step]) -> Case | None:
    """What the steps of one case, in the order of their numbers, make of it; None without a step."""
    case: Case | None = None
    for step in steps:
        case = after(case, step)
    return case


def after(case: Case | None, step: Step) -> Case:
    """``case`` with ``step`` taken. Raises ValueError for a step that no decision would have taken."""
    if case is None:
        if step.kind is not StepKind.OPENED or step.before is not None:
            raise ValueError(f"step {step.number} is the first of its case and opens nothing")
        return Case(step.case, step.at, step.number, step.at)
    if step.before != case.last or step.number <= case.last or step.case != case.id:
        raise ValueError(f"step {step.number} does not rest on step {case.last}")
    moved = replace(case, last=step.number, at=step.at)
    match step.kind:
        case StepKind.NOTED:
            return moved
        case StepKind.REOPENED if case.closed:
            return replace(moved, opened=step.at, closed=False, owner=None, snoozed_until=None, reason="")
        case StepKind.ACKNOWLEDGED if not case.closed and case.owner is None:
            return replace(moved, owner=step.by, snoozed_until=None)
        case StepKind.ASSIGNED if not case.closed and case.owner in (None, step.by):
            return replace(moved, owner=step.to, snoozed_until=None)
        case StepKind.SNOOZED if not case.closed and case.owner == step.by:
            return replace(moved, snoozed_until=step.until)
        case StepKind.CLOSED if not case.closed and case.owner == step.by:
            return replace(moved, closed=True, snoozed_until=None, reason=step.reason)
        case _:
            raise ValueError(f"step {step.number} ({step.kind}) was not open to anybody then")


@dataclass(frozen=True, slots=True)
class StepRequest:
    """A team's request for a step; ``kind`` is one of those that teams take."""

    kind: StepKind
    by: Team
    to: Team | None = None
    until: Micros | None = None
    reason: str = ""
    text: str = ""
    person: Signatory | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request takes no step, and the remedy. Not recorded."""

    problem: str
    remedy: str


def decide(case: Case, ask: StepRequest, at: Micros) -> StepKind | Refused | None:
    """The step that ``ask`` takes at ``at``, None where its effect is there already, else the refusal."""
    if ask.kind is StepKind.NOTED:
        return ask.kind
    if case.closed:
        return Refused(
            "the case is closed",
            "it opens again by itself when its cause comes back; a note can be put to it",
        )
    owner = case.owner
    if ask.kind is StepKind.ACKNOWLEDGED:
        if owner == ask.by:
            return None
        return ask.kind if owner is None else _taken(owner)
    if ask.kind is StepKind.ASSIGNED:
        if owner == ask.to:
            return None
        return ask.kind if owner in (None, ask.by) else _taken(owner)
    if owner != ask.by:
        if owner is None:
            return Refused(f"nobody owns the case, so {ask.by} cannot do that", "acknowledge it first")
        return _taken(owner)
    if ask.kind is StepKind.SNOOZED and (ask.until is None or ask.until <= at):
        return Refused("a snooze ends later than now", "name a moment to come")
    return ask.kind


def _taken(owner: Team | None) -> Refused:
    return Refused(f"the case is owned by {owner}", f"only {owner} can do that, or assign the case to you")


def rule(case: Case | None, stood: bool, stands: bool) -> StepKind | None:
    """The step that the platform takes by itself, where the cause held before (``stood``) and holds now (``stands``).

    An owned case is never closed by rule: it shows that its cause is gone, and the owner closes it. A case that a team closed while
    the cause held stays closed until the cause went and came back.
    """
    if case is None:
        return StepKind.OPENED if stands else None
    if case.closed:
        return StepKind.REOPENED if stands and not stood else None
    return StepKind.CLOSED if not stands and case.owner is None else None
