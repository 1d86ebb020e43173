"""What authorities and railways say of borders: closed, opened again, not loading; and who counts how many trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.testbed.simulator.cast import CAST
from services.testbed.simulator.conditions import Closure, Conditions, Count, LoadingStop
from services.testbed.simulator.faults import Gossip
from services.testbed.simulator.reports import Record
from services.testbed.simulator.world import DAY, HOUR, MINUTE, Order, World

Standing = Callable[[str, int], tuple[int, int]]
"""How many trains towards Europe stand before a crossing at a time: at the border station, and with those held on the way."""
_RESTRICTED, _LIFTED = "network.restricted", "network.restriction_lifted"


class Orders:
    """Publishes the restrictions of a world; ``standing`` counts its trains."""

    def __init__(self, world: World, gossip: Gossip, conditions: Conditions, standing: Standing) -> None:
        self._world = world
        self._gossip = gossip
        self._conditions = conditions
        self._standing = standing
        self._claims: dict[tuple[str, str], Record] = {}

    def schedule(self, later: Callable[[int, Callable[[], None]], None]) -> None:
        """Put every order and count on the agenda."""
        for closure in self._conditions.closures:
            later(closure.announced, lambda closure=closure: self._close(closure))  # type: ignore[misc]
        for stop in self._conditions.stops:
            later(stop.start - 3 * HOUR, lambda stop=stop: self._stop(stop))  # type: ignore[misc]
        for count in self._conditions.counts:
            later(count.at, lambda count=count: self._count(count))  # type: ignore[misc]

    def _close(self, closure: Closure) -> None:
        """The order, open-ended as it was given, and the end of it a day before the border opens."""
        says = {"place": f"crossing:{closure.crossing}", "kind": "BORDER_CLOSED", "direction": "BOTH"}
        order = {**says, "order_number": f"SIM-{closure.fact}", "from": closure.start}
        record = self._say(closure.by, closure.announced, order)
        self._lift(closure.by, record, closure.end - DAY, closure.end)

    def _stop(self, stop: LoadingStop) -> None:
        self._say(
            stop.by,
            stop.start - 3 * HOUR,
            {
                "place": f"crossing:{stop.crossing}",
                "kind": "ACCEPTANCE_BAN",
                "direction": stop.direction,
                "order_number": f"SIM-{stop.fact}",
                "from": stop.start,
                "to": stop.end,
            },
        )

    def _count(self, count: Count) -> None:
        """Somebody's own claim about the closed border, with his own count of what stands there."""
        closure = next(
            c
            for c in self._conditions.closures
            if c.crossing == count.crossing and c.start <= count.at < c.end
        )
        at_border, all_of_them = self._standing(count.crossing, count.at)
        own = at_border if "railway" in CAST[count.by].roles else all_of_them
        says = {
            "place": f"crossing:{count.crossing}",
            "kind": "BORDER_CLOSED",
            "direction": "WEST",
            "from": closure.start,
            "remark": f"simulated: {own} trains standing by our count; reported on the day: {count.reported} ({count.fact})",
        }
        record = self._say(count.by, count.at, says)
        self._lift(count.by, record, max(count.at + HOUR, closure.end + 30 * MINUTE), closure.end)

    def _say(self, party: str, at: int, says: dict[str, Any]) -> Record | None:
        if at > self._world.now:
            return None
        crossing = str(says["place"]).removeprefix("crossing:")
        told = Order(party, crossing, says["kind"], says["direction"], says["from"], says.get("to"))
        self._world.orders.append(told)
        return self._gossip.say(party, _RESTRICTED, at, self._gossip.pen.dated(party, says))

    def _lift(self, party: str, record: Record | None, at: int, end: int) -> None:
        """The order that was told last ends; ``record`` is what told it."""
        if record is None or at > self._world.now:
            return
        self._world.orders[-1] = replace(self._world.orders[-1], end=end)
        says = {"restriction": {"source": CAST[party].source, "id": record["id"]}, "at": end}
        self._gossip.say(party, _LIFTED, at, self._gossip.pen.dated(party, says))
