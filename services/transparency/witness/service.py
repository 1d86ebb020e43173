"""The service of a witness: ``POST /add-checkpoint`` and the last checkpoint of each log (C2SP tlog-witness v1.0.0).

Its state is a file of SQLite. A checkpoint is stored, on disk, before it is cosigned; of two requests at once one is first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.transparency.domain.keys import Signer, VerifierKey
from services.transparency.domain.note import signature_of
from services.transparency.domain.witnessing import NOTHING, AddCheckpoint, Head, Refused

MOST_BODY: Final = 64 * 1024
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS log (
    origin     TEXT PRIMARY KEY,
    size       INTEGER NOT NULL,
    root       BLOB NOT NULL,
    checkpoint TEXT NOT NULL
) STRICT
"""


class WitnessState:
    """The heads that a witness cosigned, in a file; for any number of threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._open()) as session:
            session.execute(_SCHEMA)

    def _open(self) -> sqlite3.Connection:
        session = sqlite3.connect(self._path, timeout=10.0, isolation_level=None)
        session.execute("PRAGMA journal_mode = WAL")
        session.execute("PRAGMA synchronous = FULL")
        return session

    def cosign(self, request: AddCheckpoint, sign: Callable[[str], str]) -> str:
        """Store the checkpoint of a request that continues the stored head, then return what ``sign`` makes of its text.

        Raises Refused with nothing stored, sqlite3.Error where the file cannot be read or written. Blocks while others write.
        """
        origin = request.checkpoint.origin
        with closing(self._open()) as session:
            session.execute("BEGIN IMMEDIATE")
            try:
                row = session.execute("SELECT size, root FROM log WHERE origin = ?", (origin,)).fetchone()
                new = request.continued(NOTHING if row is None else Head(*row))
                session.execute(
                    "INSERT INTO log VALUES (?, ?, ?, ?) ON CONFLICT (origin)"
                    " DO UPDATE SET size = excluded.size, root = excluded.root, checkpoint = excluded.checkpoint",
                    (origin, new.size, new.root, str(request.note)),
                )
                session.execute("COMMIT")
            except BaseException:
                session.execute("ROLLBACK")
                raise
        return sign(request.note.text)

    def last(self, origin_digest: str) -> str | None:
        """The last checkpoint of the log whose origin has this SHA-256 in hexadecimal digits."""
        with closing(self._open()) as session:
            rows = session.execute("SELECT origin, checkpoint FROM log").fetchall()
        return next(
            (note for origin, note in rows if sha256(origin.encode()).hexdigest() == origin_digest), None
        )


def create_app(
    state: WitnessState,
    logs: Mapping[str, Sequence[VerifierKey]],
    signers: Sequence[Signer],
    clock: Callable[[], int],
) -> Starlette:
    """The application of a witness for ``logs`` by origin, with the keys that may sign for each; ``clock`` gives POSIX time."""

    def cosignatures(text: str) -> str:
        time = clock()
        return "".join(signature_of(text, signer, time).line for signer in signers)

    def judged(raw: bytes) -> Response:
        try:
            request = AddCheckpoint.parse(raw)
            request.require_signed(logs)
            return PlainTextResponse(state.cosign(request, cosignatures))
        except Refused as refused:
            return Response(refused.body, refused.status, media_type=refused.media_type)

    async def add_checkpoint(request: Request) -> Response:
        raw = b""
        async for piece in request.stream():
            raw += piece
            if len(raw) > MOST_BODY:
                return PlainTextResponse(f"a request has at most {MOST_BODY} bytes\n", 413)
        return await run_in_threadpool(judged, raw)

    def last_checkpoint(request: Request) -> Response:
        found = state.last(request.path_params["digest"])
        return PlainTextResponse("unknown log\n", 404) if found is None else PlainTextResponse(found)

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{digest}/checkpoint", last_checkpoint),
        ]
    )


def logs_of(keys: Sequence[VerifierKey]) -> dict[str, list[VerifierKey]]:
    """The keys by the origin that they sign for, which is their name."""
    found: dict[str, list[VerifierKey]] = {}
    for key in keys:
        found.setdefault(key.name, []).append(key)
    return found
