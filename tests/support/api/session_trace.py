"""What a request on the short way leaves behind: a session that was lent for it, and its lines in the access log."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from services.api.direct.sessions import Sessions
from tests.support.api.server import RunningApi


def directly(sessions: Sessions, ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer of ``ask``, for which one of ``sessions`` was lent: it came without a thread."""
    before = sessions.lent
    answer = ask()
    assert sessions.lent == before + 1, answer.text
    return answer


def logged(api: RunningApi, answer: httpx.Response) -> list[tuple[object, ...]]:
    """The lines of the access log about the request of ``answer``."""
    return api.rows(
        "SELECT client, party, bound, purpose, method, route, resource, subjects, status FROM lianyun.access_log "
        "WHERE request = %s ORDER BY resource",
        answer.headers["x-request-id"],
    )
