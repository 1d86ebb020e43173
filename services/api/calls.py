"""The call that a route gets (caller, session, clock) and the answer that it returns."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson
from psycopg import Connection
from starlette.requests import Request
from starlette.responses import Response

from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from services.api.auth.gate import Caller
from services.api.context import Context
from services.api.problems import Problem
from services.domain.objects import Thing
from services.financing.domain.decisions import Decision
from services.financing.domain.requests import DecisionRequest
from services.ledger.registry.party import Party
from services.ledger.registry.registry import Registry
from services.ledger.storage.event_reader import limit_work_memory
from services.ledger.storage.session import BoundStatement, Row
from services.query.views import SourcedView, read_views

Session = Connection[Any]
LARGEST_PAGE = 200
DECISION = "decision"
"""The purpose under which numbers of decisions are shown."""


@dataclass(frozen=True, slots=True)
class Read:
    """A line of the access log to be: what was read (``kind:reference``) and whose it is."""

    resource: str
    subjects: tuple[str, ...]


@dataclass(slots=True)
class Call:
    """One request of an admitted caller. ``session`` is in a transaction that ends with the route; see the package's text.

    ``prefetched`` is the question that went with the admission, with its rows: of the same transaction.
    """

    context: Context
    request: Request
    route: str
    id: str
    caller: Caller
    party: Party
    registry: Registry
    now: int
    body: bytes
    _session: Session | None = None
    prefetched: tuple[BoundStatement, Sequence[Row]] | None = None
    lines: list[Read] = field(default_factory=list)
    closing: list[BoundStatement] = field(default_factory=list)
    """Statements with their parameters that go with the last ones of the transaction."""
    answer: bytes | None = None
    """The seal of the answer that is stored with them, for the access log."""

    @property
    def session(self) -> Session:
        """The session; RuntimeError on a route that opens its own transactions, and where all was prefetched."""
        if self._session is None:
            raise RuntimeError(
                "transaction=False: use call.transaction(); prefetch=...: ask nothing else than that"
            )
        return self._session

    @property
    def has_session(self) -> bool:
        """Whether the route runs on a worker thread, with a session in a transaction."""
        return self._session is not None

    @property
    def purpose(self) -> str:
        """The legal purpose under which the caller reads, "" for none."""
        return self.caller.purpose

    def views(self, consignments: Sequence[bytes]) -> Sequence[SourcedView | None]:
        """The views of consignments now."""
        return read_views(self.session, consignments, self.now, self.registry)

    def rows(self, question: BoundStatement) -> Sequence[Row]:
        """The rows of ``question``: the prefetched ones if it is the same question, else read now."""
        if self.prefetched is not None and self.prefetched[0] == question:
            return self.prefetched[1]
        limit_work_memory(self.session)
        return question.rows(self.session)

    def transaction(self) -> AbstractContextManager[Session]:
        """A transaction of its own, for routes that are declared ``transaction=False``; commits at the end of the block."""
        if self._session is not None:
            raise RuntimeError("the route runs in a transaction already: use call.session")
        return _transaction(self.context)

    def reads(self, kind: str, reference: str, subjects: Collection[str] = ()) -> None:
        """Note for the access log that ``kind:reference`` is read, which concerns the parties ``subjects``.

        The caller itself is no subject of its own reads. The line is written in the transaction of the answer.
        """
        others = tuple(sorted(set(subjects) - {self.party.code}))
        self.lines.append(Read(f"{kind}:{reference}", others))

    def cursor(self, cursor: str | None, purpose: str) -> Any:
        """The place that a ``cursor`` parameter holds, None at the start; Problem cursor-invalid."""
        if not cursor:
            return None
        try:
            return self.context.seal.place(purpose, self.party.code, cursor)
        except ValueError:
            raise Problem("cursor-invalid") from None

    def shown(self, number: int) -> int:
        """The number of a decision, or a reading position, as the caller's party is shown it; see ``Seal.number``."""
        return self.context.seal.number(DECISION, self.party.code, number)

    def decision(self, shown: int) -> int | None:
        """The number of the decision that the caller's party was shown as ``shown``; None where it is none."""
        return self.context.seal.number_of(DECISION, self.party.code, shown)

    def must_match(self, etag_over: bytes) -> None:
        """Check If-Match, where it is given, against the present state; Problem precondition-failed."""
        given = self.request.headers.get("if-match")
        if given is not None and not matches(given, etag(etag_over), weak=False):
            raise Problem("precondition-failed")


class BeginAgain(Exception):
    """What a route rests on changed under it: nothing of it stays, and the request is answered anew, in a new transaction."""


@contextmanager
def _transaction(context: Context) -> Iterator[Session]:
    with context.pool.connection() as session:
        yield session


@dataclass(slots=True)
class Answer:
    """What a route answers: ``body`` as orjson writes it (None: empty), with further ``headers``.

    ``etag`` is what identifies the content where the body also tells the moment of asking; by default the body itself.
    ``nothing`` says that it holds nothing for the caller: like a 404 it is answered no sooner than what is foreign.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: Any = None
    nothing: bool = False

    def response(self, request: Request) -> Response:
        """The answer to a request, 304 where the caller has it already."""
        raw = (
            b""
            if self.body is None
            else self.body
            if isinstance(self.body, bytes)
            else orjson.dumps(self.body)
        )
        headers = {"cache-control": "no-store, private", **self.headers}
        if request.method == "GET" and self.status == 200:
            tag = etag(raw if self.etag is None else orjson.dumps(self.etag))
            headers = {**headers, "etag": tag, "cache-control": "private, no-cache"}
            given = request.headers.get("if-none-match")
            if given is not None and matches(given, tag, weak=True):
                return Response(status_code=304, headers=headers)
        return Response(raw, self.status, headers, "application/json" if raw else None)


@dataclass(frozen=True, slots=True)
class PendingDecision:
    """What has to be decided before the route can answer: ``ask`` about the consignments ``on``.

    ``answer`` tells of the decision; that something is absent is recorded, so it is answered and not raised.
    """

    ask: DecisionRequest
    on: Sequence[Thing]
    answer: Callable[[Decision], Answer]


def page(
    call: Call, purpose: str, items: Sequence[Any], last: Any, more: Mapping[str, Any] | None = None
) -> Answer:
    """A page: its items, and a cursor to ``last`` (the place of its last item; None: nothing follows), beside ``more``."""
    body: dict[str, Any] = {"items": items, "next": None, **(more or {})}
    headers = {}
    if last is not None:
        body["next"] = call.context.seal.cursor(purpose, call.party.code, last)
        query = urlencode({**call.request.query_params, "cursor": body["next"]})
        headers["link"] = f'<{call.request.scope["path"]}?{query}>; rel="next"'
    return Answer(body, headers=headers, nothing=not items)


def etag(content: bytes) -> str:
    """A strong entity tag of ``content``."""
    return '"' + base64.urlsafe_b64encode(hashlib.sha256(content).digest()[:18]).decode() + '"'


def matches(header: str, tag: str, *, weak: bool) -> bool:
    """Whether a list of entity tags (RFC 9110, 8.8.3) names ``tag``; ``weak``: also as a weak one."""
    listed = [each.strip() for each in header.split(",")]
    return "*" in listed or any((each.removeprefix("W/") if weak else each) == tag for each in listed)


def moment(text: str | None, name: str, otherwise: int) -> int:
    """A time of a query parameter in UTC microseconds; Problem invalid where it is none."""
    if text is None:
        return otherwise
    try:
        return parse_micros(text)
    except Refusal as refusal:
        raise Problem("invalid", errors=[{"parameter": name, "detail": refusal.detail}]) from None
