"""From the last station to the empty box: papers, release, gate-out, delivery."""

from __future__ import annotations

from random import Random

from services.testbed.simulator import numbers
from services.testbed.simulator.conditions import lasting
from services.testbed.simulator.customs import Customs
from services.testbed.simulator.fleet import Boxes
from services.testbed.simulator.line import Line
from services.testbed.simulator.origin import Origin
from services.testbed.simulator.service import End, Train
from services.testbed.simulator.tracks import State
from services.testbed.simulator.world import DAY, HOUR, Cargo, Details, Happening, World

Things = tuple[tuple[str, str], ...]


class Destination:
    """What happens at the end of a service to a train's boxes and to the cargoes in them."""

    def __init__(self, world: World, boxes: Boxes, origin: Origin, line: Line, customs: Customs) -> None:
        self._world = world
        self._boxes = boxes
        self._origin = origin
        self._line = line
        self._customs = customs

    def arrive(self, train: Train, at: int, random: Random) -> None:
        """The train is there; everything that follows happens to its boxes and cargoes one by one."""
        end, operator = train.service.destination, train.service.operator
        self._line.report("movement.arrived_at_destination", train, at, end.station, (end.terminal,))
        self._line.end(train, at + HOUR, random)
        boxes = train.boxes
        self._close_transit(boxes, at, end)
        for cargo in self._world.cargo_in(boxes, at):
            if cargo.key not in self._world.cleared:
                self._world.cleared[cargo.key] = self._papers(random, cargo, at, end, operator)
        emptied = at
        for wagon in train.wagons:
            unloaded = at + lasting(random, "unloaded")
            for number, box in enumerate(wagon.boxes):
                lifted = unloaded + number * 600_000_000
                self._world.happen_to_box("movement.unloaded", box, lifted, (end.terminal,), {}, end.place)
                self._out(random, box, unloaded, end)
            emptied = max(emptied, unloaded)
            self._line.free(wagon, unloaded + HOUR)
        self._line.stand(train, at, emptied + HOUR, end.station, State.UNLOADING)

    def _close_transit(self, boxes: list[str], at: int, end: End) -> None:
        """Customs at the end close the transit: of its declaration where there is one for all, else of the boxes."""
        number = self._customs.transit.ended(boxes, at, end.country, end.customs)
        about = number or tuple(("container", box) for box in boxes)
        self._world.happen(
            Happening(
                at + 5 * HOUR, "customs.transit_closed", about, (end.customs,), frozenset(boxes),
                jurisdiction=end.country,
            )
        )  # fmt: skip

    def _papers(self, random: Random, cargo: Cargo, at: int, end: End, operator: str) -> int:
        """Clear the import of ``cargo``; return when it is done."""
        note = (("note", self._world.notes.get(cargo.key, cargo.note)),)
        forwarder, country = end.forwarders[0], end.country
        notice = at + 2 * HOUR
        self._cargo(
            "document.arrival_notice_issued", cargo, note, notice, (end.terminal,), {}, place=end.place
        )
        lodged = at + lasting(random, "import-lodged")
        entry = numbers.declaration(country, random, cargo.note[-4:], enters=True)
        covers = {"declaration": entry, "notes": [note[0][1]], "from": lodged}
        self._world.bind("link.declaration_covers", forwarder, lodged + random.choice((0, 2 * DAY)), covers)
        declared = (("declaration", entry),)
        filed = self._origin.trades.imported(cargo, country)
        self._cargo("customs.import_lodged", cargo, declared, lodged, (forwarder,), filed, country=country)
        released = lodged + lasting(random, "import-released")
        details, both = {"procedure": "IMPORT"}, (end.customs, forwarder)
        self._cargo("customs.released", cargo, declared, released, both, details, country=country)
        ordered = {"document_id": f"SIM-DO-{self._world.serial('order')}"}
        when = released + lasting(random, "release-ordered")
        holder = cargo.bank or operator  # a bank lets go of what it financed
        self._cargo("document.release_order_issued", cargo, note, when, (holder,), ordered)
        return when

    def _out(self, random: Random, box: str, unloaded: int, end: End) -> None:
        """Gate-out and delivery of a box of its own cargo, or the deliveries out of a consolidated one."""
        cargoes = self._world.cargo_in([box], unloaded)
        if not cargoes:
            return
        terminal = (end.terminal,)
        ready = max(unloaded, *(self._world.cleared.get(cargo.key, unloaded) for cargo in cargoes))
        available = ready + lasting(random, "available")
        self._world.happen_to_box("movement.available", box, available, terminal, {"free_days": 5}, end.place)
        at = available + lasting(random, "fetched")
        if cargoes[0].consolidated:
            for cargo in cargoes:
                note = (("note", self._world.notes.get(cargo.key, cargo.note)),)
                self._cargo("movement.delivered", cargo, note, at, (cargo.consignee,), {})
                at += lasting(random, "delivered-from-shared-box")
        else:
            self._world.happen_to_box(
                "movement.gated_out", box, at, (end.terminal, end.forwarders[0]), {}, end.place
            )
            at += lasting(random, "delivered")
            self._world.happen_to_box("movement.delivered", box, at, (cargoes[0].consignee,), {})
        returned = at + lasting(random, "empty-returned")
        self._world.happen_to_box("movement.empty_returned", box, returned, terminal, {}, end.place)
        bonds, alone = self._origin.assigned[box]
        known = returned + 6 * HOUR
        if alone and random.random() < 0.3 and known <= self._world.now:
            self._boxes.close(box, returned + HOUR, known, bonds)
        self._boxes.give_back(box, returned + lasting(random, "empty-ready-again"), bonds, alone, end.country)

    def _cargo(
        self,
        what: str,
        cargo: Cargo,
        about: Things,
        at: int,
        witnesses: tuple[str, ...],
        details: Details,
        *,
        place: str = "",
        country: str = "",
    ) -> None:
        self._world.happen(
            Happening(
                at,
                what,
                about,
                witnesses,
                cargoes=frozenset({cargo.key}),
                place=place,
                jurisdiction=country,
                details=details,
            )
        )
