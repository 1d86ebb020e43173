"""Follows every link, table and GET form of the pages from a start, as one browser; every address of one kind a few times at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit

import httpx
from starlette.routing import BaseRoute, Match, Route

OF_A_KIND = 4
"""Addresses of one route, object and set of parameters that are looked at."""
_NOT_FOLLOWED = ("lang",)
"""Another language shows the same."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One response: of which route, at which address, in which form (html, csv, json or another media type), and all that it says."""

    route: str
    address: str
    status: int
    form: str
    text: str


@dataclass(slots=True)
class _Form:
    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    searches: list[str] = field(default_factory=list)


class _Addresses(HTMLParser):
    """The links and GET forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[_Form] = []
        self._form: _Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "href" in given and tag != "link":
            self.links.append(given["href"])
        self.links += [value for name, value in given.items() if name in ("data-film", "hx-get") and value]
        if tag == "form":
            self._form = (
                _Form(given.get("action", "")) if given.get("method", "get").lower() == "get" else None
            )
            self.forms += [] if self._form is None else [self._form]
        if self._form is None:
            return
        name = given.get("name", "")
        if tag == "select":
            self._select = name
            self._form.fields.setdefault(name, [])
        elif tag == "option" and self._select:
            self._form.fields[self._select].append(given.get("value", ""))
        elif tag == "input" and given.get("type") == "search":
            self._form.searches.append(name)
        elif tag in ("input", "button") and name:
            if given.get("type") not in ("checkbox", "radio"):
                self._form.fields[name] = [given.get("value", "")]
            else:
                self._form.fields.setdefault(name, [""]).append(given.get("value", "on"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""


def walk(
    browser: httpx.Client, start: Iterable[str], routes: Sequence[BaseRoute], searches: Sequence[str] = ()
) -> Iterator[Seen]:
    """Every response on the way from ``start``; what is typed into a search is each of ``searches``."""
    waiting, known, kinds = list(start), set(start), Counter[object]()
    while waiting:
        address = waiting.pop(0)
        seen, found = _look(browser, address, routes, searches)
        yield seen
        for each in found:
            kind = _kind(each, routes)
            if kind is not None and each not in known and kinds[kind] < OF_A_KIND:
                kinds[kind] += 1
                known.add(each)
                waiting.append(each)


def route_of(address: str, routes: Iterable[BaseRoute]) -> str | None:
    """The path of the route that answers the address, as it was declared; None where there is none."""
    scope = {"type": "http", "method": "GET", "path": unquote(urlsplit(address).path)}
    for route in routes:
        if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
            return route.path
    return None


def _look(
    browser: httpx.Client, address: str, routes: Sequence[BaseRoute], searches: Sequence[str]
) -> tuple[Seen, list[str]]:
    with browser.stream("GET", address) as answer:
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        endless = media_type == "text/event-stream"
        raw = b"" if endless else answer.read()
    where = answer.headers.get("location", "")
    text = f"{raw.decode('utf-8', 'replace')}\n{unquote(where)}"
    form = {"text/html": "html", "text/csv": "csv", "application/json": "json"}.get(media_type, media_type)
    seen = Seen(route_of(address, routes) or "", address, answer.status_code, form, text)
    found = [where] if where else []
    if form == "html":
        parser = _Addresses()
        parser.feed(text)
        found += parser.links + [each for shown in parser.forms for each in _asked(shown, searches)]
    base = str(browser.base_url)
    here = [urljoin(urljoin(base, address), each) for each in found]
    return seen, [_relative(each) for each in here if _origin(each) == _origin(base)]


def _asked(form: _Form, searches: Sequence[str]) -> Iterator[str]:
    """The form as it stands, and with each other choice once; a search for each of ``searches``."""
    first = {name: values[0] for name, values in form.fields.items() if values}
    choices = [{**first, name: value} for name, values in form.fields.items() for value in values[1:]]
    for values in [first, *choices]:
        for typed in searches if form.searches else ("",):
            yield f"{form.action}?{urlencode({**values, **dict.fromkeys(form.searches, typed)})}"


def _kind(address: str, routes: Sequence[BaseRoute]) -> object:
    """What addresses are alike: the same path and names of parameters. None for what is not followed."""
    parts = urlsplit(address)
    query = parse_qsl(parts.query, keep_blank_values=True)
    route = route_of(address, routes)
    if route is None or route.startswith("/static") or any(name in _NOT_FOLLOWED for name, _ in query):
        return None
    told = tuple(
        sorted(f"{name}={value}" if name in ("table", "format", "q") else name for name, value in query)
    )
    return parts.path, told


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc


def _relative(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
