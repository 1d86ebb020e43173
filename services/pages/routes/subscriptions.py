"""Subscriptions: making, listing and ending them, confirming an address, and feeds read under an address that holds a token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

from services.api.access import share_links
from services.api.access.consignment import VisibleConsignment
from services.api.access.share_links import ShareLink
from services.api.auth.gate import Caller
from services.pages.errors import PageError
from services.pages.languages import language_of
from services.pages.localization import Localization, localizations
from services.pages.page import Document, Page, PageRequest, Redirect
from services.pages.routes.links import opened
from services.pages.routes.tracking import by_reference, tracking_page
from services.pages.routing import PageRoutes
from services.pages.subscriptions import atom as atoms
from services.pages.subscriptions import calendar as calendars
from services.pages.subscriptions import store
from services.pages.subscriptions.changes import Wanted
from services.pages.subscriptions.store import Channel, Listed, Status, Subscription, SubscriptionError
from services.pages.subscriptions.viewing import shown_fields, sight, state_now
from services.pages.table import Column, Kind, Table
from services.pages.tracking.words import N_
from services.pages.viewer import Viewer

pages = PageRoutes()
SECRET = {
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow, noarchive",
    "cache-control": "no-store",
}
"""An address that holds a token is told to nobody and kept by no search engine."""
_OWN = {"cache-control": "no-store", "x-robots-tag": "noindex"}
HOURS: Final = (1, 3, 6, 12, 24, 48)
STATES: Final = {
    Status.UNCONFIRMED: N_("not confirmed yet"),
    Status.ACTIVE: N_("active"),
    Status.SUSPENDED: N_("suspended: mail does not reach the address"),
    Status.ENDED: N_("ended"),
}
CHANNELS: Final = {Channel.MAIL: N_("Mail"), Channel.FEED: N_("Feed"), Channel.WEBHOOK: N_("Webhook")}


class Made(NamedTuple):
    """A subscription just made: the address of its feed and the page that ends it, "" where it is no feed."""

    channel: str
    feed: str
    about: str


@pages.get("/subscriptions", signed_in=True)
def subscriptions(request: PageRequest) -> Page:
    """The subscriptions of the viewer and those by links of its party, all or of one consignment, with a form for a new one."""
    reference = request.query.get("consignment")
    if reference is not None:
        reference = by_reference(request, reference).body["consignment"]
    return _own(request, reference)


@pages.post("/subscriptions", signed_in=True)
def make(request: PageRequest) -> Page:
    """Subscribe the viewer to a consignment that it may see."""
    shown = by_reference(request, request.form.get("consignment", ""))
    made, problem = _make(request, shown, _client(request), None)
    return _own(request, shown.body["consignment"], made, problem)


@pages.post("/subscriptions/{id:uuid}/end", signed_in=True)
def end_own(request: PageRequest) -> Redirect:
    """End a subscription of the viewer, or one by a link of its party."""
    store.end(request.session, _of_owner(request), "owner", request.now)
    return _back(request)


@pages.post("/subscriptions/{id:uuid}/resume", signed_in=True)
def resume_own(request: PageRequest) -> Redirect:
    """Notify an address again that was given up."""
    store.resume(request.session, _of_owner(request), request.now)
    return _back(request)


def _of_owner(request: PageRequest) -> Subscription:
    found = store.by_id(request.session, str(request.path["id"]))
    if (
        found is None
        or found.party != request.party.code
        or not (found.share or found.made_by == _client(request))
    ):
        raise PageError(404)
    return found


def _back(request: PageRequest) -> Redirect:
    consignment = request.form.get("consignment", "")
    return Redirect(
        f"/subscriptions?consignment={quote(consignment, safe='')}" if consignment else "/subscriptions"
    )


@pages.get("/s/{token}/subscribe")
def subscribe(request: PageRequest) -> Page:
    """The form for whoever holds a link."""
    link, shown = opened(request)
    return _by_link(request, link, shown)


@pages.post("/s/{token}/subscribe")
def make_by_link(request: PageRequest) -> Page:
    """Subscribe whoever holds a link, in its fields and until it ends."""
    link, shown = opened(request)
    made, problem = _make(request, shown, link.client, link)
    return _by_link(request, link, shown, made, problem)


@pages.get("/u/{token}")
def about(request: PageRequest) -> Page:
    """What a subscription is about, with a form to end or to confirm it; opening it changes nothing."""
    return _about(request, _by_token(request))


@pages.post("/u/{token}", anywhere=True)
def end(request: PageRequest) -> Page:
    """End it: by the form, or by one click in a mail program (RFC 8058). The token is the right to."""
    found = _by_token(request)
    store.end(request.session, found, "subscriber", request.now)
    return _about(request, store.by_id(request.session, found.id) or found)


@pages.post("/u/{token}/confirm")
def confirm(request: PageRequest) -> Page:
    """The address wants it."""
    found = _by_token(request)
    store.confirm(request.session, found, request.now)
    return _about(request, store.by_id(request.session, found.id) or found)


@pages.post("/u/{token}/resume")
def resume(request: PageRequest) -> Page:
    """The address takes mail again."""
    found = _by_token(request)
    store.resume(request.session, found, request.now)
    return _about(request, store.by_id(request.session, found.id) or found)


@pages.get("/u/{token}/consignment")
def consignment(request: PageRequest) -> Page:
    """The consignment as the subscriber may see it now, in the fields of its share link."""
    found = _by_token(request)
    if found.share is None:
        raise PageError(404, SECRET)
    shown = _seen(request, found)
    link = share_links.link_of(request.session, found.share)
    return tracking_page(request, shown, SECRET, shared=link)


@pages.get("/f/{token}/calendar.ics")
def calendar(request: PageRequest) -> Document:
    """The feed as a calendar."""
    found, _ = _feed(request)
    newest = store.notices(request.session, found.id, limit=1, newest_first=True)
    at = newest[0].at if newest else found.made
    body = calendars.calendar(found, _language(request, found), at=at, page=_page(request, found))
    return Document(body, calendars.MEDIA_TYPE, SECRET)


@pages.get("/f/{token}/feed.atom")
def feed(request: PageRequest) -> Document:
    """The feed as Atom, from the newest notice or from before a number."""
    found, fields = _feed(request)
    given = request.query.get("before", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
    older = {} if before is None else {"before": before}
    listed = store.notices(request.session, found.id, limit=atoms.PAGE, newest_first=True, **older)
    body = atoms.atom(
        found,
        [each.within(fields) for each in listed],
        _language(request, found),
        address=f"{request.context.names.issuer}/f/{request.path['token']}/feed.atom",
        before=before,
        page=_page(request, found),
    )
    return Document(body, atoms.MEDIA_TYPE, SECRET)


def _make(
    request: PageRequest, shown: VisibleConsignment, made_by: str, link: ShareLink | None
) -> tuple[Made | None, str]:
    """What was made, or why nothing was."""
    form = request.form
    channel = form.get("channel", "")
    hours = form.get("hours", "")
    if channel not in _channels(request, link) or hours not in map(str, HOURS):
        raise PageError(400)
    wanted = Wanted(
        milestones="milestones" in form,
        delay_hours=int(hours) if "delay" in form else None,
        exceptions="exceptions" in form,
        disputes="disputes" in form,
        overdue="overdue" in form,
    )
    if wanted == Wanted(False, None, False, False, False):
        return None, "nothing"
    told = state_now(request.session, shown, request.now, forecasts=wanted.forecasts)
    try:
        made = store.make(
            request.session,
            consignment=shown.known.view.consignment.id,
            reference=shown.body["consignment"],
            party=request.party.code,
            share=None if link is None else link.id,
            made_by=made_by,
            channel=Channel(channel),
            address=form.get("address", "").strip() if channel == Channel.MAIL else None,
            language=request.l10n.code,
            wanted=wanted,
            told=told,
            fields=told.fields,
            now=request.now,
        )
    except SubscriptionError as problem:
        return None, problem.reason
    if made is None or channel != Channel.FEED:
        return Made(channel, "", ""), ""
    return Made(channel, f"{request.context.names.issuer}/f/{made[1]}", f"/u/{made[1]}"), ""


def _own(request: PageRequest, reference: str | None, made: Made | None = None, problem: str = "") -> Page:
    listed = store.of_party(request.session, request.party.code, _client(request), reference)
    tables = (_table(listed, _client(request)),)
    values = {
        **_form_values(request, made, problem, None),
        "reference": reference,
        "tables": tables,
        "listed": listed,
        "me": _client(request),
        "states": STATES,
        "names": CHANNELS,
        "action": "/subscriptions",
    }
    status = 400 if problem else 200
    return Page("subscriptions.html", values, status, headers=SECRET if made else _OWN, tables=tables)


def _table(listed: Sequence[Listed], me: str) -> Table:
    """One row a subscription; an address only where it is the viewer's own."""
    columns = (
        Column("subscription", N_("Subscription"), Kind.CODE),
        Column("consignment", N_("Consignment"), Kind.CODE),
        Column("channel", N_("How"), Kind.CODE, words=CHANNELS),
        Column("address", N_("Mail address")),
        Column("link", N_("By the link"), Kind.CODE),
        Column("state", N_("State"), Kind.CODE, words=STATES),
        Column("reason", N_("Reason"), Kind.CODE),
        Column("made", N_("Made"), Kind.MOMENT),
        Column("ended", N_("Ended"), Kind.MOMENT),
        Column("notified", N_("Notified"), Kind.MOMENT),
        Column("waiting", N_("Waiting"), Kind.NUMBER),
        Column("failures", N_("Came back"), Kind.NUMBER),
    )
    rows = [
        {
            "subscription": each.subscription.id,
            "consignment": each.subscription.reference,
            "channel": each.subscription.channel,
            "address": each.subscription.address if each.subscription.made_by == me else None,
            "link": each.subscription.share,
            "state": each.subscription.state,
            "reason": each.subscription.reason or None,
            "made": each.subscription.made,
            "ended": each.subscription.ended,
            "notified": list(each.sent),
            "waiting": each.waiting,
            "failures": each.failures,
        }
        for each in listed
    ]
    return Table("subscriptions", columns, rows, N_("Subscriptions"), more=len(listed) >= store.MOST_LISTED)


