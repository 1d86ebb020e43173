"""Counts by day that what was stored since is added to are those that counting everything gives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest

from services.ledger.storage.session import Session, open_session
from services.query.published import day_counts
from services.query.published.day_counts import DayCount, DayCounts, Period
from services.query.view_cache import StateMark
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import Told
from tests.support.financing.stored_world import emptied, events_of, key_of, stories_database, tell
from tests.support.financing.stories import cases

pytestmark = pytest.mark.integration
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def counted_dsn(postgres: DatabaseAddress) -> str:
    return emptied(stories_database(postgres, "day_counts"))


class Counted:
    """Counts in one process, each time under a state that was never there before, and from nothing."""

    def __init__(self, session: Session, period: Period) -> None:
        self.session, self.period, self.counts = session, period, DayCounts()
        self._states = count()
        self.server = 1

    def state(self) -> StateMark:
        return StateMark(self.server, 0, 1, next(self._states), 0, 0)

    def same(self) -> Sequence[DayCount]:
        """The counts; the same as without anything cached."""
        found = self.counts.of(self.session, self.period, self.state())
        assert found == DayCounts().of(self.session, self.period, None)
        self.session.commit()
        return found


def total(found: Sequence[DayCount]) -> int:
    return sum(each.accepted for each in found)


def test_what_was_stored_since_is_added(counted_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in cases() if len(case.story.told) > 12)
    waiting = iter(sorted(events_of(case), key=lambda event: event[0]))
    keys = frozenset(key_of(code).key_id for code in case.story.parties)
    with (
        open_session(counted_dsn, "lianyun-test") as reading,
        open_session(counted_dsn, "lianyun-test") as early,
        open_session(counted_dsn, "lianyun-test") as late,
    ):
        counted = Counted(reading, Period(keys, 0, 2**62))
        full = 0
        rows = day_counts._rows

        def watched(session: Session, name: str, values: dict[str, object]) -> list[object]:
            nonlocal full
            full += name == "per_day" and session is reading
            return rows(session, name, values)

        monkeypatch.setattr(day_counts, "_rows", watched)

        def store(session: Session) -> Told:
            known, told = next(waiting)
            tell(session, told, known)
            session.commit()
            return told

        assert counted.same() == []
        store(late)
        assert total(counted.same()) == 1
        # The transaction that began first is the last to be seen.
        early.execute("SELECT pg_current_xact_id()")
        store(late)
        assert total(counted.same()) == 2
        told = store(early)
        assert total(counted.same()) == 3
        assert total(counted.same()) == 3
        store(late)
        store(late)
        found = counted.same()
        assert total(found) == 5
        assert full == 6 + 1, "one in each comparison, and the first"
        # The same again comes from the process, and what is of others, or outside the period, is not counted.
        state = counted.state()
        assert counted.counts.of(reading, counted.period, state) is counted.counts.of(
            reading, counted.period, state
        )
        other = Counted(reading, Period(keys - {key_of(told.party).key_id}, 0, 2**62))
        assert total(other.same()) < 5
        first = min(each.day for each in found)
        within = Counted(reading, Period(keys, (first + 1) * DAY, 2**62))
        assert first not in {each.day for each in within.same()}
        store(late)
        assert total(other.same()) <= 6
        within.same()
        counted.same()

        full = 0
        monkeypatch.setattr(day_counts, "MOST_ADDED", 1)
        store(late)
        store(late)
        assert total(counted.same()) == 8
        assert full == 2, "of many everything is counted by the index"
        counted.server = 2
        assert total(counted.same()) == 8
        assert full == 4, "another server's transactions are others"

        ((name,),) = reading.execute(
            "SELECT i.inhrelid::regclass::text FROM pg_inherits i JOIN lianyun.body b ON b.tableoid = i.inhrelid LIMIT 1"
        ).fetchall()
        reading.commit()
        late.execute(f"ALTER TABLE lianyun.body DETACH PARTITION {name}".encode())
        late.commit()
        assert total(counted.same()) == 0
        assert full == 6, "what is detached is counted no longer"
