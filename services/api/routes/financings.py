"""A bank's financings: where each stands, what stands behind it, what has happened, and what has to be looked at."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import psycopg
from fastapi import Path, Query

from services.api.auth.permissions import BANKS, Needs, Scope
from services.api.calls import LARGEST_PAGE, Answer, Call, moment, page
from services.api.financing import representation
from services.api.financing.signed import answer
from services.api.problems import Problem
from services.api.requests.financing import Acknowledgement
from services.api.responses.financing import (
    Alert,
    AlertFeed,
    AlertList,
    AlertPage,
    Financing,
    FinancingPage,
    History,
    TenAnswers,
)
from services.api.router import Routes
from services.credit.domain import presentation
from services.credit.store import records
from services.financing.domain.questions import Enquiry, ten_questions
from services.financing.store.financings import acknowledge, acknowledged
from services.financing.store.status_reader import (
    StatusEvidence,
    Summary,
    cargo_events,
    cargo_events_end,
    encumbered,
    looked_after,
    portfolio,
    read_status_evidence,
    summaries,
)
from services.ledger.storage import event_reader
from services.ledger.storage.event_reader import Position

routes = Routes("financing")
log = logging.getLogger(__name__)
T = TypeVar("T")
READ = Needs(Scope.FINANCING_READ, BANKS, "absent")
WRITE = Needs(Scope.FINANCING_WRITE, BANKS, "absent")
Reference = Annotated[str, Path(max_length=80, description="The bank's own reference.")]
Moment = Annotated[str | None, Query(description="RFC 3339 with an offset; now where it is left out.")]
Signed = Annotated[
    bool, Query(description="As a JWS signed by the platform, to be filed; or Accept: application/jose.")
]
Cursor = Annotated[str | None, Query(max_length=400)]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]
FEED = "alert-feed"
CREDIT_PURPOSE = "CREDIT_ASSESSMENT"


@routes.get("/v1/financings", READ, answers=FinancingPage, problems=("cursor-invalid",))
def financings(
    call: Call,
    cursor: Cursor = None,
    limit: Limit = 50,
    only_open: Annotated[bool, Query(alias="open", description="Without those that have ended.")] = False,
) -> Answer:
    """The bank's portfolio, by its own references. Each with its stage and amounts; the cargo is looked at one by one.
    ``not_judged`` names those that the platform fails to judge by a fault of its own; they are on no page.
    """
    bank = call.party.code
    after = call.cursor(cursor, "financings") or ""
    names = portfolio(call.session, bank, after, limit + 1, only_open)
    found, failed = _each(names[:limit], lambda some: own_summaries(call, some))
    last = names[limit - 1] if len(names) > limit else None
    return page(
        call,
        "financings",
        [representation.summary(each, call.shown) for each in found],
        last,
        {"not_judged": failed},
    )


@routes.get("/v1/financings/{reference}", READ, answers=Financing, signed=True, problems=("not-found",))
def financing(
    call: Call, reference: Reference, as_of: Moment = None, known_at: Moment = None, signed: Signed = False
) -> Answer:
    """All of one financing. Stage, amounts, verified value, who said each fact and how sure that is, control of the cargo,
    legal register, alerts and history: as of one moment, as it was known at another.
    """
    looked = _looked(call, reference, as_of, known_at)
    body = _status(call, looked)
    return answer(call, body, etag={**body, "as_of": as_of, "known_at": known_at}, signed=signed)


@routes.get("/v1/financings/{reference}/history", READ, answers=History, signed=True, problems=("not-found",))
def history(call: Call, reference: Reference, signed: Signed = False) -> Answer:
    """What happened to a financing. Decisions by their numbers, facts by their events, in the order of their times."""
    looked = _looked(call, reference)
    names = representation.names_of(
        call.session, [s.event for s in looked.status.history if s.event is not None]
    )
    body: representation.Json = {
        "financing": looked.status.financing,
        "position": call.shown(looked.status.position),
        "items": [representation.step(each, names, call.shown) for each in looked.status.history],
    }
    return answer(call, body, signed=signed)


@routes.get(
    "/v1/financings/{reference}/answers", READ, answers=TenAnswers, signed=True, problems=("not-found",)
)
def answers(call: Call, reference: Reference, signed: Signed = False) -> Answer:
    """The ten questions of a lender, each answered with who says so and the events behind it. What nobody told the platform
    is null, never left out.
    """
    looked = _looked(call, reference)
    status = looked.status
    given = records.read_as(
        call.session,
        call.party.code,
        CREDIT_PURPOSE,
        status.terms.applicant,
        call.now,
        call.now,
        call.registry,
    )
    enquiry = Enquiry(
        status,
        looked.cargo,
        looked.statements,
        encumbered(call.session, status.financing, call.now),
        None if given is None else _signals(call, given),
        _feed_from_here(call),
    )
    found = ten_questions(enquiry)
    names = representation.names_of(call.session, {event for each in found for event in each.events})
    body: representation.Json = {
        "financing": status.financing,
        "answers": [
            {
                "number": each.number,
                "question": each.question,
                "value": [representation.step(step, names, call.shown) for step in status.history]
                if each.value is status.history
                else representation.plain(each.value),
                "said_by": list(each.sources),
                "events": [names[event] for event in each.events if event in names],
                "position": call.shown(each.position),
            }
            for each in found
        ],
    }
    return answer(call, body, signed=signed)


@routes.get("/v1/financings/{reference}/alerts", READ, answers=AlertList, problems=("not-found",))
def alerts(call: Call, reference: Reference) -> Answer:
    """What has to be looked at in one financing: facts against its pledge, and covenants, with their acknowledgements."""
    looked = _looked(call, reference)
    return Answer({"items": _alerts(call, looked), "next": None})


@routes.get("/v1/alerts", READ, answers=AlertPage, problems=("cursor-invalid",))
def all_alerts(
    call: Call,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=50, description="Financings looked at for one page.")] = 20,
    unacknowledged: Annotated[bool, Query(description="Only what nobody has acknowledged.")] = False,
) -> Answer:
    """The alerts of the bank's open financings, and of those that have ended what nobody has acknowledged about their cargo:
    a release silences nothing. A page looks at ``limit`` financings, so it may hold none and have a next.
    ``not_judged`` names the financings that the platform fails to judge by a fault of its own: look at their cargo.
    """
    bank = call.party.code
    after = call.cursor(cursor, "alerts") or ""
    some_ended = dict(looked_after(call.session, bank, after, limit + 1))
    names = list(some_ended)

    def look_at(some: list[str]) -> list[representation.Json]:
        looked = (_looked(call, name.partition("/")[2]) for name in some)
        items = [each for one in looked for each in _alerts(call, one)]
        return [
            each
            for each in items
            if not each["acknowledged"] or not (unacknowledged or some_ended[each["financing"]])
        ]

    done = [_each([name], look_at) for name in names[:limit]]
    items, failed = [each for found, _ in done for each in found], [name for _, left in done for name in left]
    last = names[limit - 1] if len(names) > limit else None
    return page(call, "alerts", items, last, {"not_judged": failed})


@routes.get("/v1/alert-feed", READ, answers=AlertFeed, problems=("cursor-invalid",))
def alert_feed(call: Call, cursor: Cursor = None, limit: Limit = 100) -> Answer:
    """Which of the bank's pledged financings to look at again, in the order in which the facts were accepted. Always gives a
    ``next``: ask again with it, from the end on, and nothing is missed. Without a cursor it begins with the first.
    """
    place = call.cursor(cursor, FEED)
    after = Position() if place is None else Position(*place)
    found = cargo_events(call.session, call.party.code, after, limit)
    stored = {each.no: each for each in event_reader.events_by_number(call.session, [w.event for w in found])}
    names = representation.names_of(call.session, [each.id for each in stored.values()])
    items = []
    for each in found:
        event = stored.get(each.event)
        items.append({"financing": each.financing, "event": None if event is None else names.get(event.id)})
        call.reads("financing", each.financing)
    last = found[-1].position if found else after
    return page(call, FEED, items, [last.xid, last.no])


@routes.post(
    "/v1/financings/{reference}/alerts/{alert}/acknowledgement", WRITE, answers=Alert, problems=("not-found",)
)
def acknowledgement(
    call: Call,
    reference: Reference,
    alert: Annotated[str, Path(pattern="^[0-9a-f]{32}$")],
    body: Acknowledgement,
) -> Answer:
    """The bank has seen an alert. The first acknowledgement stays; a signed event that acknowledges counts beside it."""
    looked = _looked(call, reference)
    if all(each.id != alert for each in looked.status.alerts):
        raise Problem("not-found")
    name = looked.status.financing
    acknowledge(call.session, name, alert, call.now, call.caller.client, body.remark)
    (found,) = (each for each in _alerts(call, looked) if each["id"] == alert)
    return Answer(found)


def own_summaries(call: Call, names: list[str]) -> list[Summary]:
    """The bank's financings of these names, each put down in the access log."""
    found = summaries(call.session, names, call.now, call.registry)
    note_reads(call, found)
    return found


