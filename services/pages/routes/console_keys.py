"""The keys of the person's party: their validity and last use, what to do before one runs out, and its clients of the API."""

from __future__ import annotations

from typing import Any

from services.api.auth import clients
from services.ledger.registry.party import Key, KeyState, key_state
from services.pages.console import N_, console_page, signed_in
from services.pages.page import Page, PageRequest
from services.pages.published.key_hints import Hint, end_of, hints
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.people.domain.person import Permission
from services.query.published.listing import signed_by

pages = PageRoutes()
STATES = {
    KeyState.VALID: N_("valid"),
    KeyState.NOT_YET_VALID: N_("not valid yet"),
    KeyState.EXPIRED: N_("run out"),
    KeyState.REVOKED: N_("revoked"),
    KeyState.COMPROMISED: N_("compromised"),
}
HINTS = {
    Hint.NONE_VALID: N_("No key of your party is valid now: everything that it publishes is refused."),
    Hint.GAP: N_("There is a gap between your keys, in which everything that your party publishes will be refused."),
    Hint.ENDS: N_("Your last key runs out, and none follows it: from then on everything that your party publishes is refused."),
    Hint.NOT_CHANGED: N_("This key runs out and still signs, while the one that follows it has signed nothing: change over."),
    Hint.UNUSED: N_("This key has signed nothing that was accepted: where nobody uses it, have it revoked."),
}  # fmt: skip
COLUMNS = (
    Column("key", N_("Key"), Kind.CODE),
    Column("state", N_("State"), Kind.CODE, words=STATES),
    Column("scheme", N_("Signs by"), Kind.CODE),
    Column("since", N_("Valid from"), Kind.MOMENT),
    Column("until", N_("Valid until"), Kind.MOMENT),
    Column("left", N_("Time left"), Kind.DURATION),
    Column("used", N_("Last signed"), Kind.MOMENT),
)
CLIENT_COLUMNS = (
    Column("id", N_("Client"), Kind.CODE),
    Column("scopes", N_("May"), Kind.CODE),
    Column("since", N_("Registered"), Kind.MOMENT),
    Column("ends", N_("Its last key runs out"), Kind.MOMENT),
    Column("revoked", N_("Revoked"), Kind.MOMENT),
)


@pages.get("/console/keys", signed_in=True)
def keys(request: PageRequest) -> Page:
    """The keys of the person's party and its clients of the API, with what has to be done."""
    viewer = signed_in(request, Permission.EVENTS)
    party = request.party.code
    own = request.registry.keys_of(party)
    used = signed_by(request.session, [key.key_id for key in own])
    rows = [_row(key, used.get(key.key_id), request.now) for key in reversed(own)]
    callers = [
        {"id": id_, "scopes": list(scopes), "since": since, "ends": ends, "revoked": revoked}
        for id_, scopes, since, ends, revoked in clients.ends_of(request.session, request.party)
    ]
    tables = (
        Table("keys", COLUMNS, rows, N_("Keys that sign events")),
        Table("clients", CLIENT_COLUMNS, callers, N_("Clients of the API")),
    )
    values = {
        "hints": [(each, HINTS[each.hint], each.hint in _URGENT) for each in hints(own, used, request.now)],
        "keys": tables[0],
        "clients": tables[1],
        "party": party,
    }
    return console_page(request, viewer, "console_keys.html", values, tables=tables)


_URGENT = frozenset({Hint.NONE_VALID, Hint.GAP, Hint.ENDS})


def _row(key: Key, used: int | None, now: int) -> dict[str, Any]:
    end, state = end_of(key), key_state(key, now)
    return {
        "key": key.key_id,
        "state": state,
        "scheme": str(key.scheme),
        "since": key.not_before,
        "until": end,
        "left": end - now if end is not None and state is KeyState.VALID else None,
        "used": used,
    }
