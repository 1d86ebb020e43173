"""A table of pages, and the one path of every request: language, origin, transaction, viewer, page, access log."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.api import access_log
from services.api.calls import matches
from services.pages import multipart
from services.pages.context import PageContext
from services.pages.errors import PageError
from services.pages.languages import language_of
from services.pages.multipart import Upload
from services.pages.page import Data, Document, Later, Page, PageRequest, Redirect, parameters_of
from services.pages.table import export

log = logging.getLogger(__name__)
PageFunction = Callable[[PageRequest], Page | Data | Document | Redirect | Later]
_LANGUAGE_SECONDS = 365 * 86_400
UNAVAILABLE = (PoolTimeout, psycopg.errors.LockNotAvailable, psycopg.OperationalError)


class PageRoutes:
    """The pages of one module, in the order in which they are declared."""

    def __init__(self) -> None:
        self.routes: list[BaseRoute] = []

    def get(self, path: str, *, signed_in: bool = False) -> Callable[[PageFunction], PageFunction]:
        """Declare the page at ``path``; see the package's text."""
        return self._declared(path, "GET", signed_in)

    def post(
        self, path: str, *, signed_in: bool = False, anywhere: bool = False, files: bool = False
    ) -> Callable[[PageFunction], PageFunction]:
        """Declare what takes the form posted to ``path``; ``anywhere``: from other sites too, where the path itself is the right to.

        With ``files`` it may hold files (``PageRequest.files``).
        """
        return self._declared(path, "POST", signed_in, anywhere, files)

    def _declared(
        self, path: str, method: str, signed_in: bool, anywhere: bool = False, files: bool = False
    ) -> Callable[[PageFunction], PageFunction]:
        def declare(function: PageFunction) -> PageFunction:
            self.routes.append(
                Route(path, _endpoint(function, path, signed_in, anywhere, files), methods=[method])
            )
            return function

        return declare


def _endpoint(
    function: PageFunction, path: str, signed_in: bool, anywhere: bool, files: bool
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        context: PageContext = request.app.state.context
        started = time.monotonic()
        request.state.route = path
        try:
            context.requests.require(context.address(request))
            form = await _form(context, request, anywhere, files)
            _require_text(request, form)
            response = await context.in_worker(_answer, context, request, function, path, signed_in, form)
            if isinstance(response, Later):
                following = response.then(await context.in_worker(response.work))
                response = await context.in_worker(
                    _answer, context, request, following, path, signed_in, form
                )
                assert isinstance(response, Response)
        except PageError as error:
            _log_refused(request, path, error.status)
            response = context.error_page(request, error.status, error.headers)
        except UNAVAILABLE as error:
            log.warning(
                "the database did not answer: %s",
                type(error).__name__,
                extra={"action": "pages_unavailable", "request": request.state.id},
            )
            response = context.error_page(request, 503, {"retry-after": "1"})
        # What is absent takes as long as what is foreign.
        if response.status_code == 404 or getattr(request.state, "nothing", False):
            floor = context.settings.pages_foreign_floor
            await asyncio.sleep(max(0.0, started + floor - time.monotonic()))
        _remember_language(context, request, response)
        return response

    return endpoint


Form = tuple[Mapping[str, str], Mapping[str, Upload]]
"""The fields of a form, and its files."""


def _require_text(request: Request, form: Form) -> None:
    """PageError 400 where a value holds NUL: no text of the database does."""
    given = (
        *map(str, parameters_of(request).values()),
        *_parts(request.query_params.multi_items()),
        *_parts(form[0].items()),
    )
    if any("\0" in each for each in given):
        raise PageError(400)


def _parts(pairs: Iterable[tuple[str, str]]) -> Iterable[str]:
    return (part for pair in pairs for part in pair)


def _log_refused(request: Request, path: str, status: int) -> None:
    """A line for what access, permissions and budgets refuse; that nothing is there is none of them."""
    lacking = getattr(request.state, "lacking", "")
    if status in (401, 403, 429) or lacking:
        log.info(
            "a page was refused",
            extra={
                "action": "page_refused",
                "status": status,
                "route": path,
                "method": request.method,
                "request": request.state.id,
                "client": getattr(request.state, "client", ""),
                "lacking": lacking,
            },
        )


async def _form(context: PageContext, request: Request, anywhere: bool, files: bool) -> Form:
    """The posted form; PageError 403 where another site sent it, 400 where it is none."""
    if request.method in ("GET", "HEAD"):
        return {}, {}
    if not anywhere and not of_this_site(request, context.names.urls):
        raise PageError(403)
    body = await request.body()
    if not body:
        return {}, {}
    content_type = request.headers.get("content-type", "")
    form = content_type.partition(";")[0]
    if form != "application/x-www-form-urlencoded" and not (files and form == "multipart/form-data"):
        if anywhere:  # the fields say nothing that the path does not
            return {}, {}
        raise PageError(400)
    try:
        if form == "multipart/form-data":
            return multipart.parse(content_type, body)
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=200)), {}
    except ValueError:
        raise PageError(400) from None


