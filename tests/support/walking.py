"""Every page by the links on it, as whoever looks: where it was found, by which route it is answered, and its forms.

A walk follows links from some first addresses. Of one route with the same names of parameters it opens a few addresses alone, so that
a list of a thousand rows is no thousand pages.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urldefrag, urljoin, urlsplit

import httpx
from starlette.applications import Starlette
from starlette.routing import Match, Route

FIRST = ("/", "/console", "/line", "/borders", "/search", "/links", "/nothing-here")
"""Where people begin: what they type, and what stands on the first page."""


@dataclass(frozen=True)
class Form:
    """A form as it stands on a page: where it goes, how, and what it holds before anybody types."""

    action: str
    method: str
    fields: tuple[tuple[str, str], ...]


@dataclass
class Visited:
    """A page as it was answered; ``address`` is path and query, ``route`` as declared, "" where none matches."""

    address: str
    route: str
    status: int
    text: str
    headers: httpx.Headers
    forms: list[Form] = field(default_factory=list)


class Links(HTMLParser):
    """Collects the addresses and forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.forms: list[Form] = []
        self._open: tuple[str, str, list[tuple[str, str]]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the element leads to."""
        given = {name: value or "" for name, value in attrs}
        self.addresses += [given[name] for name in ("href", "data-film") if name in given and tag != "link"]
        if tag == "form":
            self._open = given.get("action", ""), given.get("method", "get").lower(), []
        elif (
            tag in ("input", "select", "textarea", "button") and self._open is not None and given.get("name")
        ):
            self._open[2].append((given["name"], given.get("value", "")))
        elif tag == "option" and self._open is not None and self._open[2] and "value" in given:
            name, value = self._open[2][-1]
            self._open[2][-1] = (name, value or given["value"])

    def handle_endtag(self, tag: str) -> None:
        """A form is whole."""
        if tag == "form" and self._open is not None:
            action, method, fields = self._open
            self.forms.append(Form(action, method, tuple(fields)))
            self._open = None


def routes(app: Starlette, method: str = "GET") -> frozenset[str]:
    """The paths of all pages as declared that answer ``method``."""
    return frozenset(r.path for r in app.routes if isinstance(r, Route) and method in (r.methods or ()))


def route_of(app: Starlette, address: str, method: str = "GET") -> str:
    """The route that answers an address, "" where there is none."""
    scope = {"type": "http", "method": method, "path": urlsplit(address).path, "headers": []}
    for route in app.routes:
        if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
            return route.path
    return ""


def walk(
    app: Starlette,
    client: httpx.Client,
    first: Iterable[str] = FIRST,
    each: int = 2,
    most: int = 300,
) -> Iterator[Visited]:
    """The pages that ``client`` reaches, each once; redirects are followed as links."""
    opened: Counter[tuple[str, tuple[str, ...]]] = Counter()
    todo, known = deque(first), set(first)
    while todo and sum(opened.values()) < most:
        address = todo.popleft()
        route = route_of(app, address)
        kind = route or urlsplit(address).path, tuple(sorted({n for n, _ in _query(address)} - {"lang"}))
        if opened[kind] >= each:
            continue
        opened[kind] += 1
        answer = client.get(address)
        links = Links()
        if answer.headers.get("content-type", "").startswith("text/html"):
            links.feed(answer.text)
        links.addresses.append(answer.headers.get("location", ""))
        here = str(answer.request.url)
        for found in (*links.addresses, *(form.action for form in links.forms if form.method == "get")):
            target = urldefrag(urljoin(here, found)).url
            if found and target.startswith(str(client.base_url).rstrip("/") + "/"):
                path = target.removeprefix(str(client.base_url).rstrip("/"))
                if path not in known and not dict(_query(path)).get("lang"):
                    known.add(path)
                    todo.append(path)
        yield Visited(address, route, answer.status_code, answer.text, answer.headers, links.forms)


def _query(address: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(address).query, keep_blank_values=True)
