"""The request that a page gets (viewer, session, clock, language) and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from psycopg import Connection
from starlette.requests import Request

from services.api.calls import Read
from services.ledger.registry.party import Party
from services.ledger.registry.registry import Registry
from services.pages.context import Begun, PageContext
from services.pages.errors import PageError
from services.pages.localization import Localization
from services.pages.multipart import Upload
from services.pages.table import Table
from services.pages.viewer import Viewer
from services.query.views import SourcedView

Session = Connection[Any]


def parameters_of(request: Request) -> dict[str, Any]:
    """The parameters of a request's path, decoded; what a converter has made of one stays as it is."""
    given: dict[str, Any] = request.path_params
    return {name: unquote(value) if isinstance(value, str) else value for name, value in given.items()}


@dataclass(slots=True)
class PageRequest:
    """One request in its transaction. It is a ``Reader`` of ``services.api.access`` for whoever looks."""

    context: PageContext
    request: Request
    route: str
    l10n: Localization
    form: Mapping[str, str]
    session: Session
    begun: Begun
    viewer: Viewer | None
    lines: list[Read] = field(default_factory=list)
    files: Mapping[str, Upload] = field(default_factory=dict)

    @property
    def now(self) -> int:
        """The moment of the request, by the database's clock in UTC microseconds."""
        return self.begun.now

    @property
    def registry(self) -> Registry:
        """The registry as of the request."""
        return self.begun.registry

    def views(self, consignments: Sequence[bytes]) -> Sequence[SourcedView | None]:
        """The views of consignments now: those that the process keeps where they still hold."""
        kept = self.context.views
        return kept.read(self.session, consignments, self.now, self.registry, self.begun.state)

    @property
    def path(self) -> Mapping[str, str]:
        """The parameters of the path, decoded: routes are found by the path as it was sent."""
        return parameters_of(self.request)

    @property
    def address(self) -> str:
        """The address that the request counts for."""
        return self.context.address(self.request)

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the query, the last of each name."""
        return self.request.query_params

    @property
    def party(self) -> Party:
        """The party for which somebody looks; PageError 401 where nobody signed in, or for a party that is registered no longer."""
        party = None if self.viewer is None else self.registry.party(self.viewer.party)
        if party is None:
            raise PageError(401)
        return party

    @property
    def purpose(self) -> str:
        """The legal purpose under which is read, "" for none."""
        return "" if self.viewer is None else self.viewer.caller.purpose

    @property
    def table(self) -> str:
        """The name of the table of the page that is wanted as CSV or JSON, "" where the page itself is."""
        return self.query.get("table", "")

    def reads(self, kind: str, reference: str, subjects: Collection[str] = ()) -> None:
        """Note for the access log that ``kind:reference`` is read, which concerns the parties ``subjects``; as ``Call.reads``."""
        others = tuple(sorted(set(subjects) - {self.party.code}))
        self.lines.append(Read(f"{kind}:{reference}", others))


@dataclass(slots=True)
class Page:
    """A page: ``values`` for the template of that name, or what gives them where the page is rendered. ``etag`` (orjson writes it) identifies the content; by default the page itself.

    ``tables``: those that are also given as CSV and JSON. ``nothing``: it shows nothing of what was asked for; like a 404 it is answered no sooner than what is foreign.
    """

    template: str
    values: Mapping[str, Any] | Callable[[], Mapping[str, Any]] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: Any = None
    nothing: bool = False
    tables: Sequence[Table] = ()


@dataclass(slots=True)
class Data:
    """JSON for a module of a page: ``body`` as orjson writes it. Its ETag is that of the body."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Document:
    """Bytes of another media type. Its ETag is that of the bytes."""

    content: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Redirect:
    """Go on at ``location``, a path of this site, with GET."""

    location: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Later:
    """The page follows once ``work`` is done, which runs on a worker thread without a transaction.

    ``then`` makes of its result the function of the page, called in a transaction of its own with the same request.
    """

    work: Callable[[], Any]
    then: Callable[[Any], Callable[[PageRequest], Page | Redirect]]
