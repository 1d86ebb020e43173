"""What customs do to a train at a border between two customs unions, and where a transit ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType

from schemas import railnet
from schemas.railnet import CustomsUnion
from services.testbed.simulator import numbers
from services.testbed.simulator.durations import lasting
from services.testbed.simulator.line import Line
from services.testbed.simulator.service import Train
from services.testbed.simulator.transit import Transit
from services.testbed.simulator.world import HOUR, Happening, Ref, Says, World

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
            self.say("customs.ens_lodged", boxes, lodged, enters, ("pkp",), {"level": "MASTER"})
            if random.random() < REFERRED:
                asked = {"outcome": "RFI"}
                self.say("customs.ens_referred", boxes, lodged + HOUR, enters, (CUSTOMS[enters],), asked)
            assessed = lodged + 3 * HOUR
            self.say("customs.ens_assessed", boxes, assessed, enters, (CUSTOMS[enters],), {"outcome": "OK"})
        elif railnet.customs_union(enters) is not CustomsUnion.CN:
            operator = train.service.operator
            self.say("customs.prior_information_lodged", boxes, arrived + HOUR, enters, (operator,), {})
        cleared = arrived + lasting(random, "exit-cleared")
        if railnet.customs_union(leaves) in (CustomsUnion.CN, CustomsUnion.EU):
            self._line.say(
                "customs.exit_cleared", train, cleared, "", (CUSTOMS[leaves],), jurisdiction=leaves
            )
        else:
            self.say("customs.transit_closed", boxes, cleared, leaves, (CUSTOMS[leaves],), {})

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
            self.say("customs.manifest_accepted", boxes, at, enters, (customs,), arrival)
        if union in (CustomsUnion.CN, CustomsUnion.EU):
            chosen = [box for box in boxes if random.random() < INSPECTED_AT_ENTRY]
            if chosen:
                scan = {"method": "SCAN"}
                at = slot + 2 * HOUR
                self.say("customs.selected_for_inspection", chosen, at, enters, (customs,), scan)
                self.say("customs.inspection_passed", chosen, slot + 5 * HOUR, enters, (customs,), {})
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
        self.say("customs.transit_opened", boxes, opened, enters, (customs,), procedure, number)

    def say(
        self,
        what: str,
        boxes: Sequence[str],
        at: int,
        jurisdiction: str,
        witnesses: tuple[str, ...],
        says: Says,
        number: tuple[Ref, ...] = (),
    ) -> None:
        """One step of customs for each of ``boxes``, and for the declaration ``number``."""
        about = (*number, *(("container", box) for box in boxes))
        self._world.happen(
            Happening(at, what, about, witnesses, frozenset(boxes), jurisdiction=jurisdiction, says=says)
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
                    says={"form": new, "replaces": [cargo.note]},
                )
            )
