"""Customs: what they do to a train at a border between two unions, transit declarations, and Russian controls inland."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from types import MappingProxyType

from schemas import railnet
from schemas.railnet import CustomsUnion
from services.testbed.simulator import numbers
from services.testbed.simulator.conditions import Conditions, lasting
from services.testbed.simulator.line import Line
from services.testbed.simulator.service import Train
from services.testbed.simulator.tracks import State
from services.testbed.simulator.world import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Details,
    Happening,
    Ref,
    Wagon,
    World,
    span,
)

# One declaration covers the boxes of one train. Its steps are numbered in a series of their own, so that a world tells all
# other things as it would without them.

HOLDER: Mapping[str, str] = MappingProxyType({"hansa": "DE9000001SIM"})
"""By declarant: the number of the holder of the procedure; invented."""
POST: Mapping[str, str] = MappingProxyType({"KZ": "55302", "RU": "10702070", "BY": "09050"})
"""By country of the Eurasian union: the customs post where its transit opens; invented."""
CONTROLLED = 0.3
"""How often customs ask for the documents of a declaration."""
_SERIES = "transit "
_AHEAD = 50 * MINUTE
"""How long before the release at the earliest border a declaration is lodged; the notes are exchanged before."""


class Transit:
    """Lodges and follows the declarations of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def opened(self, boxes: Sequence[str], opens: int, country: str, customs: str, declarant: str) -> Ref:
        """Lodge for ``boxes`` before ``opens``, when they are released for transit; return the declaration."""
        world, random = self._world, self._world.random("transit", country, opens, *boxes[:1])
        serial = world.serial(_SERIES)
        year = _day(opens, 0).strftime("%Y")
        first = "declaration", numbers.transit_before(HOLDER[declarant], year, serial, country)
        number = "declaration", numbers.transit(country, year, serial)
        lodged, accepted = opens - _AHEAD, opens - lasting(random, "transit-accepted-before-release")
        cargoes = world.cargo_in(boxes, opens)
        notes = [world.notes.get(cargo.key, cargo.note) for cargo in cargoes]
        self._report(
            "customs.transit_lodged", (first,), boxes, lodged, country, declarant, {"procedure": "T1"}
        )
        self._cover(first[1], notes, declarant, lodged)
        self._report("customs.accepted", (number, first), boxes, accepted, country, customs, named=False)
        if random.random() < CONTROLLED:
            asked, chosen = {"method": "DOCUMENTS"}, accepted + 5 * MINUTE
            self._report(
                "customs.selected_for_inspection", (number,), boxes, chosen, country, customs, asked,
                named=False,
            )  # fmt: skip
            passed = opens - SECOND
            self._report(
                "customs.inspection_passed", (number, first), boxes, passed, country, customs, named=False
            )
        for party in (customs, declarant):
            self._cover(number[1], notes, party, opens)
        for box in boxes:
            world.transits[box] = number[1]
        return number

    def ended(self, boxes: Sequence[str], at: int, country: str, customs: str) -> tuple[Ref, ...]:
        """The train of ``boxes`` arrived at ``at``: unloading is permitted, and the office of departure writes off.

        Returns the declaration where all of the boxes run under one, whose end can then be reported by its number alone.
        """
        found: dict[str, list[str]] = defaultdict(list)
        for box in boxes:
            if number := self._world.transits.pop(box, ""):
                found[number].append(box)
        for number, some in found.items():
            about: tuple[Ref, ...] = (("declaration", number),)
            opened_in = number[:2]
            permitted, written_off = at + 2 * HOUR, at + DAY + 3 * HOUR
            self._report("customs.unloading_permitted", about, some, permitted, country, customs)
            self._report(
                "customs.transit_closed", about, some, written_off, opened_in, f"eu-{opened_in.lower()}",
                named=False,
            )  # fmt: skip
        whole = len(found) == 1 and sum(map(len, found.values())) == len(boxes)
        return tuple(("declaration", number) for number in found) if whole else ()

    def numbered(self, at: int, country: str) -> tuple[Ref, ...]:
        """A number of the Eurasian union for a transit that opens at ``at``; none where ``country`` is not of it."""
        if country not in POST:
            return ()
        serial = self._world.serial(f"transit {country}")
        hours = 5 if country == "KZ" else 3
        return (
            ("declaration", numbers.eaeu_transit(POST[country], _day(at, hours).date(), serial, country)),
        )

    def _report(
        self,
        what: str,
        about: tuple[Ref, ...],
        boxes: Sequence[str],
        at: int,
        country: str,
        party: str,
        details: Details | None = None,
        *,
        named: bool = True,
    ) -> None:
        """One step; ``named`` names the boxes with it, else the declaration alone."""
        things = (*about, *(("container", box) for box in boxes)) if named else about
        concerned = frozenset(boxes)
        self._world.happen(
            Happening(at, what, things, (party,), concerned, jurisdiction=country, details=details or {}),
            _SERIES,
        )

    def _cover(self, declaration: str, notes: Sequence[str], party: str, at: int) -> None:
        if notes and at <= self._world.now:
            details = {"declaration": declaration, "notes": list(dict.fromkeys(notes)), "from": at}
            self._world.bind("link.declaration_covers", party, at, details, _SERIES)


