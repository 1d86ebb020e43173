"""Every credit story: what is counted, against whom, by which events, and what may be read of it.

The counts and events that a story expects were written by hand. A story names every signal of which anything is observed and
every event that counts against somebody: what it does not name must not be there.
"""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest

from schemas.events.correction import Corrected
from schemas.events.decode import decode_payload
from services.credit.domain.consent import in_force, may_read
from services.credit.domain.disputes import dispute_statuses
from services.credit.domain.observations import Observation, added, count, difference
from services.credit.domain.score import Assessment
from services.credit.domain.signals import Signal

from .story import CreditStory, credit_stories, current, joined

STORIES = credit_stories()
PURPOSES = ("CREDIT_ASSESSMENT", "FINANCING_APPLICATION", "PORTFOLIO_MONITORING")
each_story = pytest.mark.parametrize("told", STORIES, ids=[story.slug for story in STORIES])


def sums(seen: frozenset[Observation], shipper: str) -> dict[str, str]:
    """``bad of trials`` by signal."""
    trials: dict[Signal, list[int]] = defaultdict(list)
    for each in seen:
        if each.shipper == shipper:
            trials[each.signal].append(each.bad)
    return {s.code: f"{sum(bad) / 1000:g} of {len(bad)}" for s, bad in sorted(trials.items())}


def against(told: CreditStory, seen: frozenset[Observation], shipper: str) -> dict[str, list[str]]:
    events: dict[Signal, set[str]] = defaultdict(set)
    for each in seen:
        if each.shipper == shipper and each.bad:
            events[each.signal] |= {told.short(event) for event in each.events}
    return {signal.code: sorted(names) for signal, names in events.items()}


def named(told: CreditStory, assessment: Assessment | None) -> dict[str, list[str]]:
    """The events of each reason."""
    assert assessment is not None
    return {r.signal.code: sorted(map(told.short, r.events)) for r in assessment.reasons if r.events}


def reads(told: CreditStory, shipper: str, reader: str) -> dict[str, list[str]]:
    consents = in_force(told.state.told, told.state.liveness, told.as_of)
    given = {purpose: may_read(reader, purpose, shipper, consents) for purpose in PURPOSES}
    return {purpose: sorted(leave.parts) for purpose, leave in given.items() if leave is not None}


@each_story
def test_story(told: CreditStory) -> None:
    seen = told.state.observations(current())
    assert {each.shipper for each in seen} <= set(told.story.expect), "somebody else is judged too"
    for shipper, expect in told.story.expect.items():
        assert expect is not None
        judged(told, seen, shipper, dict(expect))


def judged(told: CreditStory, seen: frozenset[Observation], shipper: str, expect: dict[str, Any]) -> None:
    assert sums(seen, shipper) == expect.pop("signals"), shipper
    assert against(told, seen, shipper) == {s: sorted(e) for s, e in expect.pop("against").items()}, shipper
    record = told.state.record(shipper, told.as_of, current())
    found = record.assessment
    assert found.status == expect.pop("status"), shipper
    assert (found.score is None) == (found.status == "INSUFFICIENT_DATA")
    if "score" in expect:
        assert (found.score, list(found.band or ())) == (expect.pop("score"), expect.pop("band"))
    if "reasons" in expect:
        assert [reason.signal.code for reason in found.reasons] == expect.pop("reasons")
    if "disputes" in expect:
        standings = dispute_statuses(told.state.told, told.state.liveness, current(), told.as_of)
        mine = {told.short(s.dispute.event): s.state for s in standings if s.dispute.shipper == shipper}
        assert mine == expect.pop("disputes")
        assert named(told, found) == {s: sorted(e) for s, e in expect.pop("counted").items()}
        assert named(told, record.undisputed) == {s: sorted(e) for s, e in expect.pop("undisputed").items()}
        assert record.undisputed is not None
        assert (record.undisputed.score or 0) > (found.score or 0)
    for reader, purposes in expect.pop("reads", {}).items():
        assert reads(told, shipper, reader) == {p: sorted(parts) for p, parts in purposes.items()}, reader
    assert not expect, f"the story expects what nobody compares: {sorted(expect)}"


@each_story
def test_any_order_and_batches_give_the_same_counts(told: CreditStory) -> None:
    """Counts are carried from batch to batch by differences; at each step they equal those of the facts so far."""
    rng = random.Random(told.slug)
    whole = count(told.state.observations(current()))
    for _ in range(3):
        pieces = [*told.pieces, *rng.sample(told.pieces, len(told.pieces) // 3)]
        rng.shuffle(pieces)
        state, before, counts = joined(()), frozenset[Observation](), {}
        cuts = sorted(rng.sample(range(1, len(pieces)), min(4, len(pieces) - 1)))
        for start, end in zip([0, *cuts], [*cuts, len(pieces)], strict=True):
            state |= joined(pieces[start:end])
            after = state.observations(current())
            counts = added(counts, difference(before, after))
            assert counts == count(after)
            before = after
        assert counts == whole


@each_story
def test_told_by_those_who_may(told: CreditStory) -> None:
    for event in told.story.told:
        payload = decode_payload(event.envelope.type, event.payload)
        said = [payload, *([payload.replacement.payload] if isinstance(payload, Corrected) else [])]
        assert all(event.publisher.roles & each.spec.publishers for each in said), event.short


def test_every_signal_has_a_story_for_and_against() -> None:
    good, bad = set(), set()
    for told in STORIES:
        for seen in told.state.observations(current()):
            (bad if seen.bad else good).add(seen.signal)
    assert good == set(Signal)
    assert bad == set(Signal) - {Signal.STABILITY}
