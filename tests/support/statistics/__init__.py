"""Whole journeys of shippers over both changes of gauge, as stories, for tests of the statistics on the database."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from services.ledger.storage.session import open_session
from services.statistics.domain import months
from services.statistics.domain.corridors import Corridor
from services.statistics.domain.definitions import table
from services.statistics.domain.observations import Journey, of_journey
from services.statistics.domain.publication import publish
from services.statistics.store import publisher
from services.statistics.store.ledger_at import Position
from services.statistics.store.publisher import Outcome, publish_due
from services.statistics.store.reader import Publication
from tests.stories.shorthand import check_digit
from tests.stories.story import Story, Told
from tests.support.arrival import ROUTE
from tests.support.signed_stories import Desk, record, register

PARTIES: dict[str, dict[str, Any]] = {
    "xaport": {"roles": ["operator"]},
    "cr": {"roles": ["railway"], "managers": ["cr"]},
    "ktz": {"roles": ["railway"], "managers": ["ktz"]},
    "bch": {"roles": ["railway"], "managers": ["bch"]},
    "dit": {"roles": ["terminal"], "places": ["duisburg"]},
    **{f"s{n}": {"roles": ["shipper"]} for n in range(9)},
}
STEPS: tuple[tuple[float, str, str, str], ...] = (
    (0, "cr", "departed", "xian-intl-port"),
    (60, "cr", "arrived", "alashankou"),
    (80, "cr", "handed_over", "crossing:alashankou-dostyk"),
    (90, "ktz", "departed", "dostyk"),
    (300, "dit", "arrived_at_destination", "duisburg"),
)


def shipped(
    number: int,
    departs: datetime,
    shipper: str = "",
    hours: float = 300,
    announced: float = 0,
    steps: int = len(STEPS),
) -> Story:
    """The ``number``-th consignment, of ``shipper``, which arrives ``hours`` after its departure; ``announced``: as had been estimated."""
    serial = f"{510_000 + number:06}"
    box = f"container LYCU{serial}{check_digit('LYCU', serial)}"
    opened = departs - timedelta(days=9)
    reference = f"ST-{number}"

    def event(id_: str, by: str, at: datetime, type_: str, **says: Any) -> dict[str, Any]:
        return {"id": id_, "by": by, "at": at.isoformat(), "type": type_, "says": says}

    parties = [{p: "railway"} for p in ("cr", "ktz", "bch")] + [{"dit": "terminal"}]
    parties += [{shipper: "shipper"}] if shipper else []
    events = [
        event("open", "xaport", opened, "link.consignment_opened", reference=reference,
              containers=[box.removeprefix("container ")], parties=parties),
        event("route", "xaport", opened, "link.route_planned", objects=f"consignment xaport/{reference}", places=ROUTE),
    ]  # fmt: skip
    if announced:
        events.append(
            event("estimate", "dit", opened, "movement.arrived_at_destination", objects=box, place="duisburg",
                  classifier="EST", happened=(departs + timedelta(hours=announced)).isoformat())
        )  # fmt: skip
    for n, (at, by, what, place) in enumerate(STEPS[:steps]):
        says: dict[str, Any] = {"objects": box, "place": place}
        if what == "handed_over":
            says |= {"side": "DELIVERING", "counterparty": "ktz", "list_number": f"L-{number}"}
        late = hours if what == "arrived_at_destination" else at
        events.append(event(f"s{n}", by, departs + timedelta(hours=late), f"movement.{what}", **says))
    return Story(
        slug=f"statistics_{number:03}",
        title="A journey",
        why="For statistics.",
        parties=PARTIES,
        events=tuple(events),
        as_of=(departs + timedelta(days=40)).isoformat(),
        expect={},
    )


def months_of_trade(first: int = 0) -> list[Story]:
    """Four months of 2025 of seven shippers; from September on it takes longer."""
    found = []
    for n in range(96):
        departs = datetime(2025, 7 + n // 24, 2 + n % 24, 6, tzinfo=UTC)
        slow = 120 if n // 24 >= 2 else 0
        found.append(
            shipped(
                first + n,
                departs,
                f"s{n % 7}",
                300 + n % 24 * 3 + slow,
                330 if n % 2 else 0,
                4 if n % 24 == 7 else 5,
            )
        )
    return found


def fill(dsn: str, told: list[Story], order: list[Told] | None = None) -> int:
    """Accept the stories in an empty database; returns the next offset."""
    with psycopg.connect(dsn) as session:
        register(session, told)
    desk = Desk(dsn)
    events = order if order is not None else [event for story in told for event in story.told]
    for at in range(0, len(events), 200):
        desk.apply([record(each, at + n) for n, each in enumerate(events[at : at + 200])])
    desk.settle()
    desk.close()
    return len(events)


def published(dsn: str) -> list[Outcome]:
    """Publish what is due, however lately it was stored."""
    with open_session(dsn) as session:
        session.autocommit = True
        return publish_due(session, quiet=0)


CORRIDORS = {
    Corridor("CN", "EU", "alashankou-dostyk"): 60,
    Corridor("EU", "CN", "khorgos-altynkol"): 40,
    Corridor("CN", "EU", "erenhot-zamyn-uud"): 25,
    Corridor("CN", "EU", "manzhouli-zabaikalsk"): 4,
}
"""Consignments a month; the last corridor is of two shippers, and nothing of it is shown anywhere."""


def publish_year(dsn: str) -> None:
    """Publish the months of 2025 of a world in which a border was closed in September."""
    hour, chance = 3_600_000_000, random.Random(5)
    with open_session(dsn) as session:
        session.autocommit = True
        for month in range(months.parse("2025-01"), months.parse("2026-01")):
            observed = []
            for place, (corridor, many) in enumerate(CORRIDORS.items()):
                for n in range(many + month % 12):
                    departed = months.begins(month) + chance.randrange(600) * hour
                    lasted = (14 + 2 * place + chance.randrange(5)) * 24 + (
                        200 if months.written(month) == "2025-09" else 0
                    )
                    observed += of_journey(
                        Journey(
                            f"x/{month}-{place}-{n}", f"s{n % (9 if place < 3 else 2)}", corridor, departed,
                            None if n % 17 == 3 else departed + lasted * hour, departed + 18 * 24 * hour, n % 23 == 5,
                            ((corridor.crossing, chance.randrange(12, 60) * hour),), (chance.randbytes(16),),
                        )
                    )  # fmt: skip
            position = Position(1, months.published_from(month, final=False))
            publisher.store(
                session, Publication(month, 1, False, position, table().version), publish(observed)
            )
