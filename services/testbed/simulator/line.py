"""Trains on the line: composed, run, held, handed over, ended; each step reported, and the train's place noted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from services.testbed.simulator import numbers
from services.testbed.simulator.conditions import lasting
from services.testbed.simulator.fleet import Wagons
from services.testbed.simulator.service import Service, Train
from services.testbed.simulator.tracks import NO_TRACKS, State, Tracks
from services.testbed.simulator.world import HOUR, MINUTE, Details, Happening, Wagon, World, span


class Line:
    """Runs trains through the world; ``pools`` are the railways' wagons."""

    def __init__(self, world: World, tracks: Tracks = NO_TRACKS) -> None:
        self.world = world
        self.tracks = tracks
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

    def free(self, wagon: Wagon, at: int) -> None:
        """The wagon is empty from ``at`` on and serves its railway again."""
        self.pools[wagon.loaded.author].unload(wagon, at)

    def compose(
        self, service: Service, part: int, wagons: list[Wagon], at: int, place: str, formation: str = ""
    ) -> Train:
        """Make a train of ``wagons`` for section ``part``, under a number and service date of its railway."""
        railway = service.sections[part].railway
        zone = timedelta(hours=8 if railway in ("cr", "ubtz") else 3)
        day = (datetime.fromtimestamp(at / 1_000_000, UTC) + zone).date().isoformat()
        key = numbers.train(railway, day, self.world.serial(f"train {railway}") % 1_000, place)
        details = {
            "train": key,
            "wagons": [w.number for w in wagons],
            "place": f"railnet:{place}",
            "from": at,
        }
        bond = self.world.bind("link.train_composed", railway, at + 10 * MINUTE, details)
        return Train(key, railway, list(wagons), bond, at, service, part, formation or key)

    def detach(self, train: Train, wagon: Wagon, at: int) -> None:
        """Take ``wagon`` out of ``train``; in writing the list is corrected and the wagon gets an end of its own."""
        train.wagons.remove(wagon)
        if at > self.world.now:
            return
        known = at + 20 * MINUTE
        old = train.composed.versions[-1][2]
        if train.wagons:
            train.composed.revise(at, known, {"wagons": [w.number for w in train.wagons]})
            details = {**old, "wagons": [wagon.number], "to": at}
            self.world.bind("link.train_composed", train.railway, known, details)
        else:
            train.composed.revise(at, known, {"to": at})

    def end(self, train: Train, at: int, random: Random) -> None:
        """The train is no more; some railways write that down."""
        if random.random() < 0.4 and train.wagons:
            train.composed.revise(at, at + HOUR, {"to": at})

    def report(
        self,
        what: str,
        train: Train,
        at: int,
        place: str,
        witnesses: Iterable[str] = (),
        *,
        jurisdiction: str = "",
        occurrence: str = "",
        details: Details | None = None,
        alone: bool = False,
        known: int = 0,
        contested: bool = False,
    ) -> int:
        """Something that a whole train does at a station; its railway reports it first, unless customs or others do ``alone``."""
        return self.world.happen(
            Happening(
                at,
                what,
                (("train", train.key),),
                tuple(witnesses) if jurisdiction or alone else (train.railway, *witnesses),
                frozenset(train.boxes),
                place=f"railnet:{place}" if place else "",
                occurrence=occurrence,
                jurisdiction=jurisdiction,
                details=details or {},
                known=known,
                contested=contested,
            )
        )

    def stand(self, train: Train, start: int, end: int, station: str, state: State) -> None:
        """The train is at ``station`` from ``start`` to ``end``."""
        self.tracks.stand(train, start, end, station, state)

    def depart(self, train: Train, at: int, place: str) -> int:
        """The train leaves ``place``; the operator reports it too."""
        return self.report("movement.departed", train, at, place, (train.service.operator,))

    def run(
        self, train: Train, stations: Sequence[str], leaves: int, random: Random, *, departs: bool = True
    ) -> int:
        """Run from the first to the last of ``stations``, reporting the position in between; return the arrival."""
        hours = train.service.hours
        slowness = random.uniform(1.0, 1.25)
        at = self.depart(train, leaves, stations[0]) if departs else leaves
        for before, here in pairwise(stations):
            left = at
            at += span(random, 1.0, 1.03, int((hours[here] - hours[before]) * slowness * HOUR))
            self.tracks.move(train, left, at, before, here)
            if here == stations[-1]:
                break
            self.pass_by(train, at, here, random)
            goes = at + lasting(random, "stop-at-a-station")
            self.stand(train, at, goes, here, State.STANDING)
            at = goes
        return at

    def pass_by(self, train: Train, at: int, here: str, random: Random) -> None:
        """The train reports where it is."""
        self.report(
            "movement.position_reported", train, at, here, details={"delay_minutes": random.randrange(120)}
        )

    def cross(self, train: Train, receives: str, at: int, random: Random) -> int:
        """Hand the boxes of ``train`` over to the next railway at ``at``; both sides sign for the same list."""
        boxes, delivers, crossing = train.boxes, train.railway, train.section.into
        number = f"{crossing}-{self.world.serial('list'):05d}"
        self._announce(train, crossing, receives, at, number, lasting(random, "announced-before-border"))
        details_by_party = {
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
                details={"delivered_train": train.key, "list_number": number},
                details_by_party=details_by_party,
            )
        )

    def _announce(
        self, train: Train, crossing: str, receives: str, meets: int, number: str, ahead: int
    ) -> None:
        """The advance list: a plan, which moves nothing."""
        stated = {"counterparty": receives, "classifier": "PLN", "list_number": number, "happened": meets}
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
                details=stated,
            )
        )
