"""The view of the border board beside the board itself, on a simulated world: of a train that both show they tell the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from schemas import railnet
from services.cases.store import projector
from services.ledger.admission.model import Record
from services.ledger.storage.session import open_session
from services.monitoring.exporter import border
from services.query.board.board import Boards
from services.query.board.board_json import board_json
from services.telemetry import gauges
from services.testbed.localstack.engine import DatabaseAddress
from services.testbed.localstack.platform import register
from services.testbed.simulator.corridors import simulate
from services.testbed.simulator.signed_messages import Outgoing, members, profiles, sign_all
from tests.support.cases.platform import Clock, register_platform
from tests.support.databases import migrated_database
from tests.support.signed_stories import APPENDED_MS, GATEWAY, Desk

pytestmark = pytest.mark.integration
MOMENTS = (11, 12, 17, 20, 22, 23)
"""Twenty-fourths of the world's time, at which trains are at borders."""


@dataclass(frozen=True)
class Shown:
    """What both tell of a train."""

    phase: str
    bound: str
    ready: int
    boxes: int
    waits: dict[str, int]
    names: tuple[str, ...]


Told = dict[tuple[str, str], Shown]
Queues = Counter[tuple[str, str]]
"""How many trains are queued, by crossing and the station that they stand at."""


def by_the_exporter(dsn: str, moment: int) -> Queues:
    with open_session(dsn) as session:
        told = border.BorderQueues().measure(session, moment)
    waiting = {one.labels: int(one.value) for one in told if one.definition is gauges.BORDER_TRAINS_WAITING}
    return +Counter({(crossing, station): many for (crossing, station), many in waiting.items()})


def queued_on_the_board(dsn: str, moment: int) -> Queues:
    with open_session(dsn) as session:
        told = board_json(Boards().board(session, moment))
    return Counter(
        (crossing["crossing"], train["position"]["place"].removeprefix("railnet:"))
        for crossing in told["crossings"]
        for train in crossing["trains"]
        if train["phase"] == "QUEUED" and not railnet.crossings()[crossing["crossing"]].by_sea
    )


def queued_in_the_view(dsn: str, moment: int) -> Queues:
    at = datetime.fromtimestamp(moment / 1e6, UTC).isoformat()
    asked = "SELECT crossing, t.text FROM lianyun.border_trains(lianyun.shown_at()) b JOIN lianyun.reference_place t ON t.place = b.near WHERE phase = 'QUEUED'"
    with psycopg.connect(dsn, options=f"-c lianyun.as_of={at}") as session:
        rows = session.execute(asked).fetchall()
    return Counter(
        (crossing, near.removeprefix("railnet:"))
        for crossing, near in rows
        if not railnet.crossings()[crossing].by_sea
    )


def by_the_board(dsn: str, moment: int) -> Told:
    with open_session(dsn) as session:
        told = board_json(Boards().board(session, moment))
    return {
        (crossing["crossing"], train["numbers"][0]): Shown(
            train["phase"], train["bound"], train["ready"], train["boxes"], train["waits_for"],
            tuple(train["numbers"][1:]),
        )
        for crossing in told["crossings"]
        for train in crossing["trains"]
    }  # fmt: skip


def by_the_view(dsn: str, moment: int) -> Told:
    at = datetime.fromtimestamp(moment / 1e6, UTC).isoformat()
    with psycopg.connect(dsn, options=f"-c lianyun.as_of={at}", row_factory=dict_row) as session:
        rows = session.execute("SELECT * FROM dashboard.border_train").fetchall()
    return {(row["crossing"], row["train"].split(" = ")[0]): shown(row) for row in rows}


def shown(row: dict[str, Any]) -> Shown:
    waits = dict(each.rsplit(" ", 1) for each in (row["waits_for"] or "").split(", ") if each)
    return Shown(
        row["phase"], row["bound"], row["ready"], row["boxes"], {what: int(many) for what, many in waits.items()},
        tuple(row["train"].split(" = ")[1:]),
    )  # fmt: skip


def told_until(dsn: str, outgoing: list[Outgoing], moments: list[int]) -> Iterator[int]:
    """Store what was sent until each moment, have its cases followed, and yield the moment."""
    hand, clock, at = Desk(dsn), Clock(0), 0
    for moment in moments:
        records = []
        while at < len(outgoing) and outgoing[at].sent <= moment:
            message = outgoing[at].message
            records.append(Record(GATEWAY, 0, at, APPENDED_MS, list(message.headers), message.value))
            at += 1
        for start in range(0, len(records), 500):
            hand.apply(records[start : start + 500])
        hand.settle()
        clock.at = moment
        with open_session(dsn) as session:
            session.autocommit = True
            projector.catch_up(session, clock.desk)
        yield moment
    hand.close()


def test_of_a_train_that_both_show_they_tell_the_same(postgres: DatabaseAddress) -> None:
    world = simulate("tiny", 1, scale=0.01)
    known = profiles(world.seed)
    good = [message for message in world.simulation().publication.messages if not message.refused_as]
    outgoing = sign_all(sorted(good, key=lambda message: message.sent), known)
    begin, end = outgoing[0].sent, outgoing[-1].sent
    dsn = migrated_database(postgres, "board_of_a_world")
    register(dsn, members(known))
    with psycopg.connect(dsn) as session:
        register_platform(session)
    both, phases, waits, alone, queued = 0, set[str](), set[str](), list[str](), 0
    for moment in told_until(dsn, outgoing, [begin + (end - begin) * each // 24 for each in MOMENTS]):
        board, view = by_the_board(dsn, moment), by_the_view(dsn, moment)
        queues = queued_on_the_board(dsn, moment)
        assert by_the_exporter(dsn, moment) == queues
        assert queued_in_the_view(dsn, moment) == queues
        queued += queues.total()
        for key in board.keys() & view.keys():
            assert view[key] == board[key], key
            both += 1
            phases.add(board[key].phase)
            waits |= board[key].waits.keys()
        alone += [f"{key} {board.get(key) or view.get(key)}" for key in board.keys() ^ view.keys()]
    assert queued >= 5
    assert both >= 15, alone
    assert len(alone) <= both // 5, alone
    assert phases == {"DUE", "QUEUED", "HANDED_OVER"}
    assert {"prior information", "ENS", "held by customs"} <= waits
