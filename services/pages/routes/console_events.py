"""What the person's party published and what became of it: lists by state, type, day and consignment, and counts by day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from services.api.access.consignment import visible
from services.domain.objects import Thing
from services.ledger.dead_letters import store
from services.ledger.dead_letters.letter import DeadLetter, LetterState
from services.ledger.dead_letters.store import PublisherQuery
from services.ledger.storage.event_reader import Stored
from services.pages.console import N_, console_page, signed_in
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest
from services.pages.published import words
from services.pages.published.rows import (
    OwnEvent,
    event_row,
    letter_row,
    own_events,
    own_keys,
)
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.people.domain.person import Permission
from services.query.published.day_counts import Period
from services.query.published.listing import (
    Listing,
    Place,
    Wanted,
    listing,
    signed_by,
    type_header,
)
from services.query.views import consignments_of

pages = PageRoutes()
PAGE, EXPORTED = 50, 1_000
"""Events on a page, and in its table as CSV and JSON."""
DAY = 86_400_000_000
DAYS, MOST_DAYS = 7, 62
"""Days that are shown where nobody chooses, and at most."""
MOST_JUDGED = 500
"""Events in a period up to which each is judged, to count how many wait or are remarked on."""
_BEFORE = re.compile(r"([0-9]{1,19})\.([0-9a-f]{1,64})")
EVENT_COLUMNS = (
    Column("appended", N_("Received"), Kind.MOMENT),
    Column("type", N_("What"), Kind.CODE, href="href", words=words.TYPES),
    Column("state", N_("State"), Kind.CODE, words=words.STATES),
    Column("objects", N_("About"), Kind.CODE),
    Column("place", N_("Where"), Kind.PLACE),
    Column("happened", N_("Happened"), Kind.MOMENT, place="place"),
    Column("remarks", N_("Remarks"), Kind.NUMBER),
    Column("id", N_("Id"), Kind.CODE),
)
LETTER_COLUMNS = (
    Column("appended", N_("Received"), Kind.MOMENT),
    Column("type", N_("What"), Kind.CODE, href="href", words=words.TYPES),
    Column("state", N_("State"), Kind.CODE, words=words.LETTER_STATES),
    Column("reason", N_("Why"), Kind.CODE, words={reason: what for reason, (what, _) in words.REASONS.items()}),
    Column("to_do", N_("What to do"), Kind.CODE, words={reason: to_do for reason, (_, to_do) in words.REASONS.items()}),
    Column("pointer", N_("At"), Kind.CODE),
    Column("copies", N_("Copies"), Kind.NUMBER),
    Column("id", N_("Id"), Kind.CODE),
)  # fmt: skip
DAY_COLUMNS = (
    Column("day", N_("Day (UTC)")),
    Column("received", N_("Accepted in all"), Kind.NUMBER),
    Column("parked", N_("of these waiting for a link"), Kind.NUMBER),
    Column("remarks", N_("with remarks"), Kind.NUMBER),
    Column("equivocation", N_("two contents under one id"), Kind.NUMBER),
    Column("quarantined", N_("set aside with its key"), Kind.NUMBER),
    Column("refused", N_("Refused"), Kind.NUMBER),
    Column("later", N_("refused, accepted later or published anew"), Kind.NUMBER),
    Column("counted", N_("refused, too many to be kept"), Kind.NUMBER),
)


class Filter(NamedTuple):
    """What is shown: a state (a key of ``words.STATES``, "" for all that was accepted), a type, a period of UTC days, and more."""

    state: str
    type: str
    first: date
    last: date
    consignment: str
    batch: str
    before: str

    @property
    def since(self) -> int:
        """The beginning of the period, UTC microseconds."""
        return _micros(self.first)

    @property
    def until(self) -> int:
        """Its end, exclusive."""
        return _micros(self.last + timedelta(days=1))

    def address(self, **other: str) -> str:
        """The address of the list with these changes."""
        own = {"from": str(self.first), "to": str(self.last)}
        kept = {name: getattr(self, name) for name in ("state", "type", "consignment", "batch")}
        return f"/console/events?{urlencode({k: v for k, v in {**own, **kept, **other}.items() if v})}"


@pages.get("/console/events", signed_in=True)
def events(request: PageRequest) -> Page:
    """What the person's party published in a period: counts of each day, and a page of it, the latest first."""
    viewer = signed_in(request, Permission.EVENTS)
    chosen = _filter(request)
    values: dict[str, Any] = {
        "chosen": chosen,
        "states": words.STATES,
        "types": words.TYPES,
        "most": MOST_JUDGED,
        "open_letters": 0,
    }
    days, judged = _days(request, chosen)
    open_ = sum(row["refused"] for row in days)
    rows, columns, older, looked_at = _page(request, chosen)
    tables = (
        Table("events", columns, rows, N_("Published events"), more=bool(older)),
        Table("events-by-day", DAY_COLUMNS, days, N_("By day")),
    )
    values |= {
        "events": tables[0],
        "days": tables[1],
        "judged": judged,
        "open_letters": open_,
        "older": older,
        "looked_at": looked_at,
        "latest": None if rows or request.query else _latest(request),
    }
    return console_page(request, viewer, "console_events.html", values, tables=tables)


