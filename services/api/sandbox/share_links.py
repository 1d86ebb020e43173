"""Share links in the sandbox: links in every state, to a consignment that there is not; none is made or kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.rfc3339 import format_micros
from services.api.access.share_links import DAY
from services.api.calls import Answer
from services.api.problems import Problem
from services.api.sandbox.table import ShareRow

TOKEN = "sandbox-token-that-opens-nothing"


def answer(
    method: str, path: str, name: str, row: ShareRow, body: Mapping[str, Any], now: int
) -> Answer | None:
    """What a request about the link ``sandbox-share-<name>`` is answered; None for what has no row."""
    if path == "/v1/share-links" and method == "POST":
        made = {**_shown(name, ShareRow(), now), "fields": sorted({"movement", *body.get("fields", ())})}
        return Answer({**made, "token": TOKEN, "path": f"/s/{TOKEN}", "url": None}, 201)
    if path == "/v1/share-links":
        return Answer({"items": [_shown(name, row, now)], "next": None}, etag=name)
    if path == "/v1/share-links/{id}/openings":
        moments = [format_micros(now - number * DAY) for number in range(1, row.opened + 1)]
        return Answer({"items": moments, "next": None}, etag=name)
    if path == "/v1/share-links/{id}" and row.state == "OPEN":
        return Answer(None, 204)
    if path == "/v1/share-links/{id}":
        raise Problem("not-found")
    return None


def _shown(name: str, row: ShareRow, now: int) -> dict[str, Any]:
    return {
        "id": f"sandbox-share-{name}",
        "consignment": f"sandbox/sandbox-share-{name}",
        "fields": ["ids", "movement"],
        "label": "",
        "made": format_micros(now - 30 * DAY),
        "expires": format_micros(now - DAY if row.state == "EXPIRED" else now + 30 * DAY),
        "ended": format_micros(now - DAY) if row.state == "ENDED" else None,
        "state": row.state,
        "opened": row.opened,
    }
