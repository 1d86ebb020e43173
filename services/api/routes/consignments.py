"""Consignments: where they are, what holds them, and who said so."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from services.api.access.consignment import VisibleConsignment, visible
from services.api.access.unreached import own_unreached
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call, page
from services.api.problems import Problem
from services.api.responses.consignments import Consignment, ConsignmentPage, TimelinePage
from services.api.router import Routes
from services.domain.objects import Thing
from services.query.identifiers import candidates
from services.query.views import SourcedView, consignments_of

routes = Routes("consignments")

_Identifier = Annotated[str | None, Query(min_length=1, max_length=128)]
_Limit = Annotated[int, Query(ge=1, le=200, description="Items a page at most.")]
_Cursor = Annotated[str | None, Query(max_length=1_000, description="`next` of the page before.")]
_READ = Needs(Scope.EVENTS_READ)


@routes.get("/v1/consignments", _READ, answers=ConsignmentPage, problems=("cursor-invalid",))
def consignments(
    call: Call,
    container: _Identifier = None,
    note: _Identifier = None,
    declaration: _Identifier = None,
    ref: _Identifier = None,
    limit: _Limit = 50,
    cursor: _Cursor = None,
) -> Answer:
    """Find consignments by a container, a note, a declaration or their own reference.

    Exactly one of the four is given. What the caller may not see is not in the list. `unreached` (where all are on one page) are the caller's
    own facts about it that reach none of these consignments, and why.
    """
    place = call.cursor(cursor, "consignments")
    things = _things(container, note, declaration, ref)
    found = consignments_of(call.session, things)
    after = bytes.fromhex(place) if place else b""
    items: list[dict[str, Any]] = []
    seen: list[SourcedView] = []
    last = None
    for id_ in sorted(id_ for id_ in found if id_ > after):
        shown = visible(call, id_)
        if shown is None:
            continue
        if len(items) == limit:
            return page(call, "consignments", items, last, {"unreached": []})
        seen.append(shown.known)
        call.reads("consignment", shown.body["consignment"], shown.shippers)
        items.append(_summary(shown))
        last = id_.hex()
    unreached = own_unreached(call, things, seen) if place is None else []
    return page(call, "consignments", items, None, {"unreached": unreached})


@routes.get(
    "/v1/consignments/{ref:path}/timeline",
    _READ,
    answers=TimelinePage,
    problems=("not-found", "cursor-invalid"),
)
def timeline(
    call: Call,
    ref: str,
    limit: _Limit = 50,
    cursor: _Cursor = None,
    recorded_since: Annotated[
        str | None, Query(description="RFC 3339: only what was recorded then or later.", max_length=40)
    ] = None,
) -> Answer:
    """Who said what about a consignment, in the order in which it was recorded; late news stands at the end."""
    place = call.cursor(cursor, "timeline")
    found = visible_by_reference(call, ref)
    since = _moment(recorded_since)
    rows = sorted(
        (
            (_order(item), item)
            for item in found.body["timeline"]
            if since is None or parse_micros(item["recorded"]) >= since
        ),
        key=lambda row: row[0],
    )
    left = [(order, item) for order, item in rows if place is None or order > tuple(place)]
    shown = left[:limit]
    return page(
        call, "timeline", [item for _, item in shown], list(shown[-1][0]) if len(left) > limit else None
    )


@routes.get("/v1/consignments/{ref:path}", _READ, answers=Consignment, problems=("not-found",))
def consignment(call: Call, ref: str) -> Answer:
    """A consignment as the caller may see it, by the reference under which it was founded.

    `shown` says how each group of fields is shown to the caller, by its role and what it is to the consignment.
    """
    body = {name: value for name, value in visible_by_reference(call, ref).body.items() if name != "timeline"}
    return Answer(body, etag={**body, "as_of": None})


def visible_by_reference(call: Call, ref: str) -> VisibleConsignment:
    """The consignment of a reference as the caller may see it, noted as read; Problem where it is not there or not the caller's to see."""
    groups = consignments_of(call.session, [_thing(ObjectKind.CONSIGNMENT, ref)])
    found = visible(call, groups[0]) if groups else None
    if found is None:
        raise Problem("not-found")
    call.reads("consignment", found.body["consignment"], found.shippers)
    return found


def _things(
    container: str | None, note: str | None, declaration: str | None, ref: str | None
) -> tuple[Thing, ...]:
    given = [(name, value) for name, value in _named(container, note, declaration, ref) if value is not None]
    if len(given) != 1:
        raise Problem(
            "invalid",
            errors=[
                {"parameter": name, "detail": "give exactly one"}
                for name, _ in _named(container, note, declaration, ref)
            ],
        )
    name, value = given[0]
    if name == "declaration" and "/" not in value:
        return tuple(each for each in candidates(value) if each.kind is ObjectKind.DECLARATION)
    kind = {"container": ObjectKind.CONTAINER, "note": ObjectKind.NOTE, "declaration": ObjectKind.DECLARATION}
    return (_thing(kind.get(name, ObjectKind.CONSIGNMENT), value),)


def _named(
    container: str | None, note: str | None, declaration: str | None, ref: str | None
) -> tuple[tuple[str, str | None], ...]:
    return ("container", container), ("note", note), ("declaration", declaration), ("ref", ref)


def _thing(kind: ObjectKind, text: str) -> Thing:
    """The object of that name, in whatever spelling."""
    return Thing(kind, canonical_key(kind, text))


def _summary(found: VisibleConsignment) -> dict[str, Any]:
    body = found.body
    return {
        "consignment": body["consignment"],
        "movement": body["movement"],
        "boxes": len(body["boxes"]),
        "boxes_behind": body["boxes_behind"],
        "disputes": len(body["disputes"]),
        "disputed_links": len(body["disputed_links"]),
        "exceptions": len(body["exceptions"]),
    }


def _order(item: dict[str, Any]) -> tuple[int, str, str, str]:
    event = item["event"] or {"source": "", "id": ""}
    where = f"{item['object'] or ''}\n{item['milestone']}\n{item['happened']}"
    return parse_micros(item["recorded"]), event["source"], event["id"], where


def _moment(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_micros(text)
    except Refusal as refusal:
        raise Problem("invalid", errors=[{"parameter": "recorded_since", "detail": refusal.detail}]) from None
