"""The stations that a train was at, from the claims that place it. Pure.

Near clocks give way to the order of the journey (``sequence``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas import railnet
from schemas.events import catalogue
from schemas.railnet import Crossing
from services.domain.facts import FOREVER, Claim, Micros
from services.domain.rules import HANDED_OVER, rules
from services.domain.sequence import in_sequence
from services.domain.view import Position
from services.query.line.run import State
from services.query.line.ways import hours_between


def _number(name: str) -> int:
    return catalogue.spec(f"cre.movement.{name}.v1").number


DEPARTED = _number("departed")
LOADED_ON_VESSEL = _number("loaded_on_vessel")
OVER = frozenset({HANDED_OVER, LOADED_ON_VESSEL})
AT_DESTINATION = frozenset({_number("arrived_at_destination"), _number("unloaded")})
HOLDING = {_number("train_held"): _number("train_resumed"), _number("queued"): _number("queue_left")}
"""What sets a train aside, and what lets it go on."""
_RESUMING = {after: before for before, after in HOLDING.items()}
_HELD = _number("train_held")


@dataclass(slots=True)
class Visit:
    """A train at a station: since when, its last sign there, when it left; ``over`` is the crossing by which it came."""

    station: str
    since: Micros
    last: Micros
    left: Micros | None = None
    over: str = ""
    ended: bool = False


def visits_of(claims: Iterable[Claim]) -> list[Visit]:
    """The stations in the order of the journey, neighbours being different ones."""
    placed = [
        Position(claim, False)
        for claim in claims
        if claim.place and (rules()[claim.milestone].moves or _sets_aside(claim))
    ]
    moving = [p for p in placed if rules()[p.claim.milestone].moves]
    aside = [p for p in placed if not rules()[p.claim.milestone].moves]
    order = in_sequence(moving)
    for each in sorted(
        aside, key=lambda p: p.rank
    ):  # what is set aside moves nothing: by its clock, where the others are
        place = next((n for n, p in enumerate(order) if p.claim.happened > each.claim.happened), len(order))
        order.insert(place, each)
    visits: list[Visit] = []
    clock: Micros = 0
    for position in order:
        clock = max(clock, position.claim.happened)
        _visit(visits, position.claim, clock)
    return visits


def _sets_aside(claim: Claim) -> bool:
    """Whether it says where a train stands that moves no more; an operator counts a train as queued before it has come."""
    return claim.milestone == _HELD or (claim.milestone in HOLDING and claim.territorial)


def _visit(visits: list[Visit], claim: Claim, at: Micros) -> None:
    """Take in one claim, at a moment that is not before the last one."""
    here = visits[-1] if visits else None
    if claim.milestone in OVER:
        crossing = _crossing(claim, here)
        if crossing is not None:
            _cross(visits, crossing, claim, at)
            return
    station = railnet.resolve(claim.place)
    if station is None:
        return
    if here is None or here.station != station.id:
        here = Visit(station.id, at, at)
        visits.append(here)
    here.last = at
    here.left = at if claim.milestone == DEPARTED else None
    here.ended = here.ended or claim.milestone in AT_DESTINATION


def _cross(visits: list[Visit], crossing: Crossing, claim: Claim, at: Micros) -> None:
    here = visits[-1] if visits else None
    if here is not None and here.over == crossing.id:
        here.last = at  # the list of the other side
        return
    near, far = _sides(crossing, claim, here)
    if here is None or here.station != near:
        if here is not None and here.station == far:
            here.last = at  # it has been seen behind the border before the list came
            return
        visits.append(Visit(near, at, at))
    visits[-1].last = visits[-1].left = at
    if not crossing.by_sea:
        visits.append(Visit(far, at, at, over=crossing.id))


def _crossing(claim: Claim, here: Visit | None) -> Crossing | None:
    """The crossing that a hand-over is at; None for one inside a country."""
    named = railnet.crossing(claim.place)
    if named is not None:
        return named
    station = railnet.resolve(claim.place)
    sides = () if station is None else railnet.crossings_at(station.id)
    if claim.milestone == LOADED_ON_VESSEL:
        sides = tuple(crossing for crossing in sides if crossing.by_sea)
    if here is not None and len(sides) > 1:
        sides = tuple(c for c in sides if here.station in (c.a.station, c.b.station)) or sides
    return sides[0] if sides else None


def _sides(crossing: Crossing, claim: Claim, here: Visit | None) -> tuple[str, str]:
    """The station from which the train comes and the one behind the border."""
    a, b = crossing.a.station, crossing.b.station
    if here is not None and here.station in (a, b):
        return (a, b) if here.station == a else (b, a)
    takes = railnet.resolve(claim.stop)
    if takes is not None and takes.id in (a, b):
        return (b, a) if takes.id == a else (a, b)
    if here is not None:
        to_a, to_b = (hours_between(here.station, side) for side in (a, b))
        return (a, b) if to_a <= to_b else (b, a)
    return a, b


def held_times(claims: Iterable[Claim]) -> list[tuple[Micros, Micros, State]]:
    """When the train was set aside, as [from, to) with its state; FOREVER while nothing says that it goes on."""
    marks = sorted(
        (claim.happened, claim.event, claim.milestone)
        for claim in claims
        if claim.milestone in HOLDING or claim.milestone in _RESUMING
    )
    found: list[tuple[Micros, Micros, State]] = []
    since: dict[int, Micros] = {}
    for at, _, milestone in marks:
        if milestone in HOLDING:
            since.setdefault(milestone, at)
        elif (begun := since.pop(_RESUMING[milestone], None)) is not None:
            found.append((begun, at, _state(_RESUMING[milestone])))
    found += [(begun, FOREVER, _state(milestone)) for milestone, begun in since.items()]
    return sorted(found)


def _state(milestone: int) -> State:
    return State.HELD if milestone == _HELD else State.WAITS
