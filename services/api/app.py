"""The ASGI application: routers, middleware and lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from pydantic import SecretStr

from services.api import errors, openapi
from services.api.background import housekeeping, request_consumer
from services.api.context import Context
from services.api.edge import Edge
from services.api.financing.decisions import decision_group
from services.api.router import Routes
from services.api.routes import (
    access_log,
    arrival,
    authority,
    cargo_requests,
    consignments,
    corroborations,
    credit,
    datasets,
    documents,
    events,
    financing_status,
    financings,
    health,
    line,
    offshore,
    platform_keys,
    receipts,
    reservations,
    search,
    share_links,
    statistics,
    webhooks,
)
from services.api.settings import ApiSettings

ROUTERS: tuple[Routes | APIRouter, ...] = (
    arrival.routes,
    consignments.routes,
    search.routes,
    share_links.routes,
    events.routes,
    line.routes,
    statistics.routes,
    webhooks.routes,
    financing_status.routes,
    financings.routes,
    reservations.routes,
    corroborations.routes,
    credit.routes,
    receipts.routes,
    cargo_requests.routes,
    documents.routes,
    datasets.routes,
    offshore.routes,
    platform_keys.routes,
    access_log.routes,
    health.routes,
)
"""Every module of ``routes``, in the order of the published description."""

_ABOUT = """\
One shared, provable record of China-Europe rail consignments, for the parties that publish it and the banks that lend on it.

What a caller sees follows from its role and its relation to the consignment; everything else is absent. Times are RFC 3339
with an offset, amounts integer minor units. Nothing that is published here is removed or changes its meaning; new fields may
come at any time, so ignore what you do not know.
"""


def create_app(context: Context) -> FastAPI:
    """The application over ``context``, which it opens when it starts and closes when it ends."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(context.open)
        try:
            async with housekeeping(context), request_consumer(context), decision_group(context):
                yield
        finally:
            context.close()

    app = FastAPI(
        title="Lianyun",
        summary="Consignments, financing status, credit signals, and who read what",
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.context = context
    errors.install(app)
    declared = [route for router in routers(context.settings) for route in router.routes]
    # One flat list, searched once a request: routes without a parameter first, which one comparison decides.
    app.router.routes.extend(sorted(declared, key=lambda route: "{" in getattr(route, "path", "")))
    app.openapi = lambda: openapi.describe(app, declared)  # type: ignore[method-assign]
    app.add_middleware(
        Edge,
        names=context.names,
        metrics=context.metrics,
        body_limit=context.settings.api_body_limit,
        spans=context.spans,
    )
    return app


def routers(settings: ApiSettings) -> list[APIRouter]:
    """The routers of an application with these settings."""
    found = [routes.router if isinstance(routes, Routes) else routes for routes in ROUTERS]
    return [*found, authority.router] if settings.api_authority == "builtin" else found


def described() -> dict[str, object]:
    """The published description, without a database or a key."""
    settings = ApiSettings(dsn=SecretStr("postgresql://nowhere"), api_authority="builtin")
    return create_app(Context(settings)).openapi()
