"""The values of a view: four regions that move independently, each with the claims behind it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.domain.claim_groups import Answers
from services.domain.facts import Claim, EventId, Link, Micros, PlannedRoute, Restriction
from services.domain.liveness import NotLive
from services.domain.objects import Thing


class ClaimStatus(StrEnum):
    """Why a claim does or does not count in the view."""

    COUNTED = "COUNTED"
    SUPERSEDED = "SUPERSEDED"  # its publisher has given a newer answer
    UNENGAGED = "UNENGAGED"  # its publisher, or a link on its way, is nobody's party here


class Arrival(NamedTuple):
    """A live claim that reaches the consignment, and what it is worth there."""

    claim: Claim
    status: ClaimStatus
    via_disputed_link: bool
    by_train: bool  # reaches the consignment only through a train or wagon
    still: bool  # a way by which it came is still in force
    containers: frozenset[Thing]  # the boxes it is about; empty: the whole consignment
    ends: tuple[EventId, ...] = ()  # the links of its own publisher that it ended, whether it counts or not


class Position(NamedTuple):
    """The latest fact of a region or box: its claim."""

    claim: Claim
    via_disputed_link: bool

    @property
    def rank(self) -> tuple[Micros, Micros, EventId]:
        return self.claim.happened, self.claim.published, self.claim.event


@dataclass(frozen=True, slots=True)
class Box:
    """A container of the consignment; ``holds_cargo`` is False once a publisher ended its assignment for something else."""

    container: Thing
    position: Position | None
    holds_cargo: bool
    counted: bool


@dataclass(frozen=True, slots=True)
class OpenException:
    """Something went wrong and nothing has closed it."""

    episode: int
    thing: Thing
    jurisdiction: str
    claim: Claim


@dataclass(frozen=True, slots=True)
class Assignment:
    """One side of a contradiction of links; ``ours`` where it leads to this consignment, ``counted`` where its publisher counts here."""

    link: Link
    ours: bool
    counted: bool


@dataclass(frozen=True, slots=True)
class LinkDispute:
    """Two publishers assign one object to different ones in [since, until), whether or not anything has happened to it."""

    thing: Thing
    sides: tuple[Assignment, Assignment]
    since: Micros
    until: Micros


@dataclass(frozen=True, slots=True)
class DeadEvent:
    """An event that concerns the consignment and does not count; ``claims`` are those of it that would reach it."""

    event: EventId
    reason: NotLive
    withdrawn_by: tuple[EventId, ...]
    claims: tuple[Claim, ...]


class HandoverState(StrEnum):
    ONE_SIDED = "ONE_SIDED"
    CONFIRMED = "CONFIRMED"
    DIFFERENT = "DIFFERENT"


@dataclass(frozen=True, slots=True)
class HandoverView:
    """Both railways' lists of one hand-over; ``missing`` was delivered and not received, ``surplus`` the reverse.

    ``state`` is that of the consignment's own boxes, whatever else the lists name; where both sides have signed and it is on
    neither list, that of the lists. ``occurrence`` is the run of the side that delivers, where it names one.
    ``announced_only`` was on the advance list and handed over by neither side, ``unannounced`` was handed over and not on it
    (empty without an advance list).
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
    since: Micros  # the earliest time in the signed lists
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
    disputed_links: tuple[LinkDispute, ...]
    exceptions: tuple[OpenException, ...]
    handovers: tuple[HandoverView, ...]
    route: PlannedRoute | None
    restrictions: tuple[Restriction, ...]  # in force on the rest of the route, with their known ends
    announced_restrictions: tuple[Restriction, ...]
    past_restrictions: tuple[Restriction, ...]  # what the cargo met and has behind it
    overdue: tuple[Claim, ...]
    silent: bool
    arrivals: tuple[Arrival, ...]
    flagged: frozenset[EventId]  # members of correction cycles
    equivocating: frozenset[EventId]
    not_live: tuple[DeadEvent, ...]  # these and what was withdrawn, with what withdrew it