def _day(at: int, hours: int) -> datetime:
    return datetime.fromtimestamp(at / 1_000_000, UTC) + timedelta(hours=hours)


COUNTRY: Mapping[str, str] = MappingProxyType(
    {"cr": "CN", "ktz": "KZ", "rzd": "RU", "bch": "BY", "ubtz": "MN", "pkp": "PL", "db": "DE"}
)
"""In whose customs territory a railway hands over and receives."""
CUSTOMS: Mapping[str, str] = MappingProxyType(
    {
        "CN": "gacc",
        "KZ": "eaeu-kz",
        "RU": "eaeu-ru",
        "BY": "eaeu-by",
        "MN": "mn-customs",
        "PL": "eu-pl",
        "DE": "eu-de",
    }
)
_PROCEDURE = {CustomsUnion.CN: "CN", CustomsUnion.EAEU: "EAEU", CustomsUnion.EU: "T1"}
REFERRED = 0.1
REISSUED_FROM = 5_000_000
"""Numbers of notes written anew stand in a range of their own: a station issues both kinds."""
INSPECTED_AT_ENTRY = 0.04


class Customs:
    """Tells what customs of both sides do to the boxes of a train."""

    def __init__(self, world: World, line: Line) -> None:
        self._world = world
        self._line = line
        self.transit = Transit(world)

    def before(self, train: Train, arrived: int, slot: int, random: Random) -> None:
        """Between the arrival at the border and the hand-over: exit, end of transit, and what must be lodged ahead."""
        leaves, enters = self._countries(train)
        boxes = train.boxes
        if railnet.customs_union(enters) is CustomsUnion.EU:
            lodged = slot - lasting(random, "transit-lodged-before-border")
            self.report("customs.ens_lodged", boxes, lodged, enters, ("pkp",), {"level": "MASTER"})
            if random.random() < REFERRED:
                asked = {"outcome": "RFI"}
                self.report("customs.ens_referred", boxes, lodged + HOUR, enters, (CUSTOMS[enters],), asked)
            assessed = lodged + 3 * HOUR
            self.report(
                "customs.ens_assessed", boxes, assessed, enters, (CUSTOMS[enters],), {"outcome": "OK"}
            )
        elif railnet.customs_union(enters) is not CustomsUnion.CN:
            operator = train.service.operator
            self.report("customs.prior_information_lodged", boxes, arrived + HOUR, enters, (operator,), {})
        cleared = arrived + lasting(random, "exit-cleared")
        if railnet.customs_union(leaves) in (CustomsUnion.CN, CustomsUnion.EU):
            self._line.report(
                "customs.exit_cleared", train, cleared, "", (CUSTOMS[leaves],), jurisdiction=leaves
            )
        else:
            self.report("customs.transit_closed", boxes, cleared, leaves, (CUSTOMS[leaves],), {})

    def after(self, train: Train, slot: int, random: Random) -> None:
        """After the hand-over: notes of the one law become notes of the other, inspections, a new transit."""
        leaves, enters = self._countries(train)
        boxes, customs = train.boxes, CUSTOMS[enters]
        union = railnet.customs_union(enters)
        if CustomsUnion.EU in (union, railnet.customs_union(leaves)):
            self._exchange_notes(train, boxes, slot + lasting(random, "notes-exchanged"), union)
        if union is CustomsUnion.CN:
            arrival = {"stage": "ARRIVAL"}
            at = slot + HOUR
            self.report("customs.manifest_accepted", boxes, at, enters, (customs,), arrival)
        if union in (CustomsUnion.CN, CustomsUnion.EU):
            chosen = [box for box in boxes if random.random() < INSPECTED_AT_ENTRY]
            if chosen:
                scan = {"method": "SCAN"}
                at = slot + 2 * HOUR
                self.report("customs.selected_for_inspection", chosen, at, enters, (customs,), scan)
                self.report("customs.inspection_passed", chosen, slot + 5 * HOUR, enters, (customs,), {})
        opened = slot + (
            lasting(random, "transit-opened-eu")
            if union is CustomsUnion.EU
            else lasting(random, "transit-opened")
        )
        if union is CustomsUnion.CN:
            opened = slot + lasting(random, "transit-opened-cn")
        procedure = {"procedure": _PROCEDURE.get(union, "OTHER")}
        number = self.transit.numbered(opened, enters)
        if union is CustomsUnion.EU:
            declarant = train.service.destination.forwarders[0]
            number = (self.transit.opened(boxes, opened, enters, customs, declarant),)
        self.report("customs.transit_opened", boxes, opened, enters, (customs,), procedure, number)

    def report(
        self,
        what: str,
        boxes: Sequence[str],
        at: int,
        jurisdiction: str,
        witnesses: tuple[str, ...],
        details: Details,
        number: tuple[Ref, ...] = (),
    ) -> None:
        """One step of customs for each of ``boxes``, and for the declaration ``number``."""
        about = (*number, *(("container", box) for box in boxes))
        self._world.happen(
            Happening(
                at, what, about, witnesses, frozenset(boxes), jurisdiction=jurisdiction, details=details
            )
        )

    def _countries(self, train: Train) -> tuple[str, str]:
        after = train.service.sections[train.part + 1]
        return COUNTRY[train.railway], COUNTRY[after.railway]

    def _exchange_notes(self, train: Train, boxes: Sequence[str], at: int, union: CustomsUnion) -> None:
        """Notes of the law that ends here are written anew, unless they are common ones."""
        after = train.service.sections[train.part + 1]
        old, new = ("SMGS", "CIM") if union is CustomsUnion.EU else ("CIM", "SMGS")
        for cargo in self._world.cargo_in(boxes, at):
            if cargo.key in self._world.notes or not cargo.note.startswith(f"{old}/"):
                continue
            country = COUNTRY[after.railway]
            serial = REISSUED_FROM + self._world.serial(new)
            note = numbers.note(new, country, after.first.upper(), serial, cargo.note[-4:])
            self._world.notes[cargo.key] = note
            self._world.happen(
                Happening(
                    at,
                    "document.note_reissued",
                    (("note", note),),
                    (after.railway,),
                    cargoes=frozenset({cargo.key}),
                    place=f"railnet:{after.first}",
                    details={"form": new, "replaces": [cargo.note]},
                )
            )


