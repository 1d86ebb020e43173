"""Share links of the caller's party: a consignment for whoever holds the link, in chosen fields, until a moment."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from schemas.reasons import Refusal
from schemas.rfc3339 import format_micros, parse_micros
from services.api.access import share_links
from services.api.access.consignment import visible
from services.api.access.matrix import Field
from services.api.access.share_links import SHAREABLE, ShareError, ShareLink
from services.api.auth.permissions import Needs, Scope
from services.api.calls import LARGEST_PAGE, Answer, Call, page
from services.api.problems import Problem
from services.api.requests.share_links import NewShareLink
from services.api.responses.share_links import MadeShareLink, Openings, ShareLinks
from services.api.router import Routes
from services.domain.objects import Thing
from services.query.views import consignments_of

routes = Routes("share links")
_NEEDS = Needs(Scope.SHARE_LINKS_MANAGE, foreign="absent")
_Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Items a page at most.")]
_Cursor = Annotated[str | None, Query(max_length=1_000, description="`next` of the page before.")]


@routes.post(
    "/v1/share-links",
    _NEEDS,
    answers=MadeShareLink,
    status=201,
    problems=("not-found", "invalid"),
    idempotent=False,
)
def make_share_link(call: Call, new: NewShareLink) -> Answer:
    """Make a link to a consignment that the caller sees as a party to its transport; its address is given this once.

    It never shows more than the caller may see when it is opened, and nothing that is seen by consent, pledge or legal purpose: what is
    seen only so is absent here. The answer holds a secret and is stored nowhere, so no Idempotency-Key is taken: sent twice, there are two links.
    """
    key = canonical_key(ObjectKind.CONSIGNMENT, new.consignment)
    groups = consignments_of(call.session, [Thing(ObjectKind.CONSIGNMENT, key)])
    found = visible(call, groups[0], SHAREABLE) if groups else None
    if found is None:
        raise Problem("not-found")
    try:
        expires = parse_micros(new.expires)
        id_, token = share_links.make(
            call.session,
            consignment=found.known.view.consignment.id,
            reference=found.body["consignment"],
            party=call.party.code,
            made_by=f"client:{call.caller.client}",
            fields=[Field(each) for each in new.fields],
            now=call.now,
            expires=expires,
            label=new.label.strip(),
        )
    except Refusal as refusal:
        raise Problem("invalid", refusal.detail, pointer="/expires") from None
    except ShareError as wrong:
        raise Problem("invalid", f"{wrong}.", pointer="/expires") from None
    made = share_links.link_of(call.session, id_, call.party.code)
    assert made is not None
    call.reads("consignment", found.body["consignment"], found.shippers)
    return Answer({**_plain(made, call.now), **_address(call, token)}, 201)


@routes.get("/v1/share-links", _NEEDS, answers=ShareLinks, problems=("cursor-invalid",))
def listed_share_links(
    call: Call,
    consignment: Annotated[
        str | None, Query(max_length=200, description="Only links to this one: party/reference.")
    ] = None,
    limit: _Limit = 50,
    cursor: _Cursor = None,
) -> Answer:
    """The links of the caller's party, the newest first, with how often each was opened."""
    reference = None if consignment is None else canonical_key(ObjectKind.CONSIGNMENT, consignment)
    place = call.cursor(cursor, "share-links")
    if reference is not None and "\0" in reference:  # no reference, and no text of the database
        return page(call, "share-links", [], None)
    before = None if place is None else (int(place[0]), str(place[1]))
    found = share_links.links_of(call.session, call.party.code, reference, before, limit + 1)
    last = [found[limit - 1].made, found[limit - 1].id] if len(found) > limit else None
    return page(call, "share-links", [_plain(each, call.now) for each in found[:limit]], last)


@routes.get(
    "/v1/share-links/{id}/openings", _NEEDS, answers=Openings, problems=("not-found", "cursor-invalid")
)
def share_link_openings(call: Call, id: str, limit: _Limit = 50, cursor: _Cursor = None) -> Answer:
    """When a link of the caller's party was opened, the latest first."""
    link = _found(call, id)
    kind = f"openings {link.id}"
    place = call.cursor(cursor, kind)
    found = share_links.openings(call.session, link.id, limit + 1, None if place is None else int(place[0]))
    last = [found[limit - 1]] if len(found) > limit else None
    return page(call, kind, [format_micros(at) for at in found[:limit]], last)


@routes.delete("/v1/share-links/{id}", _NEEDS, status=204, problems=("not-found",))
def end_share_link(call: Call, id: str) -> Answer:
    """End a link of the caller's party at once. One that has ended or run out is not there to be ended."""
    if not share_links.end(call.session, id, call.party.code, call.now):
        raise Problem("not-found")
    return Answer(None, 204)


def _found(call: Call, id_: str) -> ShareLink:
    found = share_links.link_of(call.session, id_, call.party.code)
    if found is None:
        raise Problem("not-found")
    return found


def _address(call: Call, token: str) -> dict[str, Any]:
    pages = call.context.settings.pages_url
    return {"token": token, "path": f"/s/{token}", "url": f"{pages}/s/{token}" if pages else None}


def _plain(link: ShareLink, now: int) -> dict[str, Any]:
    state = "ENDED" if link.ended is not None else "OPEN" if link.works(now) else "EXPIRED"
    return {
        "id": link.id,
        "consignment": link.reference,
        "fields": sorted(link.fields),
        "label": link.label,
        "made": format_micros(link.made),
        "expires": format_micros(link.expires),
        "ended": None if link.ended is None else format_micros(link.ended),
        "state": state,
        "opened": link.opened,
    }
