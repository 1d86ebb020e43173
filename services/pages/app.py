"""The ASGI application of the pages: groups of pages, static files, health, middleware and lifespan."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio.to_thread
import psycopg
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.pages.context import PageContext
from services.pages.edge import PagesEdge
from services.pages.routes import (
    borders,
    console,
    console_board,
    console_cases,
    console_consents,
    console_consignments,
    console_credit,
    console_disputes,
    console_event,
    console_events,
    console_keys,
    console_quality,
    console_reads,
    console_shift,
    console_upload,
    console_views,
    documents,
    financing,
    financing_check,
    financings,
    home,
    limits,
    line,
    links,
    proposals,
    search,
    sign_in,
    statistics,
    subscriptions,
    tracking,
    trades,
)
from services.pages.routing import PageRoutes
from services.pages.subscriptions import stream

GROUPS: tuple[PageRoutes, ...] = (
    home.pages,
    line.pages,
    borders.pages,
    statistics.pages,
    search.pages,
    links.pages,
    subscriptions.pages,
    tracking.pages,
    sign_in.pages,
    console.pages,
    console_cases.pages,
    console_shift.pages,
    console_board.pages,
    console_views.pages,
    console_events.pages,
    console_event.pages,
    console_keys.pages,
    console_quality.pages,
    console_upload.pages,
    financings.pages,
    financing.pages,
    financing_check.pages,
    proposals.pages,
    limits.pages,
    console_consignments.pages,
    documents.pages,
    trades.pages,
    console_disputes.pages,
    console_reads.pages,
    console_consents.pages,
    console_credit.pages,
)
"""Every module of ``routes``. A path that takes everything stands behind those that it would hide."""

_FOREVER = "public, max-age=31536000, immutable"
_COMPRESSION = 5  # zlib's; beyond it time grows faster than size shrinks
_WORTH = 1_000  # bytes


def create_app(context: PageContext) -> Starlette:
    """The application over ``context``, which it opens when it starts and closes when it ends."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(context.open)
        tasks = [asyncio.create_task(_turn(context)), asyncio.create_task(app.state.hub.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            context.close()

    app = Starlette(
        routes=[
            *(route for group in GROUPS for route in group.routes),
            stream.route,
            Route("/static/{digest}/{name}", _static),
            Route("/healthz", _healthz),
            Route("/health/live", _live),
            Route("/health/ready", _healthz),
        ],
        middleware=[
            Middleware(PagesEdge, context=context),
            Middleware(GZipMiddleware, minimum_size=_WORTH, compresslevel=_COMPRESSION),
        ],
        exception_handlers={HTTPException: _failed},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.context = context
    app.state.hub = stream.Hub(context)
    return app


async def _turn(context: PageContext) -> None:
    while True:
        context.turned = time.monotonic()
        await asyncio.sleep(1.0)


async def _failed(request: Request, error: Exception) -> Response:
    """What the router itself refuses: no such page (404), no such method (405)."""
    assert isinstance(error, HTTPException)
    context: PageContext = request.app.state.context
    return context.error_page(request, error.status_code, error.headers)


async def _static(request: Request) -> Response:
    """A static file. Under the digest of its content it is kept for ever; under one of another release it is the present one."""
    context: PageContext = request.app.state.context
    found = context.static.get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    present = request.path_params["digest"] == found.digest
    headers = {"cache-control": _FOREVER if present else "no-cache"}
    return Response(found.content, headers=headers, media_type=found.media_type)


async def _healthz(request: Request) -> Response:
    """Whether the process answers and its database does; 503 where it does not."""
    context: PageContext = request.app.state.context
    try:
        await context.in_worker(context.look)
    except (psycopg.Error, PoolTimeout) as problem:
        return _health({"ok": False, "database": type(problem).__name__}, 503)
    return _health({"ok": True}, 200)


async def _live(_request: Request) -> Response:
    return _health({"ok": True}, 200)


def _health(body: dict[str, object], status: int) -> Response:
    return JSONResponse(body, status, {"cache-control": "no-store"})