Onward = Callable[[Train, int, str], None]
"""Sends a train on: the train, when it leaves, and from which station of its section."""


class Control:
    """Detains boxes at any inland station of the Russian section."""

    def __init__(self, world: World, line: Line, customs: Customs, conditions: Conditions) -> None:
        self._world = world
        self._line = line
        self._customs = customs
        self._conditions = conditions

    def look(self, train: Train, at: int, station: str, random: Random, onward: Onward) -> int:
        """Look into ``train`` at ``station``; return when what is left of it may go on."""
        self._line.report("movement.arrived", train, at, station)
        goes = at + lasting(random, "stands-for-control")
        for wagon in tuple(train.wagons):
            if random.random() < self._conditions.detained * len(wagon.boxes):
                self._detain(train, wagon, at, station, random, onward)
        if train.wagons:
            self._line.stand(train, at, goes, station, State.STANDING)
        return goes

    def _detain(
        self, train: Train, wagon: Wagon, arrived: int, station: str, random: Random, onward: Onward
    ) -> None:
        """A box is detained, and with it its clean neighbour on the wagon."""
        at = arrived + HOUR
        for box in wagon.boxes:
            ground = "DUAL_USE" if box == wagon.boxes[0] else "NEIGHBOUR_ON_WAGON"
            self._customs.report("customs.detained", [box], at, "RU", ("eaeu-ru",), {"ground": ground})
        self._line.detach(train, wagon, at + HOUR)
        lifted = at + span(random, *self._conditions.detained_hours, HOUR)
        back = random.random() < self._conditions.returned
        details = {"outcome": "RETURNED" if back else "CLEARED"}
        self._customs.report("customs.detention_lifted", wagon.boxes, lifted, "RU", ("eaeu-ru",), details)
        kept = Train(
            train.key, "rzd", [wagon], train.composed, at, train.service, train.part, train.formation
        )
        if back:
            leaves = lifted + lasting(random, "returned-after-lifting")
            self._line.stand(kept, arrived, leaves, station, State.DETAINED)
            self._back(wagon, lifted + 3 * HOUR, leaves, station, train.service.operator)
            return
        leaves = lifted + lasting(random, "onward-after-lifting")
        self._line.stand(kept, arrived, leaves, station, State.DETAINED)
        goes = self._line.compose(
            train.service, train.part, [wagon], lifted + 4 * HOUR, station, train.formation
        )
        goes.checked = True
        onward(goes, leaves, station)

    def _back(self, wagon: Wagon, known: int, leaves: int, station: str, operator: str) -> None:
        """The boxes go back to where they came from; nobody in this world sees them arrive."""
        about, boxes = tuple(("container", box) for box in wagon.boxes), frozenset(wagon.boxes)
        why = {"reason": "CUSTOMS"}
        self._world.happen(Happening(known, "movement.returned", about, (operator,), boxes, details=why))
        self._world.happen(
            Happening(
                leaves,
                "movement.departed",
                about,
                ("rzd",),
                boxes,
                place=f"railnet:{station}",
                occurrence="back",
            )
        )
