"""What is told although it did not happen: retracted reports, words of strangers, estimates, a stolen container."""

from __future__ import annotations

from services.simulator.faults import Gossip
from services.simulator.telling import Message
from services.simulator.world import DAY, HOUR, Happening, Lading, World, span

RETRACTED = (
    ("movement.gated_out", "duisport", "railnet:duisburg"),
    ("movement.unloaded", "duisport", "railnet:duisburg"),
    ("movement.arrived", "rzd", "railnet:krasnoe"),
)
STRANGE = (
    ("movement.delivered", "driftline", ""),  # a forwarder who has no business here
    ("movement.gated_out", "xian-terminal", "railnet:duisburg"),  # a terminal far from its own ground
    ("movement.arrived_at_destination", "driftline", "railnet:duisburg"),
)


def spread(world: World, gossip: Gossip, retracted: int, strange: int, stolen: int) -> None:
    """Add so many reports that are taken back, that come from nobody's party, and of thefts on paper."""
    random = world.random("rumours")
    aboard = [lading for lading in world.ladings if lading.start < world.now - DAY and lading.end is None]
    if not aboard:
        return
    for number in range(retracted):
        lading = random.choice(aboard)
        what, party, place = RETRACTED[number % len(RETRACTED)]
        at = world.now - span(random, 2, 12, HOUR)
        record = gossip.pen.record(party, f"cre.{what}.v1", at, _said(gossip, party, lading, what, at, place))
        back = gossip.pen.retract(party, record, at + HOUR, "DID_NOT_HAPPEN")
        pair = [Message(at, party, record), Message(at + random.choice((-HOUR, HOUR)), party, back)]
        gossip.telling.messages += pair
    for number in range(strange):
        lading = random.choice(aboard)
        what, party, place = STRANGE[number % len(STRANGE)]
        at = world.now - span(random, 1, 40, HOUR)
        said = _said(gossip, party, lading, what, at, place)
        gossip.telling.messages.append(
            Message(at, party, gossip.pen.record(party, f"cre.{what}.v1", at, said))
        )
    for number in range(stolen):
        _steal(gossip, random.choice(aboard), number, world.now - span(random, 1, 20, HOUR))
    _estimate(world, gossip)
    gossip.telling.messages.sort(key=lambda m: (m.sent, m.party, m.record["id"]))


def _said(gossip: Gossip, party: str, lading: Lading, what: str, at: int, place: str) -> dict[str, object]:
    happening = Happening(at, what, (("container", lading.box),), (party,), place=place)
    return gossip.pen.milestone(happening, party, at)


def _steal(gossip: Gossip, lading: Lading, number: int, at: int) -> None:
    """A stranger founds a consignment of his own around a box that carries somebody else's cargo."""
    party = "driftline"
    said = gossip.pen.dated(
        party,
        {"reference": f"INVENTED-{number}", "containers": [lading.box], "from": lading.start, "parties": []},
    )
    record = gossip.pen.record(party, "cre.link.consignment_opened.v1", at, said)
    gossip.telling.messages.append(Message(at, party, record))


def _estimate(world: World, gossip: Gossip) -> None:
    """The operator estimates the arrival of every booking; an estimate moves nothing."""
    for cargo in world.cargoes.values():
        at = cargo.booked + 6 * HOUR
        if at > world.now:
            continue
        about = (("booking", cargo.booking),)
        says = {"classifier": "EST"}
        happening = Happening(
            at, "movement.arrived_at_destination", about, ("xianport",), place="railnet:duisburg", says=says
        )
        said = gossip.pen.milestone(happening, "xianport", cargo.booked + 28 * DAY)
        record = gossip.pen.record("xianport", "cre.movement.arrived_at_destination.v1", at, said)
        gossip.telling.messages.append(Message(at, "xianport", record))
