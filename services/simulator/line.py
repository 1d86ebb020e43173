"""Trains on the line: sections of one railway each, and what happens where one section meets the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from random import Random
from types import MappingProxyType

from schemas import railnet
from services.simulator import numbers
from services.simulator.fleet import Wagons
from services.simulator.world import HOUR, MINUTE, Bond, Happening, Says, Wagon, World, span

CORRIDOR = "WEST-ALA-W"


@dataclass(frozen=True, slots=True)
class Section:
    """The part of the corridor that one railway runs: from ``first`` to ``last``, telling its position at ``tells``."""

    railway: str
    first: str
    last: str
    tells: tuple[str, ...]
    into: str  # the crossing at its end, "" at the destination


SECTIONS = (
    Section(
        "cr", "xian-intl-port", "alashankou", ("lanzhou", "hami", "urumqi", "kuytun"), "alashankou-dostyk"
    ),
    Section("ktz", "dostyk", "semiglavy-mar", ("mointy", "saksaul", "aktobe"), "ozinki-semiglavy-mar"),
    Section("rzd", "ozinki", "krasnoe", ("rtishchevo", "smolensk"), "krasnoe-osinovka"),
    Section("bch", "osinovka", "brest-severny", ("orsha", "minsk"), "brest-malaszewicze"),
    Section("pkp", "malaszewicze", "rzepin", ("warsaw", "poznan"), "rzepin-frankfurt"),
    Section("db", "frankfurt-oder", "duisburg", ("hannover",), ""),
)


@cache
def hours_from_origin() -> Mapping[str, float]:
    """Running time from Xi'an to each station of the corridor, in hours."""
    total = 0.0
    hours: dict[str, float] = {}
    for leg in railnet.corridors()[CORRIDOR].legs:
        hours.setdefault(leg.from_station, total)
        total += leg.run_hours
        hours[leg.to_station] = total
    return MappingProxyType(hours)


@dataclass(slots=True)
class Train:
    """A train of one railway with its wagons and the bond that composes it."""

    key: str
    railway: str
    wagons: list[Wagon]
    composed: Bond
    since: int

    @property
    def boxes(self) -> list[str]:
        return [box for wagon in self.wagons for box in wagon.boxes]


class Line:
    """Runs trains through the world; ``pools`` are the railways' wagons."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pools = {railway: Wagons(world, railway) for railway in numbers.CODE}

    def load(self, railway: str, boxes: Sequence[str], at: int, place: str, random: Random) -> list[Wagon]:
        """Put ``boxes`` on wagons of ``railway``, two on most of them."""
        wagons, left = [], list(boxes)
        while left:
            on_it = tuple(left[: random.choice((1, 2, 2, 2))])
            left = left[len(on_it) :]
            late = random.choice((0, 0, 0, 20 * HOUR))  # the wagon list now and then comes after the train
            wagons.append(self.pools[railway].load(on_it, at, place, late))
        return wagons

    def compose(self, railway: str, wagons: list[Wagon], at: int, place: str) -> Train:
        """Make a train of ``wagons``, under a number and service date of ``railway``."""
        zone = timedelta(hours=8 if railway == "cr" else 3)
        day = (datetime.fromtimestamp(at / 1_000_000, UTC) + zone).date().isoformat()
        key = numbers.train(railway, day, self.world.serial(f"train {railway}") % 1_000, place)
        says = {"train": key, "wagons": [w.number for w in wagons], "place": f"railnet:{place}", "from": at}
        bond = self.world.bind("link.train_composed", railway, at + 10 * MINUTE, says)
        return Train(key, railway, list(wagons), bond, at)

    def detach(self, train: Train, wagon: Wagon, at: int) -> None:
        """Take ``wagon`` out of ``train``; in writing the list is corrected and the wagon gets an end of its own."""
        train.wagons.remove(wagon)
        if at > self.world.now:
            return
        known = at + 20 * MINUTE
        old = train.composed.versions[-1][2]
        if train.wagons:
            train.composed.revise(at, known, {"wagons": [w.number for w in train.wagons]})
            says = {**old, "wagons": [wagon.number], "to": at}
            self.world.bind("link.train_composed", train.railway, known, says)
        else:
            train.composed.revise(at, known, {"to": at})

    def end(self, train: Train, at: int, random: Random) -> None:
        """The train is no more; some railways write that down."""
        if random.random() < 0.4 and train.wagons:
            train.composed.revise(at, at + HOUR, {"to": at})

    def say(
        self,
        what: str,
        train: Train,
        at: int,
        place: str,
        witnesses: Iterable[str] = (),
        *,
        jurisdiction: str = "",
        occurrence: str = "",
        says: Says | None = None,
    ) -> int:
        """Something that a whole train does at a station."""
        return self.world.happen(
            Happening(
                at,
                what,
                (("train", train.key),),
                (train.railway, *witnesses) if not jurisdiction else tuple(witnesses),
                frozenset(train.boxes),
                place=f"railnet:{place}" if place else "",
                occurrence=occurrence,
                jurisdiction=jurisdiction,
                says=says or {},
            )
        )

    def depart(self, train: Train, at: int, place: str) -> int:
        """The train leaves ``place``; the operator tells it too."""
        return self.say("movement.departed", train, at, place, ("xianport",))

    def run(self, train: Train, stations: Sequence[str], leaves: int, random: Random) -> int:
        """Run from the first to the last of ``stations``, telling the position in between; return the arrival."""
        hours = hours_from_origin()
        slowness = random.uniform(1.0, 1.25)
        at = self.depart(train, leaves, stations[0])
        for before, here in pairwise(stations):
            at += span(random, 1.0, 1.03, int((hours[here] - hours[before]) * slowness * HOUR))
            if here == stations[-1]:
                break
            said = {"delay_minutes": random.randrange(120)}
            self.say("movement.position_reported", train, at, here, says=said)
            at += span(random, 20, 50, MINUTE)
        return at

    def cross(
        self, train: Train, crossing: str, delivers: str, receives: str, at: int, random: Random
    ) -> int:
        """Hand the boxes of ``train`` over between two railways at ``at``; both sides sign for the same list."""
        boxes = train.boxes
        number = f"{crossing}-{self.world.serial('list'):05d}"
        self._announce(train, crossing, receives, at, number, span(random, 3, 6, HOUR))
        voices = {
            delivers: {"side": "DELIVERING", "counterparty": receives},
            receives: {"side": "RECEIVING", "counterparty": delivers},
        }
        return self.world.happen(
            Happening(
                at,
                "movement.handed_over",
                tuple(("container", box) for box in boxes),
                (delivers, receives),
                frozenset(boxes),
                place=f"crossing:{crossing}",
                occurrence=number,
                says={"delivered_train": train.key, "list_number": number},
                voices=voices,
            )
        )

    def _announce(
        self, train: Train, crossing: str, receives: str, meets: int, number: str, ahead: int
    ) -> None:
        """The advance list: a plan, which moves nothing."""
        said = {"counterparty": receives, "classifier": "PLN", "list_number": number, "happened": meets}
        about = tuple(("container", box) for box in train.boxes)
        self.world.happen(
            Happening(
                meets - ahead,
                "movement.advance_list_sent",
                about,
                (train.railway,),
                frozenset(train.boxes),
                place=f"crossing:{crossing}",
                occurrence=number,
                says=said,
            )
        )
