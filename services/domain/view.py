"""What people see of a consignment: four regions that move on their own, with who said what and how sure.

These are the values that ``derive`` computes. Everything carries the event ids behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.domain.claim_groups import Answers
from services.domain.facts import Claim, EventId, Micros, PlannedRoute, Restriction
from services.domain.objects import Thing


class Standing(StrEnum):
    """Why a claim does or does not count in the view."""

    COUNTED = "COUNTED"
    SUPERSEDED = "SUPERSEDED"  # its publisher has given a newer answer
    UNENGAGED = "UNENGAGED"  # its publisher, or a link on its way, is nobody's party here


@dataclass(frozen=True, slots=True)
class Arrival:
    """A live claim that reaches the consignment, and what it is worth there."""

    claim: Claim
    standing: Standing
    via_disputed_link: bool
    by_train: bool  # reaches the consignment only through a train or wagon
    still: bool  # a way by which it came is still in force
    containers: frozenset[Thing]  # the boxes it speaks of; empty: the whole consignment


@dataclass(frozen=True, slots=True)
class Position:
    """The latest fact of a region or box: the claim that says it."""

    claim: Claim
    via_disputed_link: bool

    @property
    def rank(self) -> tuple[Micros, Micros, EventId]:
        return self.claim.happened, self.claim.published, self.claim.event


@dataclass(frozen=True, slots=True)
class Box:
    """A container of the consignment; ``holds_cargo`` is False once a publisher ended its assignment."""

    container: Thing
    position: Position | None
    holds_cargo: bool
    counted: bool


@dataclass(frozen=True, slots=True)
class OpenException:
    """Something went wrong and nobody has said that it is over."""

    episode: int
    thing: Thing
    jurisdiction: str
    claim: Claim


class HandoverState(StrEnum):
    ONE_SIDED = "ONE_SIDED"
    CONFIRMED = "CONFIRMED"
    DIFFERENT = "DIFFERENT"


@dataclass(frozen=True, slots=True)
class HandoverView:
    """What both railways say of one hand-over; ``missing`` was delivered and not received, ``surplus`` the other way round.

    The advance list is compared with what either signed: ``announced_only`` was on it and handed over by nobody,
    ``unannounced`` was handed over and not on it (nothing, where nobody sent a list).
    """

    place: str
    border: str  # what both sides' names of the place lead to
    occurrence: str
    state: HandoverState
    announcing: tuple[str, ...]  # publishers that sent an advance list
    delivering: tuple[str, ...]  # publishers that signed this side
    receiving: tuple[str, ...]
    announced: frozenset[str]
    delivered: frozenset[str]
    received: frozenset[str]
    missing: frozenset[str]
    surplus: frozenset[str]
    announced_only: frozenset[str]
    unannounced: frozenset[str]
    unmatched: bool
    since: Micros  # when the first of the signed lists says that it happened
    trains: tuple[Thing, ...]  # that the lists name, the delivering side's first
    events: tuple[EventId, ...]  # the current list of each side and publisher

    @property
    def differs(self) -> bool:
        """Whether both railways have signed and boxes are left over, against one another or the advance list."""
        if self.state is HandoverState.ONE_SIDED:
            return False
        return bool(self.missing or self.surplus or self.announced_only or self.unannounced)


@dataclass(frozen=True, slots=True)
class View:
    """The whole state of one consignment as of a moment."""

    consignment: Thing
    members: frozenset[Thing]
    founders: frozenset[str]
    engaged: frozenset[str]
    movement: Position | None
    boxes: tuple[Box, ...]
    behind: int  # boxes in the phase of the least advanced one
    customs: tuple[tuple[str, Position], ...]  # by jurisdiction
    document: Position | None
    disputes: tuple[Answers, ...]
    exceptions: tuple[OpenException, ...]
    handovers: tuple[HandoverView, ...]
    route: PlannedRoute | None
    restrictions: tuple[Restriction, ...]
    overdue: tuple[Claim, ...]
    silent: bool
    arrivals: tuple[Arrival, ...]
    flagged: frozenset[EventId]  # members of correction cycles
    equivocating: frozenset[EventId]
