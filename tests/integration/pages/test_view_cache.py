"""What the process keeps of pages changes none of them: in any world, at any moment, for anybody, and whatever was stored meanwhile."""

from __future__ import annotations

import time
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from psycopg import Connection

from schemas.events.base import ObjectKind
from schemas.rfc3339 import format_micros
from services.api.access import share_links
from services.arrival.store import projector
from services.credit.store import projector as consents
from services.ledger.storage import event_reader
from services.ledger.storage.session import open_session
from services.pages.cache import StateCache
from services.pages.context import Begun, Session
from services.query.next_change import next_change
from services.query.view_cache import ViewCache
from services.query.views import read_view
from services.testbed.bench.view_cost import apply
from services.testbed.localstack.engine import DatabaseAddress
from services.testbed.localstack.platform import register
from services.testbed.simulator.signed_messages import members, profiles, sign_all
from services.testbed.simulator.simulate import Scale, simulate
from tests.support.api.cast import case, play
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import events_of, tell
from tests.support.pages import RunningPages
from tests.support.profile import rounds

pytestmark = pytest.mark.integration
NETWORK = "demo"
HOUR = 3_600_000_000
LANGUAGES = ("en", "zh", "de")


class Looking:
    """Looks at pages at moments that a test names, with what the process keeps and without."""

    def __init__(self, pages: RunningPages) -> None:
        self.pages, self.now = pages, 0
        self.kept = pages.context.views, pages.context.films
        begin = pages.context.begin

        def at_that_moment(session: Session) -> Begun:
            return begin(session)._replace(now=self.now)

        pages.context.begin = at_that_moment  # type: ignore[method-assign]

    def same(self, path: str, party: str, language: str) -> int:
        """Assert that both are the same answer, byte for byte; its status."""
        found = []
        for views, films in (self.kept, (ViewCache(), StateCache[Any, Any](1))):
            self.pages.context.views, self.pages.context.films = views, films
            with self.pages.browser(party, language) as browser:
                answer = browser.get(path, headers={"accept-encoding": "identity"})
                found.append((answer.status_code, answer.headers.get("etag"), answer.content))
        self.pages.context.views, self.pages.context.films = self.kept
        assert found[0] == found[1], (path, party, language, self.now)
        return found[0][0]


@pytest.mark.parametrize("seed", range(rounds(1, 6)))
def test_a_kept_page_is_the_page(postgres: DatabaseAddress, seed: int) -> None:
    random = Random(seed)
    dsn = migrated_database(postgres, f"kept_pages_{seed}")
    known = profiles(seed, network=NETWORK)
    register(dsn, members(known))
    simulation = simulate(Scale(trains=1, boxes=4, seed=seed))
    outgoing = sign_all(simulation.publication.messages, known)
    random.shuffle(outgoing)
    chunks, place = [], 0
    while place < len(outgoing):
        size = random.choice((1, 5, 40, 120))
        chunks.append(outgoing[place : place + size])
        place += size
    statuses: list[int] = []
    with RunningPages(dsn, {"pages_foreign_floor": 0.0}) as pages, open_session(dsn) as session:
        session.autocommit = True
        looking = Looking(pages)
        for chunk in chunks:
            apply(dsn, chunk)
            if random.random() < 0.3:
                projector.catch_up(session)
            founded = _founded(session)
            for _ in range(8 if founded else 0):
                id_, reference, party = random.choice(founded)
                near = read_view(session, id_, looking.now or simulation.scale.now)
                if near is not None and random.random() < 0.5:  # one moment before, at or after it changes
                    change = next_change(near.facts, near.view, near.as_of)
                    looking.now = min(change, simulation.scale.now + 60 * 24 * HOUR) + random.choice(
                        (-1, 0, 1)
                    )
                else:
                    looking.now = simulation.scale.now - random.randrange(40 * 24) * HOUR // 2
                looker = random.choice((party, "ktz", "cr", "pkp", "gacc", party))
                statuses.append(looking.same(f"/track/{quote(reference)}", looker, random.choice(LANGUAGES)))
            looking.now = simulation.scale.now + 20 * 24 * HOUR
            for looker, days in (("ktz", 40), ("", 40), ("ktz", 10)):
                since = format_micros(simulation.scale.now - days * 24 * HOUR)
                period = f"from={since}&to={format_micros(simulation.scale.now)}"
                assert looking.same(f"/line/film?{period}", looker, "en") == 200
    assert statuses.count(200) > len(statuses) // 4
    assert len(looking.kept[0]), "something was kept"


def _founded(session: Connection[Any]) -> list[tuple[bytes, str, str]]:
    """The id, reference and founder of each consignment."""
    found = []
    for head in event_reader.heads(session, limit=1_000):
        known = read_view(session, head.consignment, 10**16)
        assert known is not None
        found.append((head.consignment, known.view.consignment.key, min(known.view.founders)))
    return found


REVOKED = {
    "id": "revoked", "by": "textil", "at": "2026-03-20T09:00+08:00", "type": "credit.consent_revoked",
    "says": {"consent": "consent"},
}  # fmt: skip


def test_a_right_withdrawn_is_seen_at_the_next_request(postgres: DatabaseAddress) -> None:
    dsn = migrated_database(postgres, "rights_withdrawn")
    play(dsn)
    ((known, told),) = (
        each for each in events_of(case((REVOKED,))) if "consent_revoked" in each[1].envelope.type
    )
    with RunningPages(dsn, {"pages_foreign_floor": 0.0}) as pages, open_session(dsn) as session:
        with pages.browser("bbank") as bank:
            for _ in range(2):
                assert bank.get("/track/xaport/XA-2").status_code == 200
            tell(session, told, known)
            session.commit()
            consents.catch_up(session)
            session.commit()
            assert bank.get("/track/xaport/XA-2").status_code == 404, "the consent was revoked"
        id_, token = _link(session)
        with pages.browser() as anybody:
            for _ in range(2):
                assert anybody.get(f"/s/{token}").status_code == 200
            share_links.end(session, id_, "optic", time.time_ns() // 1_000)
            session.commit()
            assert anybody.get(f"/s/{token}").status_code == 410, "the link was ended"


def _link(session: Connection[Any]) -> tuple[str, str]:
    """A link of the shipper to its consignment."""
    (consignment,) = event_reader.consignments_of(session, ObjectKind.CONSIGNMENT, "xaport/XA-1")
    now = time.time_ns() // 1_000
    made = share_links.make(
        session,
        consignment=consignment,
        reference="xaport/XA-1",
        party="optic",
        made_by="test",
        fields=[],
        now=now,
        expires=now + share_links.DAY,
        label="",
    )
    session.commit()
    return made
