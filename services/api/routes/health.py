"""Whether the API lives and can work, and its own description; open to everybody."""

from __future__ import annotations

import anyio.to_thread
import orjson
import psycopg
from fastapi import APIRouter, Request
from psycopg_pool import PoolTimeout
from starlette.responses import Response

from services.api.context import Context
from services.api.problems import Problem
from services.api.responses.platform import Description, Healthy
from services.api.router import public

routes = APIRouter(tags=["platform"])


@routes.get(
    "/health/live", response_class=Response, responses={200: {"description": "It lives.", "model": Healthy}}
)
@public
async def live() -> Response:
    """Whether the process answers."""
    return _json({"ok": True})


@routes.get(
    "/health/ready",
    response_class=Response,
    responses={200: {"description": "It can work.", "model": Healthy}},
)
@public
async def ready(request: Request) -> Response:
    """Whether the database answers, too; 503 otherwise."""
    context: Context = request.app.state.context
    try:
        await anyio.to_thread.run_sync(context.look)
    except (psycopg.Error, PoolTimeout):
        return Problem("unavailable", headers={"retry-after": "1"}).response()
    return _json({"ok": True})


@routes.get(
    "/openapi.json",
    response_class=Response,
    responses={200: {"description": "OpenAPI 3.1.", "model": Description}},
)
@public
async def description(request: Request) -> Response:
    """This description."""
    return _json(request.app.openapi())


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
