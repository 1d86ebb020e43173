"""A small corridor in a database: two trains from Minsk to a border that closes, one of which goes on under another number."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg

from services.domain.objects import consignment
from tests.stories.story import Story
from tests.support.financing.stored_world import Stored, register
from tests.support.financing.stories import micros

PARTIES: dict[str, dict[str, list[str]]] = {
    "rtb": {"roles": ["operator"]},
    "other": {"roles": ["operator"]},
    "optic": {"roles": ["shipper"]},
    "textil": {"roles": ["shipper"]},
    "abank": {"roles": ["bank"]},
    "bbank": {"roles": ["bank"]},
    "bch": {"roles": ["railway"], "managers": ["bch"]},
    "plk": {"roles": ["railway"], "managers": ["pkp-plk", "pkp-cargo", "cargotor"]},
    "brest": {"roles": ["terminal"], "places": ["brest-severny"]},
    "gtk": {"roles": ["customs"], "countries": ["BY"]},
    "mswia": {"roles": ["authority"], "countries": ["PL"]},
    "stray": {"roles": ["railway"], "managers": ["uty"]},
}
FIRST, SECOND, WEST = (
    "bch/1401/2026-03-10/minsk",
    "bch/1403/2026-03-10/minsk",
    "plk/45301/2026-03-12/malaszewicze",
)
BOX, OTHER = "LYCU4100620", "LYCU4100636"
EVENTS = (
    ("open", "rtb", "2026-03-09T09:00+03:00", "link.consignment_opened", {"reference": "R-1", "parties": [{"optic": "shipper"}], "containers": [BOX]}),
    ("open2", "rtb", "2026-03-09T09:10+03:00", "link.consignment_opened", {"reference": "R-2", "parties": [{"textil": "shipper"}], "containers": [OTHER]}),
    ("load", "bch", "2026-03-10T01:00+03:00", "link.wagon_loaded", {"wagon": "UIC/315145560019", "containers": [BOX], "place": "minsk"}),
    ("load2", "bch", "2026-03-10T01:10+03:00", "link.wagon_loaded", {"wagon": "UIC/315145560191", "containers": [OTHER], "place": "minsk"}),
    ("list", "bch", "2026-03-10T02:00+03:00", "link.train_composed", {"train": FIRST, "wagons": ["UIC/315145560019"], "place": "minsk"}),
    ("list2", "bch", "2026-03-10T02:10+03:00", "link.train_composed", {"train": SECOND, "wagons": ["UIC/315145560191"], "place": "minsk"}),
    ("away", "bch", "2026-03-10T03:00+03:00", "movement.departed", {"objects": f"train {FIRST}", "place": "minsk"}),
    ("away2", "bch", "2026-03-10T06:00+03:00", "movement.departed", {"objects": f"train {SECOND}", "place": "minsk"}),
    ("there", "bch", "2026-03-10T12:00+03:00", "movement.arrived", {"objects": f"train {FIRST}", "place": "brest-severny"}),
    ("there2", "bch", "2026-03-10T15:00+03:00", "movement.arrived", {"objects": f"train {SECOND}", "place": "brest-severny"}),
    ("wrong", "bch", "2026-03-11T15:00+03:00", "movement.arrived", {"objects": f"train {SECOND}", "place": "baranovichi"}),
    ("undo", "bch", "2026-03-11T16:00+03:00", "correction.retracted", {"of": "wrong", "reason": "DID_NOT_HAPPEN"}),
    ("lie", "stray", "2026-03-11T17:00+03:00", "movement.arrived", {"objects": f"train {SECOND}", "place": "warsaw"}),
    ("shut", "mswia", "2026-03-10T18:00+01:00", "network.restricted", {"place": "crossing:brest-malaszewicze", "kind": "BORDER_CLOSED", "direction": "BOTH", "from": "2026-03-10T20:00+01:00"}),
    ("count", "rtb", "2026-03-11T18:00+01:00", "network.restricted", {"place": "crossing:brest-malaszewicze", "kind": "BORDER_CLOSED", "direction": "WEST", "from": "2026-03-10T20:00+01:00"}),
    ("gives", "bch", "2026-03-12T10:00+03:00", "movement.handed_over", {"objects": f"container {BOX}", "place": "crossing:brest-malaszewicze", "side": "DELIVERING", "counterparty": "plk"}),
    ("takes", "plk", "2026-03-12T08:20+01:00", "movement.handed_over", {"objects": f"container {BOX}", "place": "malaszewicze", "side": "RECEIVING", "counterparty": "bch"}),
    ("lift", "plk", "2026-03-12T12:00+01:00", "link.wagon_loaded", {"wagon": "UIC/315145560440", "containers": [BOX], "place": "malaszewicze"}),
    ("west", "plk", "2026-03-12T13:00+01:00", "link.train_composed", {"train": WEST, "wagons": ["UIC/315145560440"], "place": "malaszewicze"}),
    ("gone", "plk", "2026-03-12T15:00+01:00", "movement.departed", {"objects": f"train {WEST}", "place": "malaszewicze"}),
    ("warsaw", "plk", "2026-03-12T22:00+01:00", "movement.arrived", {"objects": f"train {WEST}", "place": "warsaw"}),
)  # fmt: skip
NOW = micros("2026-03-20T00:00:00Z")


def store(address: str) -> None:
    """Register the parties in the migrated database at ``address`` and store the events."""
    story = Story(
        slug="line", title="", why="", parties=PARTIES,
        events=tuple({"id": id_, "by": by, "at": at, "type": type_, "says": says} for id_, by, at, type_, says in EVENTS),
        as_of="2026-03-20T00:00:00Z", expect={}, unreached={},
    )  # fmt: skip
    stored = Stored(address, [(told.envelope.published_micros, told) for told in story.told])
    register(stored.session, story)
    stored.session.commit()
    stored.begin()
    stored.hear(NOW)
    stored.close()
    with psycopg.connect(address) as session:
        # What decisions of the financing domain leave of a pledge by bbank on R-1.
        held = uuid4()
        session.execute(
            "INSERT INTO lianyun.financing_hold (financing, name, blocks, pledged, ended) VALUES (%s, 'bbank/LN-1', true, true, false)",
            (held,),
        )
        session.execute(
            "INSERT INTO lianyun.financing_cargo (consignment, financing, key) VALUES (%s, %s, 'rtb/R-1')",
            (UUID(bytes=consignment("rtb", "R-1").id), held),
        )
