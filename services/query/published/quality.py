"""How good what a party published lately is: measures of a sample of its latest events, and their median among other parties.

Each measure is defined here alone. The sample is a party's latest events, so whatever it published after one of them is in it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

from psycopg import Connection

from schemas.events.base import Classifier
from schemas.remarks import remarks_of
from services.domain.facts import Claim, Micros
from services.ledger.registry.registry import Registry
from services.query.published import statement
from services.query.published.listing import Place, Wanted, listing
from services.query.stored_events import Reread, read_admitted

Session = Connection[Any]
DAY: Final = 86_400_000_000
SAMPLE: Final = 200
"""Events of a party that are looked at, the latest."""
SPAN: Final = 28 * DAY
"""How far back they may lie."""
LEAST_EVENTS: Final = 20
"""A party with fewer has no measures: they would say more of single events."""
LEAST_PARTIES: Final = 5
"""Of fewer other parties no median is shown: it would say more of single parties."""
_SHARE_STEPS = 100
_TIME_STEP = 60_000_000


class Measures(NamedTuple):
    """The measures of one party over ``events`` of it; shares of 1, times in microseconds, None where there is nothing to measure.

    ``refused``: of all messages since the first event of the sample, those that were refused. ``lateness``: from what happened (ACT) to its
    publication, half of the events at most; ``transfer``: from publication to receipt, the same. ``corrections``: events that correct or
    retract others. ``missing``: of what was announced (EST, PLN) for a time more than a day ago, what was not followed by a fact (ACT) of
    the same milestone and object. ``places``: events with a place or station that is not known; ``digits``: with a number whose check digit
    disagrees; ``doubtful``: with any remark.
    """

    events: int
    refused: float | None = None
    lateness: int | None = None
    transfer: int | None = None
    corrections: float | None = None
    missing: float | None = None
    places: float | None = None
    digits: float | None = None
    doubtful: float | None = None


NAMES: Final = tuple(name for name in Measures._fields if name != "events")


def measures(events: Sequence[Reread], refused: int, now: Micros) -> Measures:
    """The measures of a sample, with the number of messages ``refused`` since its first event. Pure."""
    count = len(events)
    if count < LEAST_EVENTS:
        return Measures(count)
    coded = [{each.code for each in remarks_of(event.payload, _published(event))} for event in events]
    late = [
        _published(event) - happened
        for event in events
        if (happened := _first_fact(event.facts.claims)) is not None
    ]
    return Measures(
        count,
        refused / (refused + count),
        int(median(late)) if len(late) >= LEAST_EVENTS else None,
        int(median(event.stored.append_us - _published(event) for event in events)),
        sum(bool(event.facts.withdrawals) for event in events) / count,
        _missing([claim for event in events for claim in event.facts.claims], now),
        sum(any(_is_place(code) for code in codes) for codes in coded) / count,
        sum(any(code.endswith(".check_digit") for code in codes) for codes in coded) / count,
        sum(bool(codes) for codes in coded) / count,
    )


def medians(others: Iterable[Measures]) -> Mapping[str, float | int | None]:
    """Of each measure the median of the parties that have it, None below LEAST_PARTIES of them.

    Shares are rounded to whole per cent, times to minutes: an exact value would be that of one party. Pure.
    """
    every = list(others)
    found: dict[str, float | int | None] = {}
    for name in NAMES:
        values = [value for each in every if (value := getattr(each, name)) is not None]
        if len(values) < LEAST_PARTIES:
            found[name] = None
            continue
        middle = median(values)
        whole = all(isinstance(value, int) for value in values)
        found[name] = (
            round(middle / _TIME_STEP) * _TIME_STEP if whole else round(middle * _SHARE_STEPS) / _SHARE_STEPS
        )
    return found


def read_measures(session: Session, registry: Registry, party: str, now: Micros) -> Measures:
    """The measures of the party at ``now``, from its latest events; in the caller's transaction, four statements."""
    keys = [key.key_id for key in registry.keys_of(party)]
    since = now - SPAN
    found = listing(session, Wanted(keys, since, Place(now + 1, 0)), SAMPLE).events
    begun = min((each.append_us for each in found), default=since) if len(found) == SAMPLE else since
    row = session.execute(statement("refused_since"), {"publisher": party, "since": begun}).fetchone()
    assert row is not None
    read = [read_admitted(each, registry) for each in found if not each.quarantined]
    return measures(read, int(row[0]), now)


def _published(event: Reread) -> Micros:
    return event.attributes.published


def _first_fact(claims: Iterable[Claim]) -> Micros | None:
    return min((claim.happened for claim in claims if claim.classifier is Classifier.ACT), default=None)


def _missing(claims: Sequence[Claim], now: Micros) -> float | None:
    facts = {(claim.thing, claim.milestone) for claim in claims if claim.classifier is Classifier.ACT}
    announced = {
        (claim.thing, claim.milestone)
        for claim in claims
        if claim.classifier is not Classifier.ACT and claim.happened < now - DAY
    }
    return len(announced - facts) / len(announced) if len(announced) >= LEAST_EVENTS else None


def _is_place(code: str) -> bool:
    return code in ("place.unknown", "unlocode.trap", "unlocode.form", "station1520.form")
