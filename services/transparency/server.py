"""The log over HTTP as static resources: the cosigned checkpoint, tiles and bundles of entries (C2SP tlog-tiles v0.1.0)."""

from __future__ import annotations

from typing import Final

from psycopg_pool import ConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from schemas.merkle import HASH_BYTES
from services.ledger.storage.session import Session
from services.transparency.domain.encoding import Malformed
from services.transparency.domain.tiles import WIDTH, Bundle, Place, bundled, parse_path, width_at
from services.transparency.registry import ServedRegistry
from services.transparency.store.log import NoLog, Tiles, read_entries, read_head

_BRIEF: Final = {"cache-control": "max-age=1"}
_FOR_GOOD: Final = {"cache-control": "public, max-age=31536000, immutable"}


def create_app(pool: ConnectionPool[Session], cosigned: bool) -> Starlette:
    """The application over a pool of sessions; ``cosigned``: only checkpoints that the quorum cosigned are shown, and their tiles."""

    def checkpoint(_request: Request) -> Response:
        with pool.connection() as session:
            try:
                head = read_head(session)
            except NoLog as fault:
                return PlainTextResponse(f"{fault}\n", 404)
        note = head.cosigned if cosigned else head.note
        if note is None:
            return PlainTextResponse("no checkpoint was cosigned yet\n", 404, _BRIEF)
        return PlainTextResponse(str(note), headers=_BRIEF)

    def ready(_request: Request) -> Response:
        with pool.connection() as session:
            session.execute("SELECT 1")
        return PlainTextResponse("ok\n")

    def resource(request: Request) -> Response:
        try:
            place = parse_path("tile/" + request.path_params["path"])
        except Malformed as fault:
            return PlainTextResponse(f"{fault}\n", 404)
        with pool.connection() as session:
            found = _read(session, place)
        if found is None:
            return PlainTextResponse("there is no such tile yet\n", 404, _BRIEF)
        return Response(found, media_type="application/octet-stream", headers=_FOR_GOOD)

    def registry(_request: Request) -> Response:
        with pool.connection() as session:
            found = ServedRegistry.read(session)
        return Response(found.raw, media_type="application/json", headers=_BRIEF)

    return Starlette(
        routes=[
            Route("/checkpoint", checkpoint),
            Route("/registry", registry),
            Route("/tile/{path:path}", resource),
            Route("/health/ready", ready),
        ]
    )


def _read(session: Session, place: Place) -> bytes | None:
    """The resource at a place; None where the signed log is not as large."""
    size = read_head(session).checkpoint.size
    level = 0 if isinstance(place, Bundle) else place.level
    if width_at(size, level, place.number) < place.width:
        return None
    if isinstance(place, Bundle):
        first = place.number * WIDTH
        return bundled(read_entries(session, first, first + place.width))
    return Tiles(session)(place.level, place.number)[: place.width * HASH_BYTES]
