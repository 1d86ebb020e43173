"""From the last station to the empty box: papers, release, gate-out, delivery."""

from __future__ import annotations

from random import Random

from services.simulator import numbers
from services.simulator.fleet import Boxes
from services.simulator.line import Line, Train
from services.simulator.origin import Origin
from services.simulator.world import DAY, HOUR, Cargo, Happening, Says, World, span

STATION = "railnet:duisburg"
BORDER = "railnet:malaszewicze"
Things = tuple[tuple[str, str], ...]


class Destination:
    """What happens at Duisburg to a train's boxes and to the cargoes in them."""

    def __init__(self, world: World, boxes: Boxes, origin: Origin, line: Line) -> None:
        self._world = world
        self._boxes = boxes
        self._origin = origin
        self._line = line
        self._notes: dict[str, str] = {}  # by cargo, where the note was exchanged
        self._cleared: dict[str, int] = {}  # by cargo: when its papers were done

    def exchange_notes(self, boxes: list[str], at: int) -> None:
        """At the border the notes of the one law become notes of the other, unless they are common ones."""
        for cargo in self._world.cargo_in(boxes, at):
            if cargo.key in self._notes or not cargo.note.startswith("SMGS/"):
                continue
            new = numbers.note("CIM", "PL", "MALASZEWICZE", self._world.serial("cim"), cargo.note[-4:])
            self._notes[cargo.key] = new
            says = {"form": "CIM", "replaces": [cargo.note]}
            self._cargo("document.note_reissued", cargo, (("note", new),), at, ("pkp",), says, BORDER)

    def arrive(self, train: Train, at: int, random: Random) -> None:
        """The train is there; everything that follows happens to its boxes and cargoes one by one."""
        self._line.say("movement.arrived_at_destination", train, at, "duisburg", ("duisport",))
        self._line.end(train, at + HOUR, random)
        boxes = train.boxes
        self._box_say("customs.transit_closed", boxes, at + 5 * HOUR, ("eu-de",), {}, "DE")
        for cargo in self._world.cargo_in(boxes, at):
            if cargo.key not in self._cleared:
                self._cleared[cargo.key] = self._papers(random, cargo, at)
        emptied = at
        for wagon in train.wagons:
            unloaded = at + span(random, 2, 12, HOUR)
            for number, box in enumerate(wagon.boxes):
                self._box_say("movement.unloaded", [box], unloaded + number * 600_000_000, ("duisport",), {})
                self._out(random, box, unloaded)
            emptied = max(emptied, unloaded)
            self._line.pools["pkp"].unload(wagon, unloaded + HOUR)

    def _papers(self, random: Random, cargo: Cargo, at: int) -> int:
        """Clear the import of ``cargo``; return when it is done."""
        note = (("note", self._notes.get(cargo.key, cargo.note)),)
        year = cargo.note[-4:]
        self._cargo("document.arrival_notice_issued", cargo, note, at + 2 * HOUR, ("duisport",), {}, STATION)
        lodged = at + span(random, 6, 10, HOUR)
        entry = numbers.declaration("DE", random, year)
        covers = {"declaration": entry, "notes": [note[0][1]], "from": lodged}
        self._world.bind("link.declaration_covers", "hansa", lodged + random.choice((0, 2 * DAY)), covers)
        declared = (("declaration", entry),)
        self._cargo("customs.import_lodged", cargo, declared, lodged, ("hansa",), {}, "", "DE")
        released = lodged + span(random, 2, 30, HOUR)
        says = {"procedure": "IMPORT"}
        self._cargo("customs.released", cargo, declared, released, ("eu-de", "hansa"), says, "", "DE")
        ordered = {"document_id": f"SIM-DO-{self._world.serial('order')}"}
        when = released + span(random, 1, 5, HOUR)
        self._cargo("document.release_order_issued", cargo, note, when, ("xianport",), ordered)
        return when

    def _out(self, random: Random, box: str, unloaded: int) -> None:
        """Gate-out and delivery of a box of its own cargo, or the deliveries out of a consolidated one."""
        cargoes = self._world.cargo_in([box], unloaded)
        if not cargoes:
            return
        ready = max(unloaded, *(self._cleared.get(cargo.key, unloaded) for cargo in cargoes))
        available = ready + span(random, 1, 3, HOUR)
        self._box_say("movement.available", [box], available, ("duisport",), {"free_days": 5})
        at = available + span(random, 10, 50, HOUR)
        if cargoes[0].consolidated:
            for cargo in cargoes:
                note = (("note", self._notes.get(cargo.key, cargo.note)),)
                self._cargo("movement.delivered", cargo, note, at, (cargo.consignee,), {})
                at += span(random, 2, 20, HOUR)
        else:
            self._box_say("movement.gated_out", [box], at, ("duisport", "hansa"), {})
            at += span(random, 3, 30, HOUR)
            self._box_say("movement.delivered", [box], at, (cargoes[0].consignee,), {}, placed=False)
        returned = at + span(random, 20, 60, HOUR)
        self._box_say("movement.empty_returned", [box], returned, ("duisport",), {})
        bonds, alone = self._origin.assigned[box]
        known = returned + 6 * HOUR
        if alone and random.random() < 0.3 and known <= self._world.now:
            self._boxes.close(box, returned + HOUR, known, bonds)
        self._boxes.give_back(box, returned + span(random, 9, 11, DAY), bonds, alone)

    def _cargo(
        self,
        what: str,
        cargo: Cargo,
        about: Things,
        at: int,
        witnesses: tuple[str, ...],
        says: Says,
        place: str = "",
        jurisdiction: str = "",
    ) -> None:
        self._world.happen(
            Happening(
                at,
                what,
                about,
                witnesses,
                cargoes=frozenset({cargo.key}),
                place=place,
                jurisdiction=jurisdiction,
                says=says,
            )
        )

    def _box_say(
        self,
        what: str,
        boxes: list[str],
        at: int,
        witnesses: tuple[str, ...],
        says: Says,
        jurisdiction: str = "",
        *,
        placed: bool = True,
    ) -> None:
        self._world.happen(
            Happening(
                at,
                what,
                tuple(("container", box) for box in boxes),
                witnesses,
                frozenset(boxes),
                place=STATION if placed and not jurisdiction else "",
                jurisdiction=jurisdiction,
                says=says,
            )
        )
