"""The links of the mix and the objects they concern: some linked before they are spoken of, a fifth after."""

from __future__ import annotations

from collections import deque
from random import Random

from services.testbed.bench import events
from services.testbed.bench import world as w
from services.testbed.bench.events import Said

_SPOKEN_OF_NEW = 0.014
"""Share of single objects' events about an object that no link names yet: enough for the late links."""
_SPOKEN_OF_LINKED = 0.05
_KINDS = ("container", "note", "declaration")


class Linking:
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

    def link(self, at: int, late: bool) -> Said:
        """A link that arrives at about ``at``; ``late``: for an object of which something was said already."""
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

    def _of(self, kind: str, number: int, at: int) -> Said:
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

    def _reloaded(self, at: int) -> Said:
        """Two boxes of a train stand on another wagon now, as after a change of gauge."""
        train, place = self._random.randrange(self._world.trains), self._random.randrange(w.WAGONS)
        riders = self._world.riders(train)[place * w.PER_WAGON : (place + 1) * w.PER_WAGON]
        boxes = ",".join(f'"{w.box(rider)}"' for rider in riders)
        party, station = self._random.choice((("ktz", "dostyk"), ("pkp", "malaszewicze")))
        on = w.wagon(train, w.WAGONS + place)
        body = f'"wagon":"{on}","containers":[{boxes}],"place":"railnet:{station}"'
        key = w.box(riders[0])
        return events.link(self._random, party, "wagon_loaded", key, body, at, len(riders))

    def _recomposed(self, at: int) -> Said:
        """A train goes on with the wagons of the other gauge."""
        number = self._random.randrange(self._world.trains)
        wagons = ",".join(f'"{w.wagon(number, w.WAGONS + place)}"' for place in range(w.WAGONS))
        party, station = self._random.choice((("ktz", "dostyk"), ("pkp", "malaszewicze")))
        body = f'"train":"{w.train(number)}","wagons":[{wagons}],"place":"railnet:{station}"'
        riders = len(self._world.riders(number))
        return events.link(self._random, party, "train_composed", w.train(number), body, at, riders)