def _by_link(
    request: PageRequest,
    link: ShareLink,
    shown: VisibleConsignment,
    made: Made | None = None,
    problem: str = "",
) -> Page:
    here = f"/s/{request.path['token']}"
    values = {
        **_form_values(request, made, problem, link),
        "reference": shown.body["consignment"],
        "link": link,
        "action": f"{here}/subscribe",
        "back": here,
    }
    return Page("subscriptions_by_link.html", values, 400 if problem else 200, headers=SECRET)


def _form_values(
    request: PageRequest, made: Made | None, problem: str, link: ShareLink | None
) -> dict[str, object]:
    return {
        "made": made,
        "problem": problem,
        "channels": _channels(request, link),
        "hours": HOURS,
        "given": request.form,
    }


def _channels(request: PageRequest, link: ShareLink | None) -> tuple[Channel, ...]:
    """The channels that there are: mail where it is set up, webhooks for the party itself."""
    mail = (Channel.MAIL,) if request.context.settings.mail_from else ()
    return (*mail, Channel.FEED, *((Channel.WEBHOOK,) if link is None else ()))


def _about(request: PageRequest, found: Subscription) -> Page:
    values = {"found": found, "token": request.path["token"], "states": STATES}
    return Page("subscriptions_about.html", values, headers=SECRET)


