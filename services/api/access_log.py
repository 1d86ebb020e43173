"""The access log: one line per object read, in the transaction of the answer, and its reading; sealed under purposes that the law hides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

from psycopg import Connection
from psycopg.rows import tuple_row

from services.api import statement
from services.api.access.share_links import client_of
from services.api.auth.gate import Caller
from services.api.calls import Call, Read
from services.ledger.audit_trail.digests import COLUMNS, seal
from services.ledger.storage.session import BoundStatement

SEALED = frozenset({"AML", "SANCTIONS", "COURT", "SUPERVISOR"})
"""Legal purposes whose reads are fully logged and hidden from the subject."""


def lines(call: Call, status: int) -> list[BoundStatement]:
    """The lines of ``call`` for the open log, or for the sealed one where it was made under a legal purpose."""
    return read_lines(
        call.lines or [Read("", ())],
        at=call.now,
        caller=call.caller,
        party=call.party.code,
        method=call.request.method,
        route=call.route,
        request=call.id,
        status=status,
        answer=call.answer,
    )


def read_lines(
    reads: Iterable[Read],
    *,
    at: int,
    caller: Caller,
    party: str,
    method: str,
    route: str,
    request: str,
    status: int,
    answer: bytes | None = None,
) -> list[BoundStatement]:
    """The lines that say that ``caller`` of ``party`` read this, for the open log or the sealed one."""
    query = statement("log_sealed" if caller.purpose in SEALED else "log")
    common = {
        "at": at,
        "client": caller.client,
        "party": party,
        "bound": caller.bound,
        "purpose": caller.purpose,
        "method": method,
        "route": route,
        "status": status,
        "request": request,
        "answer": answer,
    }
    return [
        BoundStatement(query, _sealed({**common, "resource": line.resource, "subjects": list(line.subjects)}))
        for line in reads
    ]


def _sealed(line: dict[str, Any]) -> dict[str, Any]:
    named = {**line, "id": str(uuid4())}
    return {**named, "digest": seal(*(named[name] for name in COLUMNS))}


def write(session: Connection[Any], call: Call, status: int) -> None:
    """Write the lines of ``call``."""
    for query, parameters in lines(call, status):
        session.execute(query, parameters)


class LoggedRead(NamedTuple):
    """A line as the subject of the read sees it; ``client`` begins with ``share:`` where it was read through a share link."""

    at: int
    id: str
    client: str
    party: str
    purpose: str
    route: str
    resource: str
    status: int

    @property
    def link(self) -> str | None:
        """The id of the share link through which it was read; None for other reads."""
        kind, _, id_ = self.client.partition(":")
        return id_ if kind == "share" else None


class Readings(NamedTuple):
    """How often a party read in a time, or how often through its links."""

    party: str
    by_link: bool
    times: int
    last: int
    resources: int


@dataclass(frozen=True, slots=True)
class WantedReads:
    """Which reads of data of ``subject`` in [since, until): what is None or False does not choose. ``links`` are its own share links."""

    subject: str
    since: int
    until: int
    links: Collection[str] = ()
    reader: str | None = None
    resource: str | None = None
    by_link: bool | None = None
    legal: bool = False

    def parameters(self) -> dict[str, Any]:
        """As the statements name them."""
        named = {name: getattr(self, name) for name in self.__slots__}
        return {**named, "links": [client_of(each) for each in self.links]}


def reads(
    session: Connection[Any], wanted: WantedReads, after: tuple[int, str] | None, limit: int
) -> list[LoggedRead]:
    """At most ``limit`` reads behind ``after`` (``at``, ``id``), the latest first."""
    at, id_ = (None, None) if after is None else after
    rows = _rows(session, "log_reads", {**wanted.parameters(), "at": at, "id": id_, "limit": limit})
    return [LoggedRead(*row) for row in rows]


def readers(session: Connection[Any], wanted: WantedReads, limit: int) -> list[Readings]:
    """Who read, and how often, those first who read last."""
    return [Readings(*row) for row in _rows(session, "log_readers", {**wanted.parameters(), "limit": limit})]


def uses(
    session: Connection[Any], subject: str, by: Sequence[tuple[str, int, int]], limit: int
) -> list[tuple[int, list[LoggedRead]]]:
    """For each (reader, since, until) how often it read data of ``subject`` in that time, and the latest ``limit`` reads; one statement."""
    readers_, sinces, untils = zip(*by, strict=True) if by else ((), (), ())
    parameters = {
        "readers": list(readers_), "sinces": list(sinces), "untils": list(untils), "subject": subject, "limit": limit,
    }  # fmt: skip
    found: list[tuple[int, list[LoggedRead]]] = [(0, []) for _ in by]
    for ordinal, *line, every in _rows(session, "log_uses", parameters):
        _, lines_ = found[ordinal - 1]
        lines_.append(LoggedRead(*line))
        found[ordinal - 1] = every, lines_
    return found


def _rows(session: Connection[Any], name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    return session.cursor(row_factory=tuple_row).execute(statement(name), parameters).fetchall()
