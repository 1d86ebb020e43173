"""What is told although it did not happen: retracted reports, words of strangers, what nobody may say, a stolen container."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from services.testbed.simulator.conduct import FORBIDDEN, FORBIDDEN_AS, MEDDLINGS, Meddling
from services.testbed.simulator.faults import Gossip
from services.testbed.simulator.reports import Message, Unheeded
from services.testbed.simulator.world import HOUR, Happening, World, span

RETRACTED = (
    ("movement.gated_out", "duisport", "railnet:duisburg"),
    ("movement.unloaded", "duisport", "railnet:duisburg"),
    ("movement.arrived", "rzd", "railnet:krasnoe"),
)


class Rumours:
    """Spreads false reports about boxes that carry cargo; ``at`` is when, and nothing is older than that."""

    def __init__(self, world: World, gossip: Gossip) -> None:
        self._world = world
        self._gossip = gossip

    def spread(self, at: int, boxes: Sequence[str], retracted: int, strange: int, stolen: int) -> None:
        """Add so many reports that are taken back, that come from nobody's party, and of thefts on paper.

        With those of nobody's party come the words that nobody of that role may say.
        """
        random = self._world.random("rumours", at)
        aboard = [box for box in boxes if self._world.cargo_in([box], at)]
        if not aboard:
            return
        for number in range(retracted):
            self._retracted(random, random.choice(aboard), number, at + span(random, 0, 10, HOUR))
        for number in range(strange):
            self._meddle(MEDDLINGS[number % len(MEDDLINGS)], random.choice(aboard), at, random)
        for _ in range(stolen):
            self._steal(random.choice(aboard), at, at + span(random, 0, 20, HOUR))
        for deed in FORBIDDEN if strange else ():
            self._say_what_is_forbidden(deed, random.choice(aboard), at + span(random, 0, 20, HOUR))

    def _retracted(self, random: Random, box: str, number: int, at: int) -> None:
        what, party, place = RETRACTED[number % len(RETRACTED)]
        if at > self._world.now:
            return
        pen = self._gossip.pen
        record = pen.record(party, f"cre.{what}.v1", at, self._said(Meddling(party, what, place), box, at))
        back = pen.retract(party, record, at + HOUR, "DID_NOT_HAPPEN")
        self._gossip.post(Message(at, party, record))
        self._gossip.post(Message(at + random.choice((-HOUR, HOUR)), party, back))

    def _meddle(self, deed: Meddling, box: str, at: int, random: Random) -> None:
        when = at + span(random, 37, 40, HOUR)
        if when > self._world.now:
            return
        self._gossip.say(deed.party, deed.what, when, self._said(deed, box, when))
        self._gossip.unheeded(Unheeded(deed.party, deed.what, deed.place, ("container", box), when))

    def _say_what_is_forbidden(self, deed: Meddling, box: str, at: int) -> None:
        if at <= self._world.now:
            said = self._said(deed, box, at)
            self._gossip.say(deed.party, deed.what, at, said, refused_as=FORBIDDEN_AS)

    def _said(self, deed: Meddling, box: str, at: int) -> dict[str, object]:
        happening = Happening(
            at,
            deed.what,
            (("container", box),),
            (deed.party,),
            place=deed.place,
            occurrence=deed.occurrence,
            jurisdiction=deed.jurisdiction,
            says=deed.says,
        )
        return self._gossip.pen.milestone(happening, deed.party, at)

    def _steal(self, box: str, since: int, at: int) -> None:
        """A stranger founds a consignment of his own around a box that carries somebody else's cargo."""
        party = "driftline"
        if at > self._world.now:
            return
        reference = f"INVENTED-{self._world.serial('theft')}"
        says = {"reference": reference, "containers": [box], "from": since, "parties": []}
        self._gossip.say(party, "link.consignment_opened", at, self._gossip.pen.dated(party, says))
