"""What dishonest parties do on purpose, one thing or more for each kind of party, and what a correct view makes of it.

| who | does | what must be seen |
|---|---|---|
| operator | dates the departure of its train back | DISPUTED, the railway's time shows |
| forwarder as customs broker | relays a release that it has altered | DISPUTED, what customs signed shows |
| railway, customs, bank, terminal, forwarder | speaks of cargo with which it has nothing to do | UNENGAGED, nothing moves |
| shipper, consignee | reports what only customs or a railway may report | a dead letter, ROLE_NOT_ALLOWED |
| bank | reserves, pledges, releases what is another's | refused without any detail: see ``financing`` |

Other lies (two contents under one id, moved times, short lists) are rates of ``faults``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Any

from services.testbed.simulator.parties import PARTIES, Manner
from services.testbed.simulator.service import ENDS
from services.testbed.simulator.world import HOUR, MINUTE, Details, Happening, span

NOTHING: Details = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Interference:
    """``party`` reports ``what`` of a box with which it is not engaged, at a place that is not its own."""

    party: str
    what: str
    place: str = ""
    jurisdiction: str = ""
    occurrence: str = ""
    details: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


INTERFERENCES = (
    Interference("driftline", "movement.delivered"),
    Interference("hh-terminal", "movement.gated_out", "railnet:xian-intl-port"),
    Interference("driftline", "movement.arrived_at_destination", "railnet:duisburg"),
    Interference("wayside", "movement.arrived", "railnet:brest-severny"),
    Interference("farpost", "customs.released", jurisdiction="RU", details={"procedure": "TRANSIT"}),
    Interference("ostbank", "document.release_order_issued", details={"document_id": "SIM-DO-INVENTED"}),
    Interference("farpost", "customs.detention_lifted", jurisdiction="RU", details={"outcome": "CLEARED"}),
    Interference(
        "wayside",
        "movement.handed_over",
        "crossing:brest-malaszewicze",
        occurrence="INVENTED",
        details={"side": "RECEIVING", "counterparty": "bch", "list_number": "INVENTED"},
    ),
)
"""Reports by parties that no founding names."""

FORBIDDEN = (
    Interference("luohe", "customs.released", jurisdiction="CN", details={"procedure": "EXPORT"}),
    Interference("lodz", "movement.departed", "railnet:malaszewicze"),
)
"""What no party of that role may publish at all."""
FORBIDDEN_AS = "ROLE_NOT_ALLOWED"

BACKDATES = 0.5
"""How often a dishonest operator does it."""
BACKDATED = 40 * MINUTE, 5 * HOUR
"""How much earlier an operator states that its train left; further back its wagons were not made up yet."""


def backdates(happening: Happening, party: str, random: Random) -> bool:
    """Whether ``party`` states that this departure was earlier than it was: a dishonest operator, of a train at its start."""
    liar = PARTIES[party]
    return (
        liar.manner is Manner.DISHONEST
        and "operator" in liar.roles
        and happening.what == "movement.departed"
        and happening.place.removeprefix("railnet:") in ENDS
        and random.random() < BACKDATES
    )


def backdated(random: Random) -> int:
    """By how much, in microseconds."""
    return span(random, BACKDATED[0] / MINUTE, BACKDATED[1] / MINUTE, MINUTE)


def alters(happening: Happening, party: str) -> bool:
    """Whether ``party``, where it contradicts customs, encloses a message of theirs that it has changed itself."""
    liar = PARTIES[party]
    return (
        liar.manner is Manner.DISHONEST
        and "forwarder" in liar.roles
        and happening.what == "customs.released"
        and "customs" in PARTIES[happening.witnesses[0]].roles
    )


def altered(happening: Happening, stated: str) -> dict[str, str]:
    """The relay of a release as customs never sent it, with the time ``stated``."""
    subject = " ".join(key for _, key in happening.about)
    message = f"simulated: RELEASED {subject} {stated}".encode()
    return {
        "authority": happening.witnesses[0],
        "message_sha256": hashlib.sha256(message).hexdigest(),
        "message_b64": base64.b64encode(message).decode(),
    }
