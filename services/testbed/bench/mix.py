"""The mix of the benchmark: which share of what, in which order it arrives; fixed by its numbers and a seed.

Events are drawn in the order in which their partners publish them and leave in the order in which they arrive, which
differs within ten minutes. A fifth of the links arrive after the events that need them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any, Final, Literal, NamedTuple

from services.testbed.bench import events
from services.testbed.bench import world as w
from services.testbed.bench.events import MINUTE, Statement

Defect = Literal["", "signature", "key", "source"]
"""What goes wrong at signing: nothing, a byte changed afterwards, a key that nobody registered, another's source."""


def with_defect(random: Random, stated: Statement) -> tuple[Statement, Defect]:
    """``stated`` as it must not be accepted, and what its signer still has to do wrong."""
    match random.randrange(6):
        case 0:
            return stated, "signature"
        case 1:
            return stated, "key"
        case 2:
            return stated, "source"
        case 3:  # no classifier
            return stated._replace(payload=stated.payload.replace('"classifier"', '"clasifier"', 1)), ""
        case 4:  # the same member twice
            return stated._replace(payload=stated.payload.replace("{", '{"salt":"0",', 1)), ""
        case _:  # a customs administration that runs trains
            return stated._replace(party="gacc", type="cre.movement.departed.v1"), ""


_SPOKEN_OF_NEW = 0.014
"""Share of single objects' events about an object that no link names yet: enough for the late links."""
_SPOKEN_OF_LINKED = 0.05
_KINDS = ("container", "note", "declaration")


