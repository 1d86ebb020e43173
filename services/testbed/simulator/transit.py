"""Transit declarations of customs unions: in the Union (NCTS) from lodging to write-off, in the Eurasian one a number.

One declaration covers the boxes of one train. Its steps are numbered in a series of their own, so that a world tells all
other things as it would without them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from services.testbed.simulator import numbers
from services.testbed.simulator.durations import lasting
from services.testbed.simulator.world import DAY, HOUR, MINUTE, SECOND, Happening, Ref, Says, World

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
        self._say("customs.transit_lodged", (first,), boxes, lodged, country, declarant, {"procedure": "T1"})
        self._cover(first[1], notes, declarant, lodged)
        self._say("customs.accepted", (number, first), boxes, accepted, country, customs, named=False)
        if random.random() < CONTROLLED:
            asked, chosen = {"method": "DOCUMENTS"}, accepted + 5 * MINUTE
            self._say(
                "customs.selected_for_inspection", (number,), boxes, chosen, country, customs, asked,
                named=False,
            )  # fmt: skip
            passed = opens - SECOND
            self._say(
                "customs.inspection_passed", (number, first), boxes, passed, country, customs, named=False
            )
        for party in (customs, declarant):
            self._cover(number[1], notes, party, opens)
        for box in boxes:
            world.transits[box] = number[1]
        return number

    def ended(self, boxes: Sequence[str], at: int, country: str, customs: str) -> tuple[Ref, ...]:
        """The train of ``boxes`` arrived at ``at``: unloading is permitted, and the office of departure writes off.

        Returns the declaration where all of the boxes run under one, whose end can then be told by its number alone.
        """
        found: dict[str, list[str]] = defaultdict(list)
        for box in boxes:
            if number := self._world.transits.pop(box, ""):
                found[number].append(box)
        for number, some in found.items():
            about: tuple[Ref, ...] = (("declaration", number),)
            opened_in = number[:2]
            permitted, written_off = at + 2 * HOUR, at + DAY + 3 * HOUR
            self._say("customs.unloading_permitted", about, some, permitted, country, customs)
            self._say(
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

    def _say(
        self,
        what: str,
        about: tuple[Ref, ...],
        boxes: Sequence[str],
        at: int,
        country: str,
        party: str,
        says: Says | None = None,
        *,
        named: bool = True,
    ) -> None:
        """One step; ``named`` tells the boxes with it, else the declaration alone."""
        things = (*about, *(("container", box) for box in boxes)) if named else about
        concerned = frozenset(boxes)
        self._world.happen(
            Happening(at, what, things, (party,), concerned, jurisdiction=country, says=says or {}), _SERIES
        )

    def _cover(self, declaration: str, notes: Sequence[str], party: str, at: int) -> None:
        if notes and at <= self._world.now:
            says = {"declaration": declaration, "notes": list(dict.fromkeys(notes)), "from": at}
            self._world.bind("link.declaration_covers", party, at, says, _SERIES)


def _day(at: int, hours: int) -> datetime:
    return datetime.fromtimestamp(at / 1_000_000, UTC) + timedelta(hours=hours)
