"""What a request on the event loop leaves behind: a session that was used for it, and its lines in the access log."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from services.api.sessions import LoopSessions
from tests.support.api.server import RunningApi


def directly(sessions: LoopSessions, ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer of ``ask``, for which one of ``sessions`` was used: it came without a worker thread."""
    before = sessions.returned
    answer = ask()
    assert sessions.returned == before + 1, answer.text
    return answer


def logged(api: RunningApi, answer: httpx.Response) -> list[tuple[object, ...]]:
    """The lines of the access log about the request of ``answer``."""
    return api.rows(
        "SELECT client, party, bound, purpose, method, route, resource, subjects, status FROM lianyun.access_log "
        "WHERE request = %s ORDER BY resource",
        answer.headers["x-request-id"],
    )
