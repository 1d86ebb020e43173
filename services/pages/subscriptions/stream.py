"""A feed as server-sent events (HTML, 9.2): each notice under its number; ``Last-Event-ID`` or ``?from=`` replays from one.

However many listen, one task of the process looks for new notices of all of them in one statement, and only then is a session used for
each. Whoever listens is bounded, is judged anew at every notice, and comes back after half an hour.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import orjson
import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from services.api import access_log
from services.api.auth.gate import Caller
from services.api.calls import Read
from services.pages import statement as pages_statement
from services.pages.context import PageContext
from services.pages.errors import PageError
from services.pages.localization import localizations
from services.pages.subscriptions import store
from services.pages.subscriptions.store import Notice, Status, Subscription
from services.pages.subscriptions.viewing import sight
from services.pages.subscriptions.wording import sentence

log = logging.getLogger(__name__)
PATH = "/f/{token}/events"
_UNAVAILABLE = (PoolTimeout, psycopg.OperationalError)
_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow, noarchive",
    "x-accel-buffering": "no",
}
_RETRY = b"retry: 5000\n\n"
_HEARTBEAT = b": \n\n"
_AT_ONCE = 100


@dataclass(eq=False, slots=True)
class Listener:
    """Whoever listens to one subscription, at most ``until``; ``sent`` is the number of the last notice, None in the queue ends it."""

    subscription: str
    sent: int
    until: float
    queue: asyncio.Queue[list[tuple[int, bytes]] | None] = field(default_factory=lambda: asyncio.Queue(1))


class Hub:
    """All who listen to one process; used in its event loop."""

    EVERY = 1.0
    HEARTBEAT = 15.0
    LONGEST = 1_800.0

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self._listeners: set[Listener] = set()

    def join(self, subscription: str, sent: int) -> Listener:
        """Begin to listen. PageError 429 beyond the bounds of the process and of a subscription."""
        settings = self._context.settings
        of_one = Counter(each.subscription for each in self._listeners)[subscription]
        if len(self._listeners) >= settings.pages_listeners or of_one >= settings.pages_feed_listeners:
            raise PageError(429, {"retry-after": "60"})
        listener = Listener(subscription, sent, asyncio.get_running_loop().time() + self.LONGEST)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Listen no more."""
        self._listeners.discard(listener)

    async def run(self) -> None:
        """Look for new notices until cancelled."""
        while True:
            await asyncio.sleep(self.EVERY)
            # Who went before the first byte was sent has not left by itself.
            now = asyncio.get_running_loop().time()
            self._listeners = {each for each in self._listeners if now < each.until + self.HEARTBEAT}
            # A listener that has not taken the last ones yet is passed over.
            waiting = [each for each in self._listeners if each.queue.empty()]
            if not waiting:
                continue
            try:
                newest = await self._context.in_worker(
                    _newest, self._context, {e.subscription for e in waiting}
                )
                for each in waiting:
                    no, state = newest.get(each.subscription, (0, Status.ENDED))
                    if state is not Status.ACTIVE:
                        each.queue.put_nowait(None)
                    elif no > each.sent:
                        found = await self._context.in_worker(
                            read, self._context, each.subscription, each.sent
                        )
                        each.queue.put_nowait(found)
            except _UNAVAILABLE as problem:
                log.warning(
                    "the database did not answer: %s",
                    type(problem).__name__,
                    extra={"action": "stream_waits"},
                )
            except Exception:  # of one consignment, which must not end the news of all others
                log.exception("a feed cannot be read", extra={"action": "stream_failed"})

    async def events(self, listener: Listener) -> AsyncIterator[bytes]:
        """The stream of one listener."""
        try:
            yield _RETRY
            while asyncio.get_running_loop().time() < listener.until:
                try:
                    found = await asyncio.wait_for(listener.queue.get(), self.HEARTBEAT)
                except TimeoutError:
                    yield _HEARTBEAT
                    continue
                if found is None:
                    return
                for no, data in found:
                    yield b"id: %d\nevent: notice\ndata: %s\n\n" % (no, data)
                    listener.sent = no
        finally:
            self.leave(listener)


def _newest(context: PageContext, ids: set[str]) -> dict[str, tuple[int, Status]]:
    with context.pool.connection() as session:
        return store.newest(session, ids)


def read(context: PageContext, id_: str, after: int) -> list[tuple[int, bytes]] | None:
    """(number, JSON) of the notices after that number as the subscriber may see them now, with a line of the access log; None where it may not."""
    with context.pool.connection() as session:
        row = session.execute(pages_statement("begin")).fetchone()
        assert row is not None
        version, now = row
        registry = context.registry(session, version)
        found = store.by_id(session, id_)
        if found is None or found.state is not Status.ACTIVE:
            return None
        seen = sight(session, registry, found, now)
        if seen.shown is None:
            return None
        listed = store.notices(session, id_, after=after, limit=_AT_ONCE)
        if listed:
            subjects = tuple(sorted(seen.shown.shippers - {found.party}))
            for line in access_log.read_lines(
                [Read(f"consignment:{found.reference}", subjects)],
                at=now,
                caller=Caller(found.client, frozenset(), "", ""),
                party=found.party,
                method="GET",
                route=PATH,
                request=f"{id_}.{listed[-1].no}",
                status=200,
            ):
                session.execute(*line)
        return [(each.no, _data(found, each.within(seen.fields))) for each in listed]


def _data(found: Subscription, notice: Notice) -> bytes:
    l10n = localizations()[found.language]
    return orjson.dumps(
        {
            "consignment": found.reference,
            "at": notice.at // 1_000_000,
            "changes": [
                {"kind": each.kind, "code": each.code, "place": each.place, "text": sentence(each, l10n)}
                for each in notice.changes
            ],
        }
    )


async def events(request: Request) -> Response:
    """Listen to the feed of the token in the path."""
    context: PageContext = request.app.state.context
    hub: Hub = request.app.state.hub
    request.state.route = PATH
    try:
        context.requests.require(context.address(request))
        found = await context.in_worker(_admitted, context, request)
        listener = hub.join(found.id, _from(request, found))
    except PageError as error:
        return context.error_page(request, error.status, {**_HEADERS, **error.headers})
    except _UNAVAILABLE:
        return context.error_page(request, 503, {"retry-after": "1"})
    return StreamingResponse(hub.events(listener), media_type="text/event-stream", headers=_HEADERS)


def _admitted(context: PageContext, request: Request) -> Subscription:
    """The subscription that is listened to. PageError 404, 410 or 429."""
    address = context.address(request)
    context.guesses.require(address, count=False)
    with context.pool.connection() as session:
        row = session.execute(pages_statement("begin")).fetchone()
        assert row is not None
        version, now = row
        found = store.by_token(session, request.path_params["token"], feed=True)
        if found is None:
            context.guesses.require(address)
            raise PageError(404)
        context.openings.require(found.id)
        seen = sight(session, context.registry(session, version), found, now)
        if found.state is not Status.ACTIVE or seen.shown is None:
            raise PageError(410)
        return found


def _from(request: Request, found: Subscription) -> int:
    """The number after which is listened: that of the last event that was received, else of the query, else the newest."""
    given = request.headers.get("last-event-id") or request.query_params.get("from", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else found.last_no


route = Route(PATH, events, methods=["GET"])
