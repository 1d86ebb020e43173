"""The faults of messages (late, twice, wrong and put right, contradicting, one-sided), each planned and noted.

How often a fault befalls a party's messages follows its manner: an honest one now and then errs, a careless one often, and a
dishonest one moves times, signs short lists and publishes two contents under one id. Beside these: reports of what did not
happen, retracted or by parties that have no part in the cargo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType

from services.testbed.simulator import numbers
from services.testbed.simulator.conditions import Outage, sent_after
from services.testbed.simulator.conduct import (
    FORBIDDEN,
    FORBIDDEN_AS,
    INTERFERENCES,
    Interference,
    altered,
    alters,
    backdated,
    backdates,
)
from services.testbed.simulator.parties import PARTIES, Manner
from services.testbed.simulator.reports import (
    Altered,
    Disputed,
    Message,
    Publication,
    Record,
    RecordWriter,
    Reported,
    UnengagedReport,
    type_of,
)
from services.testbed.simulator.service import Service
from services.testbed.simulator.world import DAY, HOUR, MINUTE, Bond, Cargo, Happening, World, span

DISPUTABLE: Mapping[str, int] = MappingProxyType(
    {
        "movement.arrived": 30 * MINUTE,
        "movement.arrived_at_destination": 30 * MINUTE,
        "movement.gated_in": 60 * MINUTE,
        "movement.handed_over": 60 * MINUTE,
        "movement.queued": 60 * MINUTE,
        "customs.released": 15 * MINUTE,
    }
)
"""How far two parties may differ about these before it is a dispute."""
ZONES_APART = (-8, -5, -3, -2, 2, 3, 5, 8)
"""By how many hours a time is wrong that was written by another party's clock."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each fault befalls a message (or a hand-over, or a consignment) of an honest party."""

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
    wrong_zone: float = 0.01  # written by another clock, and put right

    def of(self, manner: Manner) -> Rates:
        """The rates of a party of that manner."""
        careless, dishonest = manner is Manner.CARELESS, manner is Manner.DISHONEST
        slips = 3.0 if careless else 1.0
        lies = 4.0 if dishonest else 1.0
        return replace(
            self,
            late=min(1.0, self.late * slips),
            twice=min(1.0, self.twice * slips),
            wrong_time=self.wrong_time * slips,
            wrong_box=self.wrong_box * slips,
            wrong_zone=self.wrong_zone * slips,
            disputed=min(1.0, self.disputed * lies),
            equivocated=min(1.0, self.equivocated * lies),
        )