def _by_token(request: PageRequest, *, feed: bool = False) -> Subscription:
    """The subscription of the token in the path. PageError 404 where there is none, counted as a guess."""
    context = request.context
    context.guesses.require(request.address, count=False)
    found = store.by_token(request.session, request.path["token"], feed=feed)
    if found is None:
        context.guesses.require(request.address)
        raise PageError(404, SECRET)
    context.openings.require(found.id)
    return found


def _seen(request: PageRequest, found: Subscription) -> VisibleConsignment:
    """The consignment as its subscriber may see it now; the request reads for its party. PageError 410 where it may not."""
    seen = sight(request.session, request.registry, found, request.now)
    if found.state is not Status.ACTIVE or seen.shown is None:
        raise PageError(410, SECRET)
    request.viewer = Viewer(found.party, Caller(found.client, frozenset(), "", ""), shared=frozenset())
    return seen.shown


def _feed(request: PageRequest) -> tuple[Subscription, tuple[str, ...]]:
    """The subscription of a feed that is read now, with a line of the access log, and how its fields are shown."""
    found = _by_token(request, feed=True)
    shown = _seen(request, found)
    request.reads("consignment", found.reference, shown.shippers)
    return found, shown_fields(shown)


def _language(request: PageRequest, found: Subscription) -> Localization:
    """That of the query, else that in which it was asked for."""
    return localizations()[language_of(request.query.get("lang", "")) or found.language]


def _page(request: PageRequest, found: Subscription) -> str:
    """The address of the consignment's page for the subscriber."""
    issuer = request.context.names.issuer
    if found.share is None:
        return f"{issuer}/track/{quote(found.reference)}"
    return f"{issuer}/u/{request.path['token']}/consignment"


def _client(request: PageRequest) -> str:
    assert request.viewer is not None
    return request.viewer.caller.client
