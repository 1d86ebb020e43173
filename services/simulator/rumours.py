"""What is told although it did not happen: retracted reports, words of strangers, a stolen container."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from services.simulator.faults import Gossip
from services.simulator.telling import Message
from services.simulator.world import HOUR, Happening, World, span

RETRACTED = (
    ("movement.gated_out", "duisport", "railnet:duisburg"),
    ("movement.unloaded", "duisport", "railnet:duisburg"),
    ("movement.arrived", "rzd", "railnet:krasnoe"),
)
STRANGE = (
    ("movement.delivered", "driftline", ""),  # a forwarder who has no business here
    ("movement.gated_out", "hh-terminal", "railnet:xian-intl-port"),  # a terminal far from its own ground
    ("movement.arrived_at_destination", "driftline", "railnet:duisburg"),
)


class Rumours:
    """Spreads false reports about boxes that carry cargo; ``at`` is when, and nothing is older than that."""

    def __init__(self, world: World, gossip: Gossip) -> None:
        self._world = world
        self._gossip = gossip

    def spread(self, at: int, boxes: Sequence[str], retracted: int, strange: int, stolen: int) -> None:
        """Add so many reports that are taken back, that come from nobody's party, and of thefts on paper."""
        random = self._world.random("rumours", at)
        aboard = [box for box in boxes if self._world.cargo_in([box], at)]
        if not aboard:
            return
        for number in range(retracted):
            self._retracted(random, random.choice(aboard), number, at + span(random, 0, 10, HOUR))
        for number in range(strange):
            what, party, place = STRANGE[number % len(STRANGE)]
            when = at + span(random, 37, 40, HOUR)
            if when <= self._world.now:
                said = self._said(party, random.choice(aboard), what, when, place)
                self._gossip.say(party, what, when, said)
        for _ in range(stolen):
            self._steal(random.choice(aboard), at, at + span(random, 0, 20, HOUR))

    def _retracted(self, random: Random, box: str, number: int, at: int) -> None:
        what, party, place = RETRACTED[number % len(RETRACTED)]
        if at > self._world.now:
            return
        pen = self._gossip.pen
        record = pen.record(party, f"cre.{what}.v1", at, self._said(party, box, what, at, place))
        back = pen.retract(party, record, at + HOUR, "DID_NOT_HAPPEN")
        self._gossip.post(Message(at, party, record))
        self._gossip.post(Message(at + random.choice((-HOUR, HOUR)), party, back))

    def _said(self, party: str, box: str, what: str, at: int, place: str) -> dict[str, object]:
        happening = Happening(at, what, (("container", box),), (party,), place=place)
        return self._gossip.pen.milestone(happening, party, at)

    def _steal(self, box: str, since: int, at: int) -> None:
        """A stranger founds a consignment of his own around a box that carries somebody else's cargo."""
        party = "driftline"
        if at > self._world.now:
            return
        reference = f"INVENTED-{self._world.serial('theft')}"
        says = {"reference": reference, "containers": [box], "from": since, "parties": []}
        self._gossip.say(party, "link.consignment_opened", at, self._gossip.pen.dated(party, says))