class LinkSource:
    """Hands out objects to speak of, and links for them. ``patience`` microseconds lie between a link and its use."""

    def __init__(self, world: w.World, random: Random, patience: int) -> None:
        self._world, self._random, self._patience = world, random, patience
        self._fresh = dict.fromkeys(_KINDS, world.consignments)
        self._awaiting: dict[str, deque[tuple[int, int]]] = {kind: deque(maxlen=50_000) for kind in _KINDS}
        self._linked: dict[str, deque[tuple[int, int]]] = {kind: deque(maxlen=5_000) for kind in _KINDS}

    def box(self, at: int) -> str:
        """A container to speak of."""
        return w.box(self._pick("container", at))

    def note(self, at: int) -> str:
        """A consignment note to speak of."""
        return w.note(self._pick("note", at))

    def declaration(self, at: int) -> str:
        """A declaration to speak of."""
        return w.declaration(self._pick("declaration", at) // 4 * 4)

    def link(self, at: int, late: bool) -> Statement:
        """A link that arrives at about ``at``; ``late``: for an object that an event has named already."""
        chance = self._random.random()
        if late:
            kind = max(_KINDS, key=lambda kind: len(self._awaiting[kind]))
            if self._awaiting[kind]:
                since, number = self._awaiting[kind].popleft()
                return self._of(kind, number, since)
            return self._of("container", self._new("container"), at)
        if chance < 0.01:
            return self._recomposed(at)
        if chance < 0.30:
            return self._reloaded(at)
        kind = "container" if chance < 0.62 else "note" if chance < 0.88 else "declaration"
        number = self._new(kind)
        self._linked[kind].append((at + self._patience, number))
        return self._of(kind, number, at)

    def _pick(self, kind: str, at: int) -> int:
        chance = self._random.random()
        if chance < _SPOKEN_OF_NEW:
            number = self._new(kind)
            self._awaiting[kind].append((at, number))
            return number
        linked = self._linked[kind]
        if chance < _SPOKEN_OF_NEW + _SPOKEN_OF_LINKED and linked:
            ready, number = linked[self._random.randrange(len(linked))]
            if ready <= at:
                return number
        return self._random.randrange(self._world.consignments)

    def _new(self, kind: str) -> int:
        step = 4 if kind == "declaration" else 1
        number = self._fresh[kind] = (self._fresh[kind] // step + 1) * step
        return number

    def _of(self, kind: str, number: int, at: int) -> Statement:
        consignment = self._random.randrange(self._world.consignments)
        party, target = w.founder(consignment), w.key(consignment)
        carries = f'[{{"kind":"consignment","id":"{target}"}}]'
        if kind == "container":
            body = f'"containers":["{w.box(number)}"],"carries":{carries}'
            return events.link(self._random, party, "containers_assigned", w.box(number), body, at)
        if kind == "note":
            body = f'"note":"{w.note(number)}","covers":{carries}'
            return events.link(self._random, party, "note_covers", w.note(number), body, at)
        body = f'"declaration":"{w.declaration(number)}","notes":["{w.note(consignment)}"]'
        return events.link(self._random, party, "declaration_covers", w.declaration(number), body, at)

    def _reloaded(self, at: int) -> Statement:
        """Two boxes of a train stand on another wagon now, as after a change of gauge."""
        train, place = self._random.randrange(self._world.trains), self._random.randrange(w.WAGONS)
        riders = self._world.riders(train)[place * w.PER_WAGON : (place + 1) * w.PER_WAGON]
        boxes = ",".join(f'"{w.box(rider)}"' for rider in riders)
        party, station = self._random.choice((("ktz", "dostyk"), ("pkp", "malaszewicze")))
        on = w.wagon(train, w.WAGONS + place)
        body = f'"wagon":"{on}","containers":[{boxes}],"place":"railnet:{station}"'
        key = w.box(riders[0])
        return events.link(self._random, party, "wagon_loaded", key, body, at, len(riders))

    def _recomposed(self, at: int) -> Statement:
        """A train goes on with the wagons of the other gauge."""
        number = self._random.randrange(self._world.trains)
        wagons = ",".join(f'"{w.wagon(number, w.WAGONS + place)}"' for place in range(w.WAGONS))
        party, station = self._random.choice((("ktz", "dostyk"), ("pkp", "malaszewicze")))
        body = f'"train":"{w.train(number)}","wagons":[{wagons}],"place":"railnet:{station}"'
        riders = len(self._world.riders(number))
        return events.link(self._random, party, "train_composed", w.train(number), body, at, riders)


DISORDER: Final = 10 * MINUTE
PACE: Final = 400_000
"""Microseconds between two publications on average: 2.5 events a second, about what CRE is today."""
_RECENT = 4_000


class Planned(NamedTuple):
    """A message to be signed and sent; ``defect`` says what its signer does wrong, "" nothing."""

    party: str
    type: str
    id: str
    time: str
    key: str
    payload: bytes
    defect: Defect = ""


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of all messages; what is left are single objects' milestones, by ``ordinary``."""

    train_positions: float = 0.075
    train_milestones: float = 0.025
    links: float = 0.05
    late_links: float = 0.2  # of the links
    corrections: float = 0.005
    retractions: float = 0.005
    duplicates: float = 0.02
    refused: float = 0.01
    ordinary: dict[str, float] = field(
        default_factory=lambda: {
            "container": 0.52,
            "container_customs": 0.09,
            "declaration": 0.08,
            "note": 0.05,
            "paper": 0.07,
        }
    )

    def shares(self) -> dict[str, Any]:
        """The numbers of the mix, for the report."""
        return {
            **asdict(self),
            "median_payload_bytes": 800,
            "consignments_per_train": w.PER_TRAIN,
            "disorder_minutes": DISORDER // MINUTE,
        }


MIX: Final = Mix()


class Plan:
    """Draws ``count`` messages over ``world``; iterate once. ``counts`` and ``logical`` are complete afterwards.

    ``label`` begins every event's id. ``logical`` counts, per accepted and new event, the consignments it concerns.
    """

    def __init__(self, world: w.World, count: int, seed: int, label: str, mix: Mix = MIX) -> None:
        self._world, self._count, self._label, self._mix = world, count, label, mix
        self._random = Random(f"{seed}/{label}")
        self._linking = LinkSource(world, self._random, DISORDER)
        self._recent: deque[tuple[str, Statement]] = deque(maxlen=_RECENT)
        self._number = 0
        self.counts: Counter[str] = Counter()
        self.logical = 0

    def __iter__(self) -> Iterator[Planned]:
        waiting: list[tuple[int, int, Planned]] = []
        repeatable: deque[Planned] = deque(maxlen=1_500)
        kinds, weights = zip(*self._weights().items(), strict=True)
        for step in range(self._count):
            at = w.STARTS + step * PACE + self._random.randrange(PACE)
            kind = self._random.choices(kinds, weights)[0]
            if kind == "duplicate" and not repeatable:
                kind = "container"
            self.counts[kind] += 1
            if kind == "duplicate":
                planned = repeatable[self._random.randrange(len(repeatable))]
            else:
                planned = self._planned(kind, at)
                if kind != "refused":
                    repeatable.append(planned)
            # A duplicate is the same message once more, later than the one that it repeats or not.
            heappush(waiting, (at + self._random.randrange(DISORDER), step, planned))
            while waiting[0][0] <= at:
                yield heappop(waiting)[2]
        while waiting:
            yield heappop(waiting)[2]

    def _weights(self) -> dict[str, float]:
        mix = self._mix
        return {
            **mix.ordinary,
            "train_position": mix.train_positions,
            "train_milestone": mix.train_milestones,
            "link": mix.links * (1 - mix.late_links),
            "late_link": mix.links * mix.late_links,
            "correction": mix.corrections,
            "retraction": mix.retractions,
            "duplicate": mix.duplicates,
            "refused": mix.refused,
        }

    def _planned(self, kind: str, at: int) -> Planned:
        defect: Defect = ""
        if kind == "refused":
            stated, defect = with_defect(self._random, self._ordinary("container", at))
        elif kind in ("correction", "retraction") and self._recent:
            stated = self._pointing(kind == "correction", at)
        else:
            stated = self._stated(kind, at)
        self._number += 1
        identity = f"{self._label}-{self._number:08d}"
        if kind != "refused":
            self.logical += stated.reaches
            if not stated.type.startswith("cre.correction"):
                self._recent.append((identity, stated))
        return Planned(
            stated.party,
            stated.type,
            identity,
            events.publication(at),
            stated.key,
            stated.payload.encode(),
            defect,
        )

    def _stated(self, kind: str, at: int) -> Statement:
        if kind in ("train_position", "train_milestone"):
            return events.of_train(self._random, self._world, at, kind == "train_position")
        if kind in ("link", "late_link"):
            return self._linking.link(at, late=kind == "late_link")
        return self._ordinary(kind if kind in self._mix.ordinary else "container", at)

    def _ordinary(self, kind: str, at: int) -> Statement:
        random, linking = self._random, self._linking
        if kind == "container":
            return events.of_box(random, linking.box(at), at)
        if kind == "container_customs":
            return events.of_customs(random, ("container", linking.box(at)), at)
        if kind == "declaration":
            return events.of_customs(random, ("declaration", linking.declaration(at)), at)
        if kind == "note":
            return events.of_note(random, linking.note(at), at)
        return events.of_paper(random, random.randrange(self._world.consignments), at)

    def _pointing(self, replaces: bool, at: int) -> Statement:
        """A correction or retraction of something that its party published lately."""
        target, earlier = self._recent[self._random.randrange(len(self._recent))]
        start = f'{{"salt":"{events.salt(self._random)}","target":"{target}"'
        if not replaces:
            payload = f'{start},"reason":"DID_NOT_HAPPEN"}}'
            return Statement(
                earlier.party, "cre.correction.retracted.v1", earlier.key, payload, earlier.reaches
            )
        right = events.clock(earlier.party, at - self._random.randrange(90 * MINUTE))
        data = earlier.payload.replace(earlier.happened, right, 1) if earlier.happened else earlier.payload
        payload = f'{start},"reason":"WRONG_TIME","replacement":{{"type":"{earlier.type}","data":{data}}}}}'
        return Statement(earlier.party, "cre.correction.corrected.v1", earlier.key, payload, earlier.reaches)


def base(world: w.World) -> Iterator[Planned]:
    """What stands before the measured events begin: foundings, declarations, loaded wagons, composed trains."""
    random = Random("base")
    time = events.publication(w.STARTS - 24 * 60 * MINUTE)
    for number, (party, type_, key, body) in enumerate(world.openings()):
        payload = f'{{"salt":"{events.salt(random)}",{body}}}'
        yield Planned(party, type_, f"base-{number:08d}", time, key, payload.encode())
