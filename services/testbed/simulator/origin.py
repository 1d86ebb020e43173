"""From booking to the loaded box at the terminal of origin: what happens before a train can leave."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from services.testbed.simulator import numbers
from services.testbed.simulator.conditions import lasting
from services.testbed.simulator.faults import Reporter
from services.testbed.simulator.fleet import Boxes
from services.testbed.simulator.service import Service, exporter
from services.testbed.simulator.trades import Trades
from services.testbed.simulator.world import DAY, HOUR, MINUTE, Bond, Cargo, Details, Happening, World

CONSOLIDATED = 0.15
INSPECTED = 0.15
RESTUFFED = 0.06
LENDERS = ("silkbank", "silkbank", "landbank")
"""Who finances a cargo that is financed, in turn."""


class Origin:
    """Fills the boxes of one train after another."""

    def __init__(self, world: World, boxes: Boxes, reporter: Reporter, financed: float) -> None:
        self._world = world
        self._boxes = boxes
        self._reporter = reporter
        self._financed = financed
        self.trades = Trades(world)
        self.assigned: dict[str, tuple[tuple[Bond, ...], bool]] = {}
        """By box: the bonds that assign it now, and whether each of them concerns this box alone."""

    def gather(self, service: Service, train: str, leaves: int, count: int) -> list[str]:
        """Book, fill, clear and deliver ``count`` boxes to the terminal for the train that leaves at ``leaves``."""
        random = self._world.random("origin", train)
        ready: list[str] = []
        while len(ready) < count:
            left = count - len(ready)
            if random.random() < CONSOLIDATED:
                ready.append(self._consolidated(service, random, leaves))
            else:
                ready += self._full(service, random, leaves, min(left, random.choice((1, 1, 2, 3))))
        return ready

    # ---- contracts

    def _cargo(
        self, service: Service, random: Random, founder: str, forwarder: str, booked: int, consolidated: bool
    ) -> Cargo:
        serial = self._world.serial("cargo")
        year = str(datetime.fromtimestamp(booked / 1_000_000, UTC).year)
        start = service.origin
        form = _form(service, random)
        cargo = Cargo(
            founder=founder,
            reference=f"SIM-{serial:05d}",
            booked=booked,
            booking=f"{founder}/BK{serial:06d}",
            note=numbers.note(form, start.country, start.code, serial, year),
            export=numbers.declaration(start.country, random, year),
            forwarder=forwarder,
            shipper=exporter(random.choice(start.traders), serial),
            consignee=random.choice(service.destination.traders),
            consolidated=consolidated,
            operator=service.operator,
            bank=LENDERS[serial % len(LENDERS)] if random.random() < self._financed else "",
        )
        self._world.cargoes[cargo.key] = cargo
        return cargo

    def _found(
        self, service: Service, cargo: Cargo, booked: int, boxes: tuple[str, ...], late_names: bool
    ) -> Bond:
        parties = [
            (cargo.forwarder, "forwarder"),
            (cargo.shipper, "shipper"),
            ("boxlease", "container_owner"),
            (service.destination.forwarders[0], "forwarder"),
            ("pkp", "railway"),  # files the entry summary declaration as the carrier
            (service.operator, "operator"),
        ]
        if cargo.bank:
            parties.append((cargo.bank, "bank"))
        if not late_names:
            parties.append((cargo.consignee, "consignee"))
        details: dict[str, object] = {
            "reference": cargo.reference,
            "parties": [{"party": party, "role": role} for party, role in parties if party != cargo.founder],
            "bookings": [cargo.booking],
            "place_of_receipt": service.origin.place,
            "place_of_delivery": service.destination.place,
            "from": booked,
        }
        if boxes:
            details["containers"] = list(boxes)
        bond = self._world.bind("link.consignment_opened", cargo.founder, booked + 5 * MINUTE, details)
        self._world.route(cargo, cargo.founder, booked, booked + HOUR, service.route)
        return bond

    def _assign(
        self,
        service: Service,
        cargo: Cargo,
        box: str,
        at: int,
        known: int,
        *,
        shared: bool,
        names: tuple[str, ...] = (),
    ) -> Bond:
        goal = ("booking", cargo.booking) if cargo.founder == service.operator else ("consignment", cargo.key)
        details: dict[str, object] = {
            "containers": [box],
            "carries": [{"kind": goal[0], "id": goal[1]}],
            "shared": shared,
            "from": at,
        }
        if names:
            details["parties"] = list(names)
        return self._world.bind("link.containers_assigned", cargo.founder, known, details)

    def _full(self, service: Service, random: Random, leaves: int, count: int) -> list[str]:
        """One cargo in boxes of its own."""
        booked = leaves - lasting(random, "booked-before-departure")
        forwarder = random.choice(service.origin.forwarders)
        founder = service.operator if random.random() < 0.7 else forwarder
        cargo = self._cargo(service, random, founder, forwarder, booked, False)
        country = service.origin.country
        boxes = tuple(self._boxes.take(booked, founder, country) for _ in range(count))
        at_once = random.random() < 0.4
        by_link = not at_once and random.random() < 0.3
        founding = self._found(service, cargo, booked, boxes if at_once else (), by_link)
        start = booked if at_once else leaves - lasting(random, "box-assigned-before-departure")
        for box in boxes:
            self._boxes.fill(cargo.key, box, start)
            if at_once:
                self.assigned[box] = (founding,), False
                continue
            known = start + int(random.choice((0.2, 1, 30, 200)) * HOUR)  # now and then long after the events
            names = (cargo.consignee,) if by_link else ()
            bond = self._assign(service, cargo, box, start, known, shared=False, names=names)
            self.assigned[box] = (bond,), True
        self._papers(service, random, cargo, booked, leaves)
        self._terminal(service, random, cargo, boxes, leaves)
        if count == 1 and not at_once and random.random() < RESTUFFED:
            names = (cargo.consignee,) if by_link else ()
            return [self._restuff(service, random, cargo, boxes[0], leaves, names)]
        return list(boxes)

    def _consolidated(self, service: Service, random: Random, leaves: int) -> str:
        """Three cargoes in one box (LCL)."""
        booked = leaves - lasting(random, "booked-before-departure")
        forwarder = random.choice(service.origin.forwarders)
        box = self._boxes.take(booked, forwarder, service.origin.country)
        bonds = []
        for part in range(3):
            cargo = self._cargo(service, random, forwarder, forwarder, booked + part * HOUR, True)
            self._found(service, cargo, booked + part * HOUR, (), False)
            start = leaves - 6 * DAY + part * HOUR
            self._boxes.fill(cargo.key, box, start)
            bonds.append(self._assign(service, cargo, box, start, start + 2 * HOUR, shared=True))
            self._papers(service, random, cargo, booked + part * HOUR, leaves)
        self.assigned[box] = tuple(bonds), True
        self._terminal(service, random, cargo, (box,), leaves)
        return box

    def _restuff(
        self,
        service: Service,
        random: Random,
        cargo: Cargo,
        damaged: str,
        leaves: int,
        names: tuple[str, ...],
    ) -> str:
        """The box came damaged to the terminal: its cargo goes into another one, and the damage stays open."""
        found = leaves - lasting(random, "damage-found-before-departure")
        moved = found + 2 * HOUR
        details = {"severity": "MAJOR", "concerns": "CONTAINER"}
        place = service.origin.place
        self._world.happen_to_box(
            "movement.damaged", damaged, found, (service.origin.terminal,), details, place
        )
        other = self._boxes.take(found, cargo.founder, service.origin.country)
        for lading in self._world.history(damaged):
            if lading.cargo == cargo.key:
                lading.end, lading.closed = moved, True
        if moved <= self._world.now:
            self.assigned[damaged][0][0].revise(moved, moved + HOUR, {"to": moved})
            self._boxes.fill(cargo.key, other, moved)
            bond = self._assign(service, cargo, other, moved, moved + 10 * MINUTE, shared=False, names=names)
            self.assigned[other] = (bond,), True
        seals = {"seals": ["SIM0001"]}
        self._world.happen_to_box("movement.stuffed", other, moved + HOUR, (cargo.forwarder,), seals)
        return other

    # ---- papers and terminal

    def _papers(self, service: Service, random: Random, cargo: Cargo, booked: int, leaves: int) -> None:
        of_cargo, start = frozenset({cargo.key}), service.origin

        def paper(what: str, about: tuple[str, str], at: int, *witnesses: str, **rest: object) -> None:
            country = start.country if what.startswith("customs.") else ""
            place = str(rest.pop("place", ""))
            self._world.happen(
                Happening(
                    at,
                    what,
                    (about,),
                    witnesses,
                    cargoes=of_cargo,
                    place=place,
                    jurisdiction=country,
                    details=rest,
                )
            )

        booking, lodged = ("booking", cargo.booking), ("declaration", cargo.export)
        paper("movement.booked", booking, booked, cargo.forwarder)
        confirmed = _round(booked + lasting(random, "booking-confirmed"))
        paper("movement.booking_confirmed", booking, confirmed, service.operator)
        self._reporter.estimate(service, cargo, booked)
        issued = leaves - lasting(random, "note-issued-before-departure")
        form = cargo.note.split("/")[0]
        packed = {
            "document_id": f"SIM-PL-{cargo.reference[4:]}",
            "package_quantity": random.randrange(20, 900),
        }
        day = datetime.fromtimestamp(issued / 1_000_000, UTC).date().isoformat()
        at = issued - lasting(random, "papers-before-note")
        paper("document.packing_list_issued", booking, at, cargo.shipper, issue_date=day, **packed)
        self._covers("link.note_covers", cargo.founder, issued, {
            "note": cargo.note, "covers": [{"kind": "consignment", "id": cargo.key}],
        }, random)  # fmt: skip
        note = ("note", cargo.note)
        paper("document.note_issued", note, issued, start.railway, place=start.place, form=form)
        filed = issued + lasting(random, "export-filed-after-note")
        covers = {"declaration": cargo.export, "notes": [cargo.note]}
        self._covers("link.declaration_covers", cargo.forwarder, filed, covers, random)
        destination = service.destination.country
        declared = self.trades.exported(cargo, destination)
        paper("customs.export_lodged", lodged, filed, cargo.forwarder, **declared)
        self.trades.state(cargo, destination, filed)
        if random.random() < INSPECTED:
            paper("customs.selected_for_inspection", lodged, filed + HOUR, start.customs, method="SCAN")
            paper("customs.inspection_passed", lodged, filed + 9 * HOUR, start.customs)
        released = filed + lasting(random, "export-released")
        paper("customs.released", lodged, released, start.customs, cargo.forwarder, procedure="EXPORT")

    def _covers(self, what: str, author: str, at: int, details: Details, random: Random) -> None:
        late = random.choice((0, 0, 0, 3 * DAY))
        self._world.bind(what, author, at + late, {**details, "from": at})

    def _terminal(
        self, service: Service, random: Random, cargo: Cargo, boxes: tuple[str, ...], leaves: int
    ) -> None:
        start = service.origin
        for box in boxes:
            day = leaves - 5 * DAY + random.randrange(20) * HOUR
            self._world.happen_to_box("movement.empty_released", box, day, ("boxlease",), {})
            filled = day + lasting(random, "box-filled")
            seal = {"seals": [f"SIM{self._world.serial('seal'):06d}"], "gross_weight_kg": 18_000}
            packer = cargo.forwarder if cargo.consolidated else cargo.shipper
            self._world.happen_to_box("movement.stuffed", box, filled, (packer,), seal)
            came = leaves - lasting(random, "gated-in-before-departure")
            self._world.happen_to_box(
                "movement.gated_in", box, came, (start.terminal, service.operator), {}, start.place
            )


def _round(at: int) -> int:
    """The next of the two rounds a day in which operators confirm: at 10:00 and 17:00 of the clock in Beijing."""
    day, since = divmod(at + 8 * HOUR, DAY)
    rounds = (10 * HOUR, 17 * HOUR, DAY + 10 * HOUR)
    return day * DAY + next(hour for hour in rounds if since <= hour) - 8 * HOUR


def _form(service: Service, random: Random) -> str:
    """The form of note: a common one for both laws, or that of the law where the cargo starts."""
    common = random.random() < 0.5
    countries = {service.origin.country, service.destination.country}
    if "RU" in countries:
        return "SMGS"
    if common:
        return "CIMSMGS"
    return "SMGS" if service.direction == "WEST" else "CIM"