def note_reads(call: Call, found: list[Summary]) -> None:
    """Put down in the access log that the bank read these financings, which concern their applicants."""
    for each in found:
        call.reads("financing", each.financing, (each.state.hold.terms.applicant,))


def _looked(
    call: Call, reference: str, as_of: str | None = None, known_at: str | None = None
) -> StatusEvidence:
    at = moment(as_of, "as_of", call.now)
    known = min(moment(known_at, "known_at", call.now), call.now)
    bank = call.party.code
    found = read_status_evidence(call.session, f"{bank}/{reference}", bank, at, known, call.registry)
    if found is None:
        raise Problem("not-found")
    call.reads("financing", found.status.financing, (found.status.terms.applicant,))
    return found


def _feed_from_here(call: Call) -> str:
    """The cursor of the feed behind everything that this answer may know of."""
    place = cargo_events_end(call.session)
    return call.context.seal.cursor(FEED, call.party.code, [place.xid, place.no])


def _status(call: Call, looked: StatusEvidence) -> representation.Json:
    status = looked.status
    seen = acknowledged(call.session, status.financing, status.known_at)
    return representation.status(
        status, seen, representation.names_of(call.session, representation.events_of(status)), call.shown
    )


def _alerts(call: Call, looked: StatusEvidence) -> list[representation.Json]:
    found = looked.status.alerts
    events = {event for each in found for event in (*each.events, each.acknowledged) if event is not None}
    names = representation.names_of(call.session, events) if events else {}
    seen = acknowledged(call.session, looked.status.financing, call.now) if found else {}
    return [representation.alert(each, seen, names) for each in found]


def _signals(call: Call, given: records.PermittedRecord) -> representation.Json:
    named = representation.names_of(
        call.session, presentation.events_of(given.record, given.disputes, given.permission)
    )
    pairs = {event: (name["source"], name["id"]) for event, name in named.items()}
    shown = presentation.plain(given.permission, given.record, given.disputes, pairs)
    return {**shown, "position": call.shown(shown["position"])}


def _each(names: Sequence[str], work: Callable[[list[str]], list[T]]) -> tuple[list[T], list[str]]:
    """What ``work`` gives for ``names`` together, or where that fails for one after another; and the names that fail alone.

    Raises Problem, and what the infrastructure raises.
    """
    try:
        return work(list(names)), []
    except (Problem, psycopg.Error, OSError, MemoryError):
        raise
    except Exception as problem:
        if len(names) > 1:
            found = [_each([name], work) for name in names]
            return [one for done, _ in found for one in done], [name for _, left in found for name in left]
        log.error(
            "financing %s cannot be judged",
            names[0],
            exc_info=problem,
            extra={"action": "financing_failed", "financing": names[0]},
        )
        return [], list(names)
