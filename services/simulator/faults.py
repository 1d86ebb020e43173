"""The faults of messages (late, twice, wrong and put right, contradicting, one-sided), each planned and noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType

from services.simulator import numbers
from services.simulator.telling import Disputed, Heard, Message, Pen, Record, Telling, type_of
from services.simulator.world import DAY, HOUR, MINUTE, Happening, World, span

DISPUTABLE: Mapping[str, int] = MappingProxyType(
    {
        "movement.arrived": 30 * MINUTE,
        "movement.arrived_at_destination": 30 * MINUTE,
        "movement.gated_in": 60 * MINUTE,
        "movement.handed_over": 60 * MINUTE,
        "customs.released": 15 * MINUTE,
    }
)
"""How far two parties may differ about these before it is a dispute."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each fault befalls a message (or a hand-over, or a consignment)."""

    late: float = 0.06
    twice: float = 0.04
    wrong_time: float = 0.03
    wrong_again: float = 0.01
    wrong_box: float = 0.02
    revived: float = 0.01
    disputed: float = 0.05
    one_sided: float = 0.06
    differing: float = 0.05
    equivocated: float = 0.02
    overtaking: float = 0.2  # a correction arrives before what it corrects


NO_FAULTS = Rates(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


class Gossip:
    """Tells every happening and bond of a world through its witnesses."""

    def __init__(self, world: World, rates: Rates) -> None:
        self._world = world
        self._rates = rates
        self._pen = Pen(world)
        self.telling = Telling()

    @property
    def pen(self) -> Pen:
        return self._pen

    def tell(self) -> Telling:
        """Tell everything; messages are in the order in which they are sent."""
        for number, bond in enumerate(self._world.bonds):
            random = self._world.random("bond", number)
            late = span(random, 1, 6, DAY) if random.random() < self._rates.late else 0
            self._pen.bond(bond, self.telling, late, random.random() < self._rates.overtaking)
        for number, happening in enumerate(self._world.happenings):
            self._happening(happening, self._world.random("happening", number))
        random = self._world.random("copies")
        self.telling.messages = [
            replace(m, copies=random.choice((2, 2, 3))) if random.random() < self._rates.twice else m
            for m in self.telling.messages
        ]
        self.telling.messages.sort(key=lambda m: (m.sent, m.party, m.record["id"]))
        return self.telling

    def _happening(self, happening: Happening, random: Random) -> None:
        witnesses, lists = self._signed(happening, random)
        disputed = (
            len(witnesses) > 1
            and lists is None
            and happening.what in DISPUTABLE
            and random.random() < self._rates.disputed
        )
        for number, party in enumerate(witnesses):
            said = happening.at
            if number and disputed:
                said -= DISPUTABLE[happening.what] + span(random, 10, 40, MINUTE)
            elif number:
                said -= span(random, 0, 8, MINUTE)
            about = lists if lists is not None and number else happening
            alone = happening.what == "movement.position_reported" or (number and not disputed)
            if alone and not happening.voices and random.random() < self._rates.equivocated:
                self._equivocate(happening, party, said, random)
                continue
            self._witness(about, party, said, random)
            self.telling.heard.append(Heard(about, party, said))
        if disputed:
            for ref in happening.about:
                self.telling.disputed.append((Disputed(happening.what, happening.place, ref), happening))

    def _signed(self, happening: Happening, random: Random) -> tuple[tuple[str, ...], Happening | None]:
        """Who of the witnesses of a hand-over signs, and what the second one's list is if it differs."""
        if happening.what != "movement.handed_over":
            return happening.witnesses, None
        meeting = happening.place, happening.occurrence
        chance = random.random()
        if chance < self._rates.one_sided:
            self.telling.meetings[meeting] = "ONE_SIDED"
            return (random.choice(happening.witnesses),), None
        if chance < self._rates.one_sided + self._rates.differing and len(happening.about) > 1:
            kept = happening.about[1:]
            self.telling.meetings[meeting] = "DIFFERENT"
            self.telling.unsigned[meeting] = frozenset({happening.about[0][1]})
            short = replace(happening, about=kept, boxes=frozenset(key for _, key in kept))
            return happening.witnesses, short
        self.telling.meetings[meeting] = "CONFIRMED"
        return happening.witnesses, None

    def _witness(self, happening: Happening, party: str, said: int, random: Random) -> None:
        """Tell ``happening`` as ``party``, perhaps wrong at first; what stands in the end is right."""
        pen, rates = self._pen, self._rates
        right = pen.milestone(happening, party, said)
        published = min(self._world.now, happening.at + span(random, 1, 40, MINUTE))
        if random.random() < rates.late:
            published = min(self._world.now, published + span(random, 0.5, 6, DAY))
        first = pen.record(party, type_of(happening), published, right)
        fault = random.random()
        boxes = [place for place, (kind, _) in enumerate(happening.about) if kind == "container"]
        chain = [first]
        if (fault := fault - rates.wrong_time) < 0:
            first["data"] = self._misdated(happening, party, said, random)
            chain.append(pen.correct(party, first, published + HOUR, right, "WRONG_TIME"))
        elif (fault := fault - rates.wrong_again) < 0:
            first["data"] = self._misdated(happening, party, said, random)
            again = self._misdated(happening, party, said, random)
            chain.append(pen.correct(party, first, published + HOUR, again, "WRONG_TIME"))
            chain.append(pen.correct(party, chain[1], published + 2 * HOUR, right, "WRONG_TIME"))
        elif (fault := fault - rates.wrong_box) < 0 and boxes:
            place = random.choice(boxes)
            about = list(happening.about)
            about[place] = ("container", numbers.transposed(about[place][1]))
            first["data"] = pen.milestone(happening, party, said, tuple(about))
            chain.append(pen.correct(party, first, published + HOUR, right, "WRONG_OBJECT"))
        elif (fault - rates.revived) < 0:
            wrong = self._misdated(happening, party, said, random)
            chain.append(pen.correct(party, first, published + HOUR, wrong, "WRONG_TIME"))
            chain.append(pen.retract(party, chain[1], published + 2 * HOUR, "OTHER"))
        self._send(party, published, chain, random)

    def _misdated(self, happening: Happening, party: str, said: int, random: Random) -> dict[str, object]:
        wrong = said + random.choice((-1, 1)) * span(random, 1, 30, HOUR)
        return self._pen.milestone(happening, party, wrong)

    def _send(self, party: str, published: int, chain: list[Record], random: Random) -> None:
        """Send the records of a chain, now and then the last one first."""
        times = [published + step * HOUR for step in range(len(chain))]
        if len(chain) > 1 and random.random() < self._rates.overtaking:
            times.reverse()
        self.telling.messages += [
            Message(sent, party, record) for sent, record in zip(times, chain, strict=True)
        ]

    def _equivocate(self, happening: Happening, party: str, said: int, random: Random) -> None:
        """Two different messages under one id: neither counts, so nobody has heard it from this party."""
        published = min(self._world.now, happening.at + span(random, 1, 40, MINUTE))
        one = self._pen.record(
            party, type_of(happening), published, self._pen.milestone(happening, party, said)
        )
        other = {**one, "data": self._pen.milestone(happening, party, said - span(random, 5, 300, MINUTE))}
        for step, record in enumerate((one, other)):
            self.telling.messages.append(Message(published + step * HOUR, party, record))
        self.telling.equivocations += 1
