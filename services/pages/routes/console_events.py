"""What the person's party published and what became of it: lists, counts by day, one event, one refused message and its redrive."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson

from schemas.events.base import ObjectKind
from schemas.events.catalogue import CATALOGUE
from schemas.events.keys import canonical_key
from schemas.reasons import Reason
from schemas.signature_header import parse_header
from services.api.access.consignment import References, visible
from services.api.access.unreached import own_unreached
from services.domain.objects import Thing
from services.ledger.dead_letters import requests, store
from services.ledger.dead_letters.letter import DeadLetter, LetterState
from services.ledger.dead_letters.store import PublisherQuery
from services.ledger.storage import event_reader
from services.ledger.storage.event_reader import Stored
from services.pages.auth.sign_in import SignedIn
from services.pages.console import N_, console_page, signed_in
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest, Redirect
from services.pages.published import words
from services.pages.published.rows import OwnEvent, event_row, header_texts, letter_row, own_events, shown
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.pages.tracking.words import MILESTONES
from services.people.domain.person import Permission
from services.query.published.listing import (
    Listing,
    Place,
    Wanted,
    listing,
    per_day,
    reach,
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
MOST_REACHED = 50
MOST_BYTES = 16_384
"""Characters of a refused message that are shown."""
_BEFORE = re.compile(r"([0-9]{1,19})\.([0-9a-f]{1,64})")
TYPES: Mapping[str, str] = {
    type_: MILESTONES.get(model.spec.name, model.spec.name) for type_, model in sorted(CATALOGUE.items())
}
"""What every type of event is called."""
EVENT_COLUMNS = (
    Column("appended", N_("Received"), Kind.MOMENT),
    Column("type", N_("What"), Kind.CODE, href="href", words=TYPES),
    Column("state", N_("State"), Kind.CODE, words=words.STATES),
    Column("objects", N_("About"), Kind.CODE),
    Column("place", N_("Where"), Kind.PLACE),
    Column("happened", N_("Happened"), Kind.MOMENT, place="place"),
    Column("remarks", N_("Remarks"), Kind.NUMBER),
    Column("id", N_("Id"), Kind.CODE),
)
LETTER_COLUMNS = (
    Column("appended", N_("Received"), Kind.MOMENT),
    Column("type", N_("What"), Kind.CODE, href="href", words=TYPES),
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
        "types": TYPES,
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


@pages.get("/console/events/{id}", signed_in=True)
def event(request: PageRequest) -> Page:
    """One event of the party with what it says, became and reaches; or one refused message with its bytes."""
    viewer = signed_in(request, Permission.EVENTS)
    id_ = _id(request)
    if len(id_) == 32:
        return _letter_page(request, viewer, _letter(request, id_))
    keys = _keys(request)
    stored = [each for each in event_reader.events_by_id(request.session, [id_]) if each.key_id in keys]
    if not stored:
        raise PageError(404)
    return _event_page(request, viewer, own_events(request, stored), keys)


@pages.post("/console/events/{id}/redrive", signed_in=True)
def redrive(request: PageRequest) -> Redirect:
    """Have a refused message of the party judged again, unchanged; one form asks once, however often it is sent."""
    viewer = signed_in(request, Permission.EVENTS_REDRIVE)
    letter = _letter(request, _id(request))
    turn = request.form.get("last", "")
    if not re.fullmatch(r"[0-9]{1,6}", turn) or not _redrivable(letter):
        raise PageError(400)
    issuer, person = viewer.who.signatory
    requests.request_redrive(
        request.session, letter.digest, int(turn), letter.publisher, issuer, person, request.now
    )
    return Redirect(f"/console/events/{letter.name}")


def _latest(request: PageRequest) -> date | None:
    """The UTC day on which the latest event of the party was received; None where it published none."""
    last = max(signed_by(request.session, _keys(request)).values(), default=None)
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
        or type_ not in {"", *TYPES}
        or not re.fullmatch(r"[A-Za-z0-9+/=]{0,64}", batch)
    ):
        raise PageError(400)
    before = query.get("before", "")
    if before and _BEFORE.fullmatch(before) is None:
        raise PageError(400)
    return Filter(state, type_, first, last, query.get("consignment", "").strip()[:200], batch, before)


def _days(request: PageRequest, chosen: Filter) -> tuple[list[dict[str, Any]], bool]:
    """The counts of each day, the latest first; whether every event was judged, to count those that wait or are remarked on."""
    keys = _keys(request)
    counted = per_day(request.session, keys, chosen.since, chosen.until)
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
    wanted = Wanted(_keys(request), chosen.since, before, chosen.type, chosen.batch)
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
    keys = _keys(request)
    own = {
        each.stored.no: each.stored
        for each in seen.known.sources.every
        if each.stored.key_id in keys
        and chosen.since <= each.stored.append_us < chosen.until
        and chosen.type in ("", each.admitted.envelope.type)
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


def _event_page(
    request: PageRequest, viewer: SignedIn, variants: Sequence[OwnEvent], keys: Sequence[str]
) -> Page:
    first = variants[0]
    stored, admitted = first.read.stored, first.read.admitted
    reaches, hidden = _reach(request, stored.no)
    around = event_reader.with_withdrawals(request.session, [stored.no])
    beside = [each for each in around if each.id != stored.id and each.key_id in keys]
    signature = parse_header(dict(stored.headers)["lianyun-signature"] or b"")
    values = {
        "event": event_row(first),
        "envelope": admitted.envelope,
        "stored": stored,
        "content": _fields(orjson.loads(stored.payload)),
        "contents": [
            {
                "digest": each.read.stored.content.hex(),
                "fields": _fields(orjson.loads(each.read.stored.payload)),
            }
            for each in variants[1:]
        ],
        "remarks": first.remarks,
        "batch": "" if signature.batch is None else _root(stored),
        "place_in_batch": signature.batch,
        "reaches": reaches,
        "hidden": hidden,
        "because": () if reaches or hidden else _because(request, first),
        "beside": [event_row(each) for each in own_events(request, beside)],
        "states": words.STATES,
        "types": TYPES,
        "day": str(datetime.fromtimestamp(stored.append_us // 1_000_000, UTC).date()),
    }
    return console_page(request, viewer, "console_event.html", values)


def _reach(request: PageRequest, no: int) -> tuple[list[str], bool]:
    """The references of consignments that the event reaches and the party may see; whether it reaches others."""
    references = References(request)
    found = [references(each, ObjectKind.CONSIGNMENT) for each in reach(request.session, no, MOST_REACHED)]
    return [each for each in found if each is not None], None in found


def _because(request: PageRequest, event: OwnEvent) -> list[tuple[str, str]]:
    """Why the event reaches nobody: (object, message)."""
    facts = event.read.facts
    things = dict.fromkeys(claim.thing for claim in sorted(facts.claims))
    found = own_unreached(request, list(things)[:10], ())
    name = event.read.admitted.envelope.id
    reasons = {
        (each["object"], words.OBSTACLES[obstacle["reason"]])
        for each in found
        for fact in each["facts"]
        if fact["event"]["id"] == name
        for obstacle in fact["because"]
    }
    return sorted(reasons)


def _fields(data: Any, pointer: str = "", most: int = 300) -> list[tuple[str, str]]:
    """The signed fields as (JSON pointer, value), at most ``most``."""
    found: list[tuple[str, str]] = []
    left: list[tuple[str, Any]] = [(pointer, data)]
    while left and len(found) < most:
        at, value = left.pop()
        if isinstance(value, dict) and value:
            left += [(f"{at}/{name}", each) for name, each in reversed(value.items())]
        elif isinstance(value, list) and value:
            left += [(f"{at}/{number}", value[number]) for number in range(len(value) - 1, -1, -1)]
        else:
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            found.append((at, shown(text.encode("utf-8", "replace"), 500)))
    return found


def _root(stored: Stored) -> str:
    """The root of the batch in which the event was signed, as its signature writes it."""
    return (dict(stored.headers)["lianyun-signature"] or b"").decode("ascii").split(";")[6]


def _letter_page(request: PageRequest, viewer: SignedIn, letter: DeadLetter) -> Page:
    requested = requests.requests_of(request.session, letter.digest)
    internal = letter.reason is Reason.INTERNAL_ERROR  # what failed is for the platform's operators alone
    reason, to_do = words.REASONS[letter.reason]
    values = {
        "letter": letter,
        "row": letter_row(letter),
        "reason": reason,
        "to_do": to_do,
        "detail": "" if internal else letter.detail,
        "remedy": "" if internal else letter.remedy,
        "headers": header_texts(letter),
        "value": shown(letter.value or b"", MOST_BYTES),
        "whole": not letter.truncated and len(letter.value or b"") <= MOST_BYTES,
        "history": sorted(
            [
                *((each.requested, "", "", each.person.hex()[:8]) for each in requested),
                *(
                    (each.at, words.ACTIONS[each.action], words.OUTCOMES[each.outcome], "")
                    for each in store.outcomes(request.session, letter.digest)
                ),
            ]
        ),
        "waiting": bool(requested) and requested[-1].outcome is None,
        "turn": len(requested),
        "promising": letter.reason in words.TO_REDRIVE,
        "may": viewer.may(Permission.EVENTS_REDRIVE) and _redrivable(letter),
        "states": words.LETTER_STATES,
        "types": TYPES,
    }
    return console_page(request, viewer, "console_letter.html", values)


def _redrivable(letter: DeadLetter) -> bool:
    """What a publisher may have judged again: what nobody has closed, and whose bytes are kept."""
    return letter.state is LetterState.OPEN and not letter.truncated


def _letter(request: PageRequest, digest: bytes) -> DeadLetter:
    """The refused message of the path; PageError 404 where there is none that is put down to the party."""
    found = store.find(request.session, digest)
    if found is None or found.publisher != request.party.code:
        raise PageError(404)
    return found


def _id(request: PageRequest) -> bytes:
    text = request.path["id"]
    if not re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{64}", text):
        raise PageError(404)
    return bytes.fromhex(text)


def _keys(request: PageRequest) -> list[str]:
    """The ids of all keys that the party has or had."""
    return [key.key_id for key in request.registry.keys_of(request.party.code)]


def _micros(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY
