"""What the border board says that a train carries: no box that was taken off it, no cargo that had left its box."""

from __future__ import annotations

import psycopg
import pytest
import yaml

from schemas.rfc3339 import parse_micros
from services.ledger.storage.session import open_session
from services.query.board.board import Boards
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import Story, Text
from tests.support.databases import migrated_database
from tests.support.signed_stories import Desk, record, register

pytestmark = pytest.mark.integration
WORLD = """
parties:
  xaport: {roles: [operator]}
  other: {roles: [operator]}
  hanse: {roles: [forwarder]}
  cr: {roles: [railway], managers: [cr]}
  urumqi: {roles: [terminal], places: [urumqi]}
  duisport: {roles: [terminal], places: [duisburg]}
events:
  - {id: open-a, by: xaport, at: 2026-03-01T09:00+08:00, type: link.consignment_opened, says: {reference: A, containers: [LYNU7300016]}}
  - {id: open-b, by: xaport, at: 2026-03-01T09:01+08:00, type: link.consignment_opened, says: {reference: B, containers: [LYNU7300021]}}
  - {id: open-c, by: xaport, at: 2026-03-01T09:02+08:00, type: link.consignment_opened, says: {reference: C, containers: [LYNU7300037]}}
  - {id: open-d0, by: other, at: 2026-01-05T09:00+08:00, type: link.consignment_opened, says: {reference: D0, containers: [LYNU7300042]}}
  - {id: pod-d0, by: other, at: 2026-02-05T09:00+08:00, type: movement.delivered, says: {objects: container LYNU7300042, place: duisburg}}
  - {id: open-d, by: xaport, at: 2026-03-01T09:03+08:00, type: link.consignment_opened, says: {reference: D, containers: [LYNU7300042]}}
  - {id: open-e, by: xaport, at: 2026-03-01T09:04+08:00, type: link.consignment_opened, says: {reference: E, parties: [{hanse: forwarder}], containers: [LYNU7300058]}}
  - {id: load-1, by: cr, at: 2026-03-03T08:00+08:00, type: link.wagon_loaded, says: {wagon: CN/5251427, containers: [LYNU7300016, LYNU7300021, LYNU7300037, LYNU7300042, LYNU7300058], place: xian-intl-port}}
  - {id: train-1, by: cr, at: 2026-03-03T09:00+08:00, type: link.train_composed, says: {train: cr/X8024/2026-03-03/xian-intl-port, wagons: [CN/5251427], place: xian-intl-port}}
  - {id: left-1, by: cr, at: 2026-03-03T10:00+08:00, type: movement.departed, says: {objects: train cr/X8024/2026-03-03/xian-intl-port, place: xian-intl-port}}
  # Taken off on the way, by the terminal; mistyped far away; taken off by the word of a party.
  - {id: off-a, by: urumqi, at: 2026-03-05T08:00+08:00, type: movement.unloaded, says: {objects: container LYNU7300016, place: urumqi}}
  - {id: off-c, by: duisport, at: 2026-03-05T01:00+01:00, type: movement.unloaded, says: {objects: container LYNU7300037, place: duisburg}}
  - {id: off-e, by: hanse, at: 2026-03-05T08:00+08:00, type: movement.unloaded, says: {objects: container LYNU7300058, place: urumqi}}
  - {id: came-1, by: cr, at: 2026-03-06T08:00+08:00, type: movement.arrived, says: {objects: train cr/X8024/2026-03-03/xian-intl-port, place: alashankou}}
  # At the border a box waits to go over as its train does.
  - {id: off-b, by: cr, at: 2026-03-06T09:00+08:00, type: movement.unloaded, says: {objects: container LYNU7300021, place: alashankou}}
  - {id: stands-1, by: cr, at: 2026-03-06T10:00+08:00, type: movement.arrived, says: {objects: train cr/X8024/2026-03-03/xian-intl-port, place: alashankou, occurrence: again}}
"""
NOW = parse_micros("2026-03-06T04:00:00Z")


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, "board_cargo")
    told = yaml.load(WORLD, Text)
    story = Story("board_cargo", "", "", told["parties"], tuple(told["events"]), "2026-03-06T04:00:00Z", {})
    with psycopg.connect(address) as session:
        register(session, [story])
    desk = Desk(address)
    assert desk.apply([record(each, n) for n, each in enumerate(story.told)]).new == len(story.told)
    desk.settle()
    desk.close()
    return address


def test_a_train_carries_what_nobody_took_off(dsn: str) -> None:
    with open_session(dsn) as session:
        board = Boards().board(session, NOW)
    (train,) = [train for crossing in board.crossings for train in crossing.trains]
    assert {box.container: len(box.consignments) for box in train.boxes} == {
        "LYNU7300021": 1,
        "LYNU7300037": 1,  # what a terminal said that no train can have reached takes nothing off
        "LYNU7300042": 1,  # the cargo of the journey before is delivered
    }


def test_so_does_a_train_of_the_dashboards_as_far_as_tables_tell(dsn: str) -> None:
    with psycopg.connect(dsn) as session:
        (boxes,) = session.execute(
            "SELECT cardinality(boxes) FROM lianyun.border_trains(%s)", (NOW,)
        ).fetchone() or (None,)
    # Without the words of parties, and with what was only mistyped.
    assert boxes == 3