def of_this_site(request: Request, urls: tuple[str, ...]) -> bool:
    """Whether a page of this site sent an unsafe request: what the browser says (Fetch metadata), else by its Origin."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and origin in {f"{u.scheme}://{u.netloc}" for u in map(urlsplit, urls)}


def _answer(
    context: PageContext,
    request: Request,
    function: PageFunction,
    path: str,
    signed_in: bool,
    form: Form,
) -> Response | Later:
    """The response, on a worker thread, in one transaction; or what has to be done before there is one."""
    with context.pool.connection() as session:
        begun = context.begin(session)
        now = begun.now
        viewer = context.identify(session, request, now)
        fields, files = form
        request.state.client = "" if viewer is None else viewer.caller.client
        asked = PageRequest(
            context, request, path, context.l10n(request), fields, session, begun, viewer, files=files
        )
        if signed_in and viewer is None:
            raise PageError(401)
        if request.method not in ("GET", "HEAD") and viewer is not None and not viewer.posted(fields):
            raise PageError(403)
        found = function(asked)
        if isinstance(found, Later):
            return found
        request.state.nothing = isinstance(found, Page) and found.nothing
        response = _response(asked, found)
        if asked.viewer is not None and asked.lines:
            questions = access_log.read_lines(
                asked.lines,
                at=now,
                caller=asked.viewer.caller,
                party=asked.party.code,
                method=request.method,
                route=path,
                request=request.state.id,
                status=response.status_code,
            )
            if len(questions) > 1:  # in one round trip
                session.cursor().executemany(questions[0].query, [each.parameters for each in questions])
            else:
                session.execute(*questions[0])
        return response


def _response(asked: PageRequest, found: Page | Data | Document | Redirect) -> Response:
    if isinstance(found, Redirect):
        headers = {"cache-control": "no-store", **found.headers}
        return Response(status_code=303, headers={**headers, "location": found.location})
    headers = {
        "cache-control": "private, no-cache",
        "vary": "accept-language, cookie",
        **found.headers,
    }
    reading = asked.request.method in ("GET", "HEAD")
    if isinstance(found, Data):
        raw, status, kind = orjson.dumps(found.body), 200, "application/json"
    elif isinstance(found, Document):
        raw, status, kind = found.content, 200, found.media_type
    elif reading and asked.table:
        raw, kind, own = export(found.tables, asked.table, asked.query.get("format", ""))
        status = found.status
        headers |= own
    else:
        if found.etag is not None and found.status == 200 and reading:
            # What a page that stays open reads again every minute is not rendered for nothing.
            content = orjson.dumps(_with_page(asked, found.etag))
            if _unchanged(asked, headers, content):
                return Response(status_code=304, headers=headers)
        for table in found.tables if reading else ():
            table.query = asked.request.query_params.multi_items()
        values = found.values() if callable(found.values) else found.values
        raw = asked.context.render(asked.request, asked.l10n, found.template, values, asked.viewer)
        status, kind = found.status, "text/html; charset=utf-8"
    if status == 200 and "etag" not in headers and _unchanged(asked, headers, raw):
        return Response(status_code=304, headers=headers)
    return Response(raw, status, headers, kind)


def _unchanged(asked: PageRequest, headers: dict[str, str], content: bytes) -> bool:
    """Put the ETag of ``content`` into ``headers``, but for what no cache keeps; whether the browser has it already."""
    if headers["cache-control"] == "no-store":
        return False
    # Weak: what compresses on the way changes the bytes and nothing else.
    tag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers["etag"] = tag
    given = asked.request.headers.get("if-none-match")
    return given is not None and matches(given, tag.removeprefix("W/"), weak=True)


def _with_page(asked: PageRequest, etag: Any) -> list[Any]:
    """What else the bytes of a page depend on: language, release, and whoever is named on it."""
    person = "" if asked.viewer is None else asked.viewer.person
    return [asked.l10n.code, asked.context.release, person, etag]


def _remember_language(context: PageContext, request: Request, response: Response) -> None:
    """A language that was chosen by a link is that of the next pages too."""
    chosen = language_of(request.query_params.get("lang", ""))
    if chosen is not None and response.status_code < 400:
        response.set_cookie(
            "lang",
            chosen,
            max_age=_LANGUAGE_SECONDS,
            path="/",
            secure=context.secure,
            httponly=True,
            samesite="lax",
        )
