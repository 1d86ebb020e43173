"""From booking to the loaded box at Xi'an: what happens before a train can leave."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from services.simulator import numbers
from services.simulator.fleet import Boxes
from services.simulator.world import DAY, HOUR, MINUTE, Bond, Cargo, Happening, Says, World, span

ORIGIN = "xian-intl-port"
ROUTE = ("xian-intl-port", "alashankou", "dostyk", "ozinki", "brest-severny", "malaszewicze", "duisburg")
CONSOLIDATED = 0.15
INSPECTED = 0.15
RESTUFFED = 0.06
EVERYBODY = (
    ("boxlease", "container_owner"),
    ("hansa", "forwarder"),
    ("pkp", "railway"),  # files the entry summary declaration as the carrier
    ("xianport", "operator"),
)


class Origin:
    """Fills the boxes of one train after another."""

    def __init__(self, world: World, boxes: Boxes) -> None:
        self._world = world
        self._boxes = boxes
        self.assigned: dict[str, tuple[tuple[Bond, ...], bool]] = {}
        """By box: the bonds that assign it now, and whether each of them concerns this box alone."""

    def gather(self, train: int, leaves: int, count: int) -> list[str]:
        """Book, fill, clear and deliver ``count`` boxes to the terminal for the train that leaves at ``leaves``."""
        random = self._world.random("origin", train)
        ready: list[str] = []
        while len(ready) < count:
            left = count - len(ready)
            if random.random() < CONSOLIDATED:
                ready.append(self._consolidated(random, leaves))
            else:
                ready += self._full(random, leaves, min(left, random.choice((1, 1, 2, 3))))
        return ready

    # ---- contracts

    def _cargo(self, random: Random, founder: str, booked: int, consolidated: bool) -> Cargo:
        serial = self._world.serial("cargo")
        year = str(datetime.fromtimestamp(booked / 1_000_000, UTC).year)
        cargo = Cargo(
            founder=founder,
            reference=f"SIM-{serial:05d}",
            booked=booked,
            booking=f"{founder}/BK{serial:06d}",
            note=numbers.note("CIMSMGS" if random.random() < 0.5 else "SMGS", "CN", "XAY", serial, year),
            export=numbers.declaration("CN", random, year),
            forwarder="sinolink",
            shipper=random.choice(("qinling", "weihe")),
            consignee=random.choice(("ruhr", "lodz")),
            consolidated=consolidated,
        )
        self._world.cargoes[cargo.key] = cargo
        return cargo

    def _found(self, cargo: Cargo, booked: int, boxes: tuple[str, ...], late_names: bool) -> Bond:
        parties = [("sinolink", "forwarder"), (cargo.shipper, "shipper"), *EVERYBODY]
        if not late_names:
            parties.append((cargo.consignee, "consignee"))
        says: dict[str, object] = {
            "reference": cargo.reference,
            "parties": [{"party": party, "role": role} for party, role in parties if party != cargo.founder],
            "bookings": [cargo.booking],
            "place_of_receipt": f"railnet:{ORIGIN}",
            "place_of_delivery": "railnet:duisburg",
            "from": booked,
        }
        if boxes:
            says["containers"] = list(boxes)
        bond = self._world.bind("link.consignment_opened", cargo.founder, booked + 5 * MINUTE, says)
        route = {
            "objects": [{"kind": "consignment", "id": cargo.key}],
            "places": [f"railnet:{place}" for place in ROUTE],
            "from": booked,
        }
        self._world.bind("link.route_planned", cargo.founder, booked + HOUR, route)
        return bond

    def _assign(
        self, cargo: Cargo, box: str, at: int, known: int, *, shared: bool, names: tuple[str, ...] = ()
    ) -> Bond:
        goal = ("booking", cargo.booking) if cargo.founder == "xianport" else ("consignment", cargo.key)
        says: dict[str, object] = {
            "containers": [box],
            "carries": [{"kind": goal[0], "id": goal[1]}],
            "shared": shared,
            "from": at,
        }
        if names:
            says["parties"] = list(names)
        return self._world.bind("link.containers_assigned", cargo.founder, known, says)

    def _full(self, random: Random, leaves: int, count: int) -> list[str]:
        """One cargo in boxes of its own."""
        booked = leaves - span(random, 8, 11, DAY)
        founder = "xianport" if random.random() < 0.7 else "sinolink"
        cargo = self._cargo(random, founder, booked, False)
        boxes = tuple(self._boxes.take(booked, founder) for _ in range(count))
        at_once = random.random() < 0.4
        by_link = not at_once and random.random() < 0.3
        founding = self._found(cargo, booked, boxes if at_once else (), by_link)
        start = booked if at_once else leaves - span(random, 5.5, 6, DAY)
        for box in boxes:
            self._boxes.fill(cargo.key, box, start)
            if at_once:
                self.assigned[box] = (founding,), False
                continue
            known = start + int(random.choice((0.2, 1, 30, 200)) * HOUR)  # now and then long after the events
            names = (cargo.consignee,) if by_link else ()
            self.assigned[box] = (self._assign(cargo, box, start, known, shared=False, names=names),), True
        self._papers(random, cargo, booked, leaves)
        self._terminal(random, cargo, boxes, leaves)
        if count == 1 and not at_once and random.random() < RESTUFFED:
            return [self._restuff(random, cargo, boxes[0], leaves, (cargo.consignee,) if by_link else ())]
        return list(boxes)

    def _consolidated(self, random: Random, leaves: int) -> str:
        """Three cargoes in one box (LCL)."""
        booked = leaves - span(random, 8, 11, DAY)
        box = self._boxes.take(booked, "sinolink")
        bonds = []
        for part in range(3):
            cargo = self._cargo(random, "sinolink", booked + part * HOUR, True)
            self._found(cargo, booked + part * HOUR, (), False)
            start = leaves - 6 * DAY + part * HOUR
            self._boxes.fill(cargo.key, box, start)
            bonds.append(self._assign(cargo, box, start, start + 2 * HOUR, shared=True))
            self._papers(random, cargo, booked + part * HOUR, leaves)
        self.assigned[box] = tuple(bonds), True
        self._terminal(random, cargo, (box,), leaves)
        return box

    def _restuff(
        self, random: Random, cargo: Cargo, damaged: str, leaves: int, names: tuple[str, ...]
    ) -> str:
        """The box came damaged to the terminal: its cargo goes into another one, and the damage stays open."""
        found = leaves - span(random, 26, 30, HOUR)
        moved = found + 2 * HOUR
        says = {"severity": "MAJOR", "concerns": "CONTAINER"}
        self._box("movement.damaged", damaged, found, ("xian-terminal",), says)
        other = self._boxes.take(leaves - 11 * DAY, cargo.founder)
        for lading in self._world.history(damaged):
            if lading.cargo == cargo.key:
                lading.end, lading.closed = moved, True
        if moved <= self._world.now:
            self.assigned[damaged][0][0].revise(moved, moved + HOUR, {"to": moved})
            self._boxes.fill(cargo.key, other, moved)
            self.assigned[other] = (
                (self._assign(cargo, other, moved, moved + 10 * MINUTE, shared=False, names=names),),
                True,
            )
        self._box("movement.stuffed", other, moved + HOUR, ("sinolink",), {"seals": ["SIM0001"]})
        return other

    # ---- papers and terminal

    def _papers(self, random: Random, cargo: Cargo, booked: int, leaves: int) -> None:
        of_cargo = frozenset({cargo.key})

        def paper(what: str, about: tuple[str, str], at: int, *witnesses: str, **rest: object) -> None:
            cn = "CN" if what.startswith("customs.") else ""
            place = str(rest.pop("place", ""))
            self._world.happen(
                Happening(
                    at, what, (about,), witnesses, cargoes=of_cargo, place=place, jurisdiction=cn, says=rest
                )
            )

        booking, lodged = ("booking", cargo.booking), ("declaration", cargo.export)
        paper("movement.booked", booking, booked, cargo.forwarder)
        confirmed = booked + span(random, 0.3, 1.4, DAY)
        paper("movement.booking_confirmed", booking, confirmed, "xianport")
        issued = leaves - span(random, 34, 38, HOUR)
        form = cargo.note.split("/")[0]
        self._covers("link.note_covers", cargo.founder, issued, {
            "note": cargo.note, "covers": [{"kind": "consignment", "id": cargo.key}],
        }, random)  # fmt: skip
        note = ("note", cargo.note)
        paper("document.note_issued", note, issued, "cr", place=f"railnet:{ORIGIN}", form=form)
        filed = issued + span(random, 1, 3, HOUR)
        covers = {"declaration": cargo.export, "notes": [cargo.note]}
        self._covers("link.declaration_covers", cargo.forwarder, filed, covers, random)
        paper("customs.export_lodged", lodged, filed, cargo.forwarder)
        if random.random() < INSPECTED:
            paper("customs.selected_for_inspection", lodged, filed + HOUR, "gacc", method="SCAN")
            paper("customs.inspection_passed", lodged, filed + 9 * HOUR, "gacc")
        released = filed + span(random, 10, 16, HOUR)
        paper("customs.released", lodged, released, "gacc", cargo.forwarder, procedure="EXPORT")

    def _covers(self, what: str, teller: str, at: int, says: Says, random: Random) -> None:
        late = random.choice((0, 0, 0, 3 * DAY))
        self._world.bind(what, teller, at + late, {**says, "from": at})

    def _terminal(self, random: Random, cargo: Cargo, boxes: tuple[str, ...], leaves: int) -> None:
        for box in boxes:
            day = leaves - 5 * DAY + random.randrange(20) * HOUR
            self._box("movement.empty_released", box, day, ("boxlease",), {})
            filled = day + span(random, 20, 30, HOUR)
            seal = {"seals": [f"SIM{self._world.serial('seal'):06d}"], "gross_weight_kg": 18_000}
            packer = cargo.forwarder if cargo.consolidated else cargo.shipper
            self._box("movement.stuffed", box, filled, (packer,), seal)
            came = leaves - span(random, 40, 60, HOUR)
            self._box("movement.gated_in", box, came, ("xian-terminal", "xianport"), {}, f"railnet:{ORIGIN}")

    def _box(
        self, what: str, box: str, at: int, witnesses: tuple[str, ...], says: Says, place: str = ""
    ) -> None:
        place = place or (f"railnet:{ORIGIN}" if what == "movement.damaged" else "")
        self._world.happen(
            Happening(at, what, (("container", box),), witnesses, frozenset({box}), place=place, says=says)
        )
