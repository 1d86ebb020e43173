"""Signing in and out."""

from __future__ import annotations

import logging
import time
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.pages.auth.provider import SignInError
from services.pages.auth.sign_in import CALLBACK, HOME, START, Authentication, SignedIn, Unknown, safe_path
from services.pages.console import console_of, signed_in
from services.pages.context import PageContext
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest, Redirect
from services.pages.routing import PageRoutes

log = logging.getLogger(__name__)
pages = PageRoutes()
NO_STORE = {"cache-control": "no-store"}


@pages.get(START)
def begin(request: PageRequest) -> Page | Redirect:
    """Send the browser to the issuer; whoever is signed in already goes on at once."""
    authentication = _counted(request)
    return_to = request.query.get("return", HOME)
    if isinstance(request.viewer, SignedIn):
        return Redirect(safe_path(return_to))
    try:
        where, cookie = authentication.begin(request.session, request.request, return_to, request.now)
    except SignInError as problem:
        return _failed(problem)
    return Redirect(where, {"set-cookie": cookie})


@pages.get(CALLBACK)
def finish(request: PageRequest) -> Page | Redirect:
    """Begin the session of whoever the issuer signed in."""
    authentication = _counted(request)
    try:
        found = authentication.finish(request.session, request.request, request.now)
    except SignInError as problem:
        return _failed(problem)
    if isinstance(found, Unknown):
        log.info(
            "a stranger signed in", extra={"action": "sign_in_unknown", "request": request.request.state.id}
        )
        return Page("console_sign_in_unknown.html", {"found": found}, 403, NO_STORE)
    return_to, cookie = found
    return Redirect(return_to, {"set-cookie": cookie})


@pages.post("/sign-out", signed_in=True)
def sign_out(request: PageRequest) -> Page:
    """End the session here, and lead to where it ends at the issuer."""
    viewer = signed_in(request)
    where, cookie = console_of(request.context).authentication.end(request.session, viewer, request.request)
    # A page and not a redirect: a browser refuses to follow a form to another host under the policy of content.
    leave = {"refresh": f"0; url={where}"} if where else {}
    headers = {**NO_STORE, **leave, "set-cookie": cookie, "clear-site-data": '"cache", "storage"'}
    request.viewer = None
    return Page("console_signed_out.html", {"issuer": where, "host": urlsplit(where).netloc}, 200, headers)


@pages.get("/signed-out")
def signed_out(_request: PageRequest) -> Page:
    """Where the issuer leads back to."""
    return Page("console_signed_out.html", {"issuer": "", "host": ""}, 200, NO_STORE)


async def end_by_issuer(request: Request) -> Response:
    """The issuer says that a session there has ended (Back-Channel Logout 1.0): posted by its server, so of no browser's site."""
    context: PageContext = request.app.state.context
    context.requests.require(context.address(request))
    form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))

    def work() -> int:
        with context.pool.connection() as session:
            return console_of(context).authentication.end_by_issuer(session, form.get("logout_token", ""))

    try:
        ended = await context.in_worker(work)
    except SignInError as problem:
        log.warning("a logout token was refused: %s", problem, extra={"action": "logout_refused"})
        return Response(status_code=400, headers=NO_STORE)
    log.info("the issuer ended %s sessions", ended, extra={"action": "logout"})
    return Response(status_code=200, headers=NO_STORE)


pages.routes.append(Route("/sign-in/ended", end_by_issuer, methods=["POST"]))


def _counted(request: PageRequest) -> Authentication:
    authentication = console_of(request.context).authentication
    budget = authentication.budget.take(request.context.address(request.request), time.monotonic())
    if not budget.allowed:
        raise PageError(429, {"retry-after": budget.headers["retry-after"]})
    return authentication


def _failed(problem: SignInError) -> Page:
    log.warning("a sign-in failed: %s", problem, extra={"action": "sign_in_failed"})
    return Page("console_sign_in_failed.html", {}, 400, NO_STORE)
