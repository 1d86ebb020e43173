"""The head of a train: its latest milestone, where it was seen last, and what is wrong with it.

As with consignments, the store computes it in SQL and this is the rule that it must equal. Everybody counts about a
train: it carries the cargo of many, and whose word counts for one of them is judged when that cargo is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.events import catalogue
from services.domain import derive
from services.domain.claim_groups import answers
from services.domain.exceptions import open_exceptions
from services.domain.facts import Claim
from services.domain.view import Arrival, Standing

RUNNING = catalogue.spec("cre.movement.position_reported.v1").number
"""A running position, which is no step of the journey."""


@dataclass(frozen=True, slots=True)
class TrainHead:
    """The latest fact that is a milestone, the latest that has a place, and how many exceptions are open."""

    milestone: Claim | None
    position: Claim | None
    exceptions: int


def train_head(claims: Iterable[Claim]) -> TrainHead:
    """The head that the live ``claims`` about one train give to it."""
    questions = answers(claims).values()
    current = [claim for given in questions for claim in given.current]
    arrivals = [Arrival(claim, Standing.COUNTED, False, True, True, frozenset()) for claim in current]
    shown = {given.shown for given in questions}
    moving = [arrival for arrival in arrivals if arrival.claim in shown and derive.moves(arrival.claim)]
    milestone = derive.best(a for a in moving if a.claim.milestone != RUNNING)
    position = derive.best(a for a in moving if a.claim.place)
    return TrainHead(
        None if milestone is None else milestone.claim,
        None if position is None else position.claim,
        len(open_exceptions(arrivals)),
    )
