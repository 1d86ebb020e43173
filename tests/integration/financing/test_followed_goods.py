"""Whoever holds a pledge is put down for an event in the transaction that accepts it, whatever consignment the event names."""

from __future__ import annotations

import pytest

from tests.support.financing.stored_world import Stored, events_of
from tests.support.financing.stories import cases, micros

pytestmark = pytest.mark.integration
FAR = micros("2026-12-31T00:00Z")
CASES = {case.slug[:2]: case for case in cases()}
WATCHED = {
    # The other box of the other consignment is nobody's security.
    "42": {"open-8", "open-9", "detained-9", "seal-9", "reconsigned-9", "out-9", "delivered-8"},
    "43": {"taken-back", "detained", "out"},
    "44": {"open-21", "second-back", "third-ended", "fourth-corrected", "returned", "out-2", "lost-3"},
    # What was one with the goods for a day is looked at as well.
    "45": {"split", "merged", "split-again", "out", "out-3"},
    "46": {"open-1", "out"},
    # A part of the same consolidated box is another's goods, put down only for the master note over both; the box is everybody's.
    "48": {"delivered-3", "out", "open-61"},
}  # fmt: skip


@pytest.mark.parametrize("slug", sorted(WATCHED))
def test_each_event_that_concerns_pledged_goods_is_put_down(dsn: str, slug: str) -> None:
    case = CASES[slug]
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(2):
        assert stored.ask(*case.ask(number))[0].done
    stored.hear(FAR)
    rows = stored.session.execute(
        "SELECT DISTINCT b.id FROM lianyun.financing_watch w JOIN lianyun.body b USING (no)"
    ).fetchall()
    names = {told.event: told.short for _, told in events_of(case)}
    assert {names[id_.bytes] for (id_,) in rows} == WATCHED[slug]
    stored.close()