NO_FAULTS = Rates(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


class Reporter:
    """Tells every happening and bond of a world through its witnesses, as soon as the world comes to it.

    ``sink`` takes the messages instead of ``publication.messages``; ``outages`` hold them back.
    """

    def __init__(
        self,
        world: World,
        rates: Rates,
        outages: tuple[Outage, ...] = (),
        sink: Callable[[Message], None] | None = None,
    ) -> None:
        self._world = world
        self._rates = rates
        self._of = {code: rates.of(party.manner) for code, party in PARTIES.items()}
        self._outages = outages
        self._writer = RecordWriter(world)
        self.publication = Publication()
        self._sink = self.publication.messages.append if sink is None else sink
        world.on_happening, world.on_bond = self.report_happening, self.report_bond

    @property
    def writer(self) -> RecordWriter:
        return self._writer

    def publish(self) -> Publication:
        """All that was published; messages are in the order in which they are sent."""
        self.publication.messages.sort(key=lambda m: (m.sent, m.party, m.record["id"]))
        return self.publication

    def post(self, message: Message, random: Random | None = None) -> None:
        """Send ``message``, now and then more than once, and not before its party can send at all."""
        copies = 1
        if random is not None and random.random() < self._of[message.party].twice:
            copies = random.choice((2, 2, 3))
        sent = min(self._world.now, sent_after(self._outages, message.party, message.sent))
        self._sink(replace(message, sent=sent, copies=copies))

    def report_bond(self, bond: Bond) -> None:
        """Tell what is newly written of ``bond``."""
        random = self._world.random("bond", bond.number, len(bond.versions))
        late = span(random, 1, 6, DAY) if random.random() < self._of[bond.author].late else 0
        ahead = random.random() < self._rates.overtaking
        for message in self._writer.written(bond, late, ahead):
            self.post(message, random)

    def report(
        self,
        party: str,
        what: str,
        published: int,
        data: Mapping[str, object],
        sent: int = 0,
        refused_as: str = "",
    ) -> Record:
        """Let ``party`` send a record besides what happens; return it."""
        record = self._writer.record(party, f"cre.{what}.v1", published, data)
        self.post(Message(sent or published, party, record, refused_as=refused_as))
        return record

    def unengaged(self, report: UnengagedReport) -> None:
        """Note a report that must move nothing."""
        if not self._world.forgetful:
            self.publication.unengaged.append(report)

    def estimate(self, service: Service, cargo: Cargo, booked: int) -> None:
        """The operator estimates the arrival of a booking; an estimate moves nothing."""
        at = booked + 6 * HOUR
        if at > self._world.now:
            return
        what, party = "movement.arrived_at_destination", service.operator
        about = (("booking", cargo.booking),)
        place = service.destination.place
        happening = Happening(at, what, about, (party,), place=place, details={"classifier": "EST"})
        self.report(party, what, at, self._writer.milestone(happening, party, booked + 28 * DAY))

    def report_happening(self, happening: Happening, number: str) -> None:
        """Tell ``happening``."""
        random = self._world.random("happening", number)
        witnesses, lists = self._signed(happening, random)
        disputed = (
            len(witnesses) > 1
            and lists is None
            and happening.what in DISPUTABLE
            and random.random() < max(self._of[party].disputed for party in witnesses[1:])
        )
        for place, party in enumerate(witnesses):
            stated = happening.at
            if place and backdates(happening, party, random):
                stated, disputed = stated - backdated(random), True
            elif place and disputed:
                stated -= DISPUTABLE[happening.what] + span(random, 10, 40, MINUTE)
            elif place:
                stated -= span(random, 0, 8, MINUTE)
            about = lists if lists is not None and place else happening
            alone = happening.what == "movement.position_reported" or (place and not disputed)
            equivocated = random.random() < self._of[party].equivocated
            if alone and not happening.details_by_party and equivocated:
                self._equivocate(happening, party, stated, random)
                continue
            relayed = place and disputed and alters(happening, party)
            version = self._altered(happening, party, stated) if relayed else about
            self._witness(version, party, stated, random)
            if not self._world.forgetful:
                self.publication.reported.append(Reported(about, party, stated))
        if (disputed or happening.contested) and not self._world.forgetful:
            for ref in happening.about:
                self.publication.disputed.append((Disputed(happening.what, happening.place, ref), happening))

    def _altered(self, happening: Happening, party: str, stated: int) -> Happening:
        """What ``party`` reports of a release by customs, with their message as it has altered it."""
        if not self._world.forgetful:
            version = ((Altered(happening.what, ref, party), happening) for ref in happening.about)
            self.publication.altered.extend(version)
        relay = {"relay": altered(happening, self._writer.text(party, stated))}
        return replace(happening, details_by_party={**happening.details_by_party, party: relay})

    def _signed(self, happening: Happening, random: Random) -> tuple[tuple[str, ...], Happening | None]:
        """Who of the witnesses of a hand-over signs, and what the second one's list is if it differs."""
        if happening.what != "movement.handed_over":
            return happening.witnesses, None
        meeting = happening.place, happening.occurrence
        chance = random.random()
        if self._world.forgetful:
            self.publication.meetings.clear()  # nobody will ask
            self.publication.unsigned.clear()
        if chance < self._rates.one_sided:
            self.publication.meetings[meeting] = "ONE_SIDED"
            return (random.choice(happening.witnesses),), None
        if chance < self._rates.one_sided + self._rates.differing and len(happening.about) > 1:
            kept = happening.about[1:]
            self.publication.meetings[meeting] = "DIFFERENT"
            self.publication.unsigned[meeting] = frozenset({happening.about[0][1]})
            short = replace(happening, about=kept, boxes=frozenset(key for _, key in kept))
            return happening.witnesses, short
        self.publication.meetings[meeting] = "CONFIRMED"
        return happening.witnesses, None

    def _witness(self, happening: Happening, party: str, stated: int, random: Random) -> None:
        """Tell ``happening`` as ``party``, perhaps wrong at first and right in the end."""
        writer, rates = self._writer, self._of[party]
        right = writer.milestone(happening, party, stated)
        published = self._published(happening, random)
        if random.random() < rates.late:
            published = min(self._world.now, published + span(random, 0.5, 6, DAY))
        first = writer.record(party, type_of(happening), published, right)
        fault = random.random()
        boxes = [place for place, (kind, _) in enumerate(happening.about) if kind == "container"]
        chain = [first]
        if (fault := fault - rates.wrong_zone) < 0:
            first["data"] = writer.milestone(happening, party, stated + random.choice(ZONES_APART) * HOUR)
            chain.append(writer.correct(party, first, published + HOUR, right, "WRONG_TIME"))
        elif (fault := fault - rates.wrong_time) < 0:
            first["data"] = self._misdated(happening, party, stated, random)
            chain.append(writer.correct(party, first, published + HOUR, right, "WRONG_TIME"))
        elif (fault := fault - rates.wrong_again) < 0:
            first["data"] = self._misdated(happening, party, stated, random)
            again = self._misdated(happening, party, stated, random)
            chain.append(writer.correct(party, first, published + HOUR, again, "WRONG_TIME"))
            chain.append(writer.correct(party, chain[1], published + 2 * HOUR, right, "WRONG_TIME"))
        elif (fault := fault - rates.wrong_box) < 0 and boxes:
            place = random.choice(boxes)
            about = list(happening.about)
            about[place] = ("container", numbers.transposed(about[place][1]))
            first["data"] = writer.milestone(happening, party, stated, tuple(about))
            chain.append(writer.correct(party, first, published + HOUR, right, "WRONG_OBJECT"))
        elif (fault - rates.revived) < 0:
            wrong = self._misdated(happening, party, stated, random)
            chain.append(writer.correct(party, first, published + HOUR, wrong, "WRONG_TIME"))
            chain.append(writer.retract(party, chain[1], published + 2 * HOUR, "OTHER"))
        self._send(party, published, chain, random)

    def _misdated(self, happening: Happening, party: str, stated: int, random: Random) -> dict[str, object]:
        wrong = stated + random.choice((-1, 1)) * span(random, 1, 30, HOUR)
        return self._writer.milestone(happening, party, wrong)

    def _send(self, party: str, published: int, chain: list[Record], random: Random) -> None:
        """Send the records of a chain, now and then the last one first."""
        times = [published + step * HOUR for step in range(len(chain))]
        if len(chain) > 1 and random.random() < self._rates.overtaking:
            times.reverse()
        for sent, record in zip(times, chain, strict=True):
            self.post(Message(sent, party, record), random)

    def _equivocate(self, happening: Happening, party: str, stated: int, random: Random) -> None:
        """Two different messages under one id: neither counts."""
        published = self._published(happening, random)
        one = self._writer.record(
            party, type_of(happening), published, self._writer.milestone(happening, party, stated)
        )
        other = {
            **one,
            "data": self._writer.milestone(happening, party, stated - span(random, 5, 300, MINUTE)),
        }
        for step, record in enumerate((one, other)):
            self.post(Message(published + step * HOUR, party, record), random)
        self.publication.equivocations += 1

    def _published(self, happening: Happening, random: Random) -> int:
        return min(self._world.now, max(happening.at, happening.known) + span(random, 1, 40, MINUTE))


RETRACTED = (
    ("movement.gated_out", "duisport", "railnet:duisburg"),
    ("movement.unloaded", "duisport", "railnet:duisburg"),
    ("movement.arrived", "rzd", "railnet:krasnoe"),
)


class FalseReports:
    """Spreads false reports about boxes that carry cargo; ``at`` is when, and nothing is older than that."""

    def __init__(self, world: World, reporter: Reporter) -> None:
        self._world = world
        self._reporter = reporter

    def spread(self, at: int, boxes: Sequence[str], retracted: int, strange: int, stolen: int) -> None:
        """Add so many reports that are taken back, that come from nobody's party, and of thefts on paper.

        With the reports of strangers come those that no party of that role may publish.
        """
        random = self._world.random("rumours", at)
        aboard = [box for box in boxes if self._world.cargo_in([box], at)]
        if not aboard:
            return
        for number in range(retracted):
            self._retracted(random, random.choice(aboard), number, at + span(random, 0, 10, HOUR))
        for number in range(strange):
            self._interfere(INTERFERENCES[number % len(INTERFERENCES)], random.choice(aboard), at, random)
        for _ in range(stolen):
            self._steal(random.choice(aboard), at, at + span(random, 0, 20, HOUR))
        for interference in FORBIDDEN if strange else ():
            self._publish_forbidden(interference, random.choice(aboard), at + span(random, 0, 20, HOUR))

    def _retracted(self, random: Random, box: str, number: int, at: int) -> None:
        what, party, place = RETRACTED[number % len(RETRACTED)]
        if at > self._world.now:
            return
        writer = self._reporter.writer
        record = writer.record(
            party, f"cre.{what}.v1", at, self._data_of(Interference(party, what, place), box, at)
        )
        back = writer.retract(party, record, at + HOUR, "DID_NOT_HAPPEN")
        self._reporter.post(Message(at, party, record))
        self._reporter.post(Message(at + random.choice((-HOUR, HOUR)), party, back))

    def _interfere(self, interference: Interference, box: str, at: int, random: Random) -> None:
        when = at + span(random, 37, 40, HOUR)
        if when > self._world.now:
            return
        self._reporter.report(
            interference.party, interference.what, when, self._data_of(interference, box, when)
        )
        self._reporter.unengaged(
            UnengagedReport(
                interference.party, interference.what, interference.place, ("container", box), when
            )
        )

    def _publish_forbidden(self, interference: Interference, box: str, at: int) -> None:
        if at <= self._world.now:
            stated = self._data_of(interference, box, at)
            self._reporter.report(interference.party, interference.what, at, stated, refused_as=FORBIDDEN_AS)

    def _data_of(self, interference: Interference, box: str, at: int) -> dict[str, object]:
        happening = Happening(
            at,
            interference.what,
            (("container", box),),
            (interference.party,),
            place=interference.place,
            occurrence=interference.occurrence,
            jurisdiction=interference.jurisdiction,
            details=interference.details,
        )
        return self._reporter.writer.milestone(happening, interference.party, at)

    def _steal(self, box: str, since: int, at: int) -> None:
        """A stranger founds a consignment of his own around a box that carries somebody else's cargo."""
        party = "driftline"
        if at > self._world.now:
            return
        reference = f"INVENTED-{self._world.serial('theft')}"
        details = {"reference": reference, "containers": [box], "from": since, "parties": []}
        self._reporter.report(
            party, "link.consignment_opened", at, self._reporter.writer.dated(party, details)
        )