def _latest(request: PageRequest) -> date | None:
    """The UTC day on which the latest event of the party was received; None where it published none."""
    last = max(signed_by(request.session, own_keys(request)).values(), default=None)
    return None if last is None else datetime.fromtimestamp(last // 1_000_000, UTC).date()


def _filter(request: PageRequest) -> Filter:
    query = request.query
    today = datetime.fromtimestamp(request.now // 1_000_000, UTC).date()
    try:
        last = date.fromisoformat(query["to"]) if query.get("to") else today
        first = date.fromisoformat(query["from"]) if query.get("from") else last - timedelta(days=DAYS - 1)
    except ValueError:
        raise PageError(400) from None
    state, type_, batch = query.get("state", ""), query.get("type", ""), query.get("batch", "")
    if (
        not first <= last < first + timedelta(days=MOST_DAYS)
        or not date(1971, 1, 1) <= first <= last < date(9000, 1, 1)
        or state not in {"", *words.STATES}
        or type_ not in {"", *words.TYPES}
        or not re.fullmatch(r"[A-Za-z0-9+/=]{0,64}", batch)
    ):
        raise PageError(400)
    before = query.get("before", "")
    if before and _BEFORE.fullmatch(before) is None:
        raise PageError(400)
    return Filter(state, type_, first, last, query.get("consignment", "").strip()[:200], batch, before)


def _days(request: PageRequest, chosen: Filter) -> tuple[list[dict[str, Any]], bool]:
    """The counts of each day, the latest first; whether every event was judged, to count those that wait or are remarked on."""
    keys = own_keys(request)
    period = Period(frozenset(keys), chosen.since, chosen.until)
    counted = request.context.counts.of(request.session, period, request.begun.state)
    letters = store.letters_by_day(request.session, request.party.code, chosen.since, chosen.until)
    cut = store.cut_by_day(request.session, request.party.code, chosen.since, chosen.until)
    judged = sum(each.accepted for each in counted) <= MOST_JUDGED
    states: dict[tuple[int, str], int] = {}
    if judged and counted:
        every = listing(request.session, Wanted(keys, chosen.since, Place(chosen.until, 0)), MOST_JUDGED)
        for each in own_events(request, every.events):
            at = each.read.stored.append_us // DAY, words.PARKED if each.state == words.PARKED else ""
            states[at] = states.get(at, 0) + 1
            if each.remarks:
                noted = at[0], words.REMARKS
                states[noted] = states.get(noted, 0) + 1
    by_day = {each.day: each for each in counted}
    rows = []
    for day in sorted({*by_day, *(day for day, _ in letters), *cut}, reverse=True):
        known = by_day.get(day)
        rows.append(
            {
                "day": str(date.fromordinal(day + date(1970, 1, 1).toordinal())),
                "received": known.accepted if known else 0,
                "parked": states.get((day, words.PARKED), 0) if judged else None,
                "remarks": states.get((day, words.REMARKS), 0) if judged else None,
                "equivocation": known.contradicted if known else 0,
                "quarantined": known.quarantined if known else 0,
                "refused": letters.get((day, LetterState.OPEN), 0),
                "later": sum(
                    letters.get((day, state), 0) for state in LetterState if state is not LetterState.OPEN
                ),
                "counted": cut.get(day, 0),
            }
        )
    return rows, judged


def _page(
    request: PageRequest, chosen: Filter
) -> tuple[list[dict[str, Any]], Sequence[Column], str, int | None]:
    """(rows, columns, the address of the next page or "", how many events were looked at where not all of the period were)."""
    size = EXPORTED if request.table == "events" else PAGE
    if chosen.state == words.REFUSED:
        letters = _letters(request, chosen, size + 1)
        rows = [letter_row(each) for each in letters[:size]]
        last = letters[size - 1] if len(letters) > size else None
        return (
            rows,
            LETTER_COLUMNS,
            "" if last is None else _older(chosen, last.last.appended, last.name),
            None,
        )
    found = _of_consignment(request, chosen) if chosen.consignment else _listed(request, chosen, size)
    rows = [event_row(each) for each in own_events(request, found.events)]
    next_ = found.next
    older = "" if next_ is None else _older(chosen, next_.appended, format(next_.no, "x"))
    return rows, EVENT_COLUMNS, older, found.looked_at if next_ and len(rows) < size else None


def _older(chosen: Filter, appended: int, name: str) -> str:
    return chosen.address(before=f"{appended}.{name}")


def _listed(request: PageRequest, chosen: Filter, size: int) -> Listing:
    before = Place(chosen.until, 0)
    if chosen.before:
        appended, _, no = chosen.before.partition(".")
        before = min(before, Place(int(appended), int(no, 16)))
        if before.no >= 1 << 63 or before.appended >= 1 << 63:
            raise PageError(400)
    wanted = Wanted(own_keys(request), chosen.since, before, chosen.type, chosen.batch)
    if not chosen.state:
        return listing(request.session, wanted, size)

    def takes(events: Sequence[Stored]) -> list[bool]:
        return [_is(each, chosen.state) for each in own_events(request, events)]

    return listing(request.session, wanted, size, takes)


def _is(event: OwnEvent, state: str) -> bool:
    return event.state == state or (state == words.REMARKS and bool(event.remarks))


def _of_consignment(request: PageRequest, chosen: Filter) -> Listing:
    """The party's own events among those of one consignment that it may see; none where it sees none."""
    thing = Thing(ObjectKind.CONSIGNMENT, canonical_key(ObjectKind.CONSIGNMENT, chosen.consignment))
    groups = consignments_of(request.session, [thing])
    seen = visible(request, groups[0]) if groups else None
    if seen is None:
        return Listing((), None, 0)
    request.reads("consignment", seen.body["consignment"], seen.shippers)
    keys = own_keys(request)
    own = {
        each.stored.no: each.stored
        for each in seen.known.sources.every
        if each.stored.key_id in keys
        and chosen.since <= each.stored.append_us < chosen.until
        and chosen.type in ("", each.envelope.type)
    }
    found = sorted(own.values(), key=lambda each: (each.append_us, each.no), reverse=True)
    if chosen.state:
        found = [each.read.stored for each in own_events(request, found) if _is(each, chosen.state)]
    return Listing(found, None, len(found))


def _letters(request: PageRequest, chosen: Filter, limit: int) -> list[DeadLetter]:
    before = chosen.until, b""
    if chosen.before:
        appended, _, name = chosen.before.partition(".")
        if len(name) != 64 or int(appended) >= 1 << 63:
            raise PageError(400)
        before = min(before, (int(appended), bytes.fromhex(name)))
    query = PublisherQuery(
        request.party.code, chosen.since, before, header=type_header(chosen.type), limit=limit
    )
    return store.letters_of(request.session, query)


def _micros(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY
