"""What the pages of the console share: who is signed in, what it may open, and the frame around a page."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import Connection

from schemas.events.base import Role
from services.api.auth.permissions import BANKS
from services.financing.store.keys import KeysMissing, PlatformKeys, read_keys
from services.financing.store.proposals import ProposalService
from services.ledger.platform_signature import Signer
from services.pages.auth.settings import SignInSettings
from services.pages.auth.sign_in import START, Authentication, SignedIn
from services.pages.cache import TimedCache
from services.pages.context import PageBudget
from services.pages.errors import PageError
from services.pages.financings.shared_totals import SharedTotals
from services.pages.page import Page, PageRequest
from services.pages.published.shared_quality import SharedMeasures
from services.pages.table import Table
from services.people.domain.person import Permission, Person
from services.people.store import saved_views
from services.query.board.board import Boards
from services.query.board.values import Board

if TYPE_CHECKING:
    from services.pages.context import PageContext

Session = Connection[Any]
log = logging.getLogger(__name__)


class SharedBoards:
    """Boards by crossing, made at most every few seconds for all who look. For several threads, one of which makes a board."""

    EVERY = 3.0

    def __init__(self) -> None:
        self._boards = Boards()
        self._made: TimedCache[str, Board] = TimedCache(self.EVERY)

    def board(self, session: Session, crossing: str, at: int | None) -> Board:
        """The board of a crossing, some seconds old at most; as of ``at`` where a moment is named."""
        if at is not None:
            with self._made.lock:
                return self._boards.board(session, at, only=crossing)
        return self._made.of(crossing, lambda: self._boards.board(session, _clock(session), only=crossing))


def _clock(session: Session) -> int:
    """The database's clock: whoever waited for another board came here earlier."""
    ((now,),) = session.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetchall()
    return int(now)


@dataclass
class Console:
    """What the pages of the console need beside the context of all pages.

    ``signer``, ``keys`` and ``proposals`` are None where the platform's keys are missing; ``checks`` is the budget of checks of
    documents of each bank.
    """

    authentication: Authentication
    signer: Signer | None
    checks: PageBudget
    keys: PlatformKeys | None = None
    proposals: ProposalService | None = None
    boards: SharedBoards = field(default_factory=SharedBoards)
    measures: SharedMeasures = field(default_factory=SharedMeasures)
    totals: SharedTotals = field(default_factory=SharedTotals)


def set_up(context: PageContext, settings: SignInSettings) -> None:
    """Let people sign in to ``context`` by the issuer of ``settings``; nothing where none is set. ValueError where it cannot be."""
    if not settings.signin_issuer:
        return
    authentication = Authentication(settings, context.settings.pages_urls)
    try:
        keys = read_keys(settings.financing_keys)
    except KeysMissing as problem:
        log.warning(
            "nobody takes steps on cases, or decides on financings: %s",
            problem,
            extra={"action": "no_signer"},
        )
        keys = None
    required = frozenset(settings.financing_registries)
    context.console = Console(
        authentication,
        None if keys is None else keys.signer(settings.network),
        PageBudget(settings.financing_check_rate, settings.signin_rate_window, context.metrics),
        keys,
        None if keys is None else ProposalService(keys.decision_service(settings.network, required)),
    )
    context.identify, context.sign_in = authentication.identify, START


def console_of(context: PageContext) -> Console:
    """The console of ``context``; PageError 404 where no way to sign in is set up."""
    found = context.console
    if not isinstance(found, Console):
        raise PageError(404)
    return found


def proposals_of(request: PageRequest) -> ProposalService:
    """What prepares and decides; PageError 503 where the platform's keys of financing are not there."""
    service = console_of(request.context).proposals
    if service is None:
        raise PageError(503)
    return service


class Section(NamedTuple):
    """An entry of the navigation: where it leads, what it is called (a message), and who sees it: people of parties with one of ``roles``."""

    path: str
    title: str
    permission: Permission
    roles: frozenset[Role] = frozenset(Role)


class Notice(NamedTuple):
    """Something that needs attention, on the first page: how bad it is (bad, warn), what, in the language of the page, and where one acts."""

    tone: str
    title: str
    text: str
    path: str


def N_(message: str) -> str:
    """A message that is translated where it is shown."""
    return message


ENGAGED = frozenset({Role.SHIPPER, Role.CONSIGNEE, Role.FORWARDER, Role.OPERATOR, Role.CONTAINER_OWNER})
"""Roles of parties that a founding engages in their own cargo: whose consignments are listed."""
SHIPPERS = frozenset({Role.SHIPPER})
SECTIONS = (
    Section("/console/board", N_("Borders"), Permission.BOARD),
    Section("/console/cases", N_("Cases"), Permission.CASES),
    Section("/console/shift", N_("Shift"), Permission.CASES),
    Section("/console/events", N_("Published events"), Permission.EVENTS),
    Section("/console/upload", N_("Try a file"), Permission.EVENTS_UPLOAD),
    Section("/console/quality", N_("Data quality"), Permission.EVENTS),
    Section("/console/keys", N_("Keys"), Permission.EVENTS),
    Section("/console/financings", N_("Financings"), Permission.FINANCING, BANKS),
    Section("/console/financing-check", N_("Check of documents"), Permission.FINANCING, BANKS),
    Section("/console/proposals", N_("Approvals"), Permission.FINANCING, BANKS),
    Section("/console/limits", N_("Amount limits"), Permission.FINANCING, BANKS),
    Section("/console/consignments", N_("My consignments"), Permission.CONSIGNMENTS, ENGAGED),
    Section("/console/trades", N_("Trades"), Permission.TRADES),
    Section("/console/documents", N_("Documents"), Permission.DOCUMENTS),
    Section("/console/disputes", N_("Disputes"), Permission.CONSIGNMENTS, ENGAGED),
    Section("/console/reads", N_("Who read"), Permission.CONSIGNMENTS, ENGAGED),
    Section("/console/consents", N_("Consents"), Permission.CONSENTS, SHIPPERS),
    Section("/console/credit", N_("Credit signals"), Permission.CREDIT, SHIPPERS),
)


def signed_in(
    request: PageRequest, permission: Permission | None = None, roles: frozenset[Role] = frozenset(Role)
) -> SignedIn:
    """The person who looks. PageError 401 for nobody, 404 for one without the permission or of a party in none of ``roles``."""
    viewer = request.viewer
    if not isinstance(viewer, SignedIn):
        raise PageError(401)
    if permission is not None and not (viewer.may(permission) and request.party.roles & roles):
        request.request.state.lacking = str(
            permission
        )  # the page is as one that is not there; the log knows better
        raise PageError(404)
    return viewer


def person_name(person: Person | None, viewer: SignedIn, id_: bytes) -> str:
    """A person by name, where it is of the viewer's party and not erased, with the first digits of its pseudonym."""
    name = person.name if person is not None and person.party == viewer.party and person.name else ""
    return f"{name} ({id_.hex()[:8]})" if name else id_.hex()[:8]


def sections_of(request: PageRequest, viewer: SignedIn) -> list[Section]:
    """What the person may open."""
    roles = request.party.roles
    return [each for each in SECTIONS if viewer.may(each.permission) and each.roles & roles]


def console_page(
    request: PageRequest,
    viewer: SignedIn,
    template: str,
    values: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    tables: Sequence[Table] = (),
) -> Page:
    """A page in the frame of the console; no cache keeps it."""
    here = request.request.url.path
    frame = {
        "me": viewer,
        "views": saved_views.of_person(request.session, viewer.who.id),
        "sections": sections_of(request, viewer),
        "section": next((each.path for each in SECTIONS if here.startswith(each.path)), here),
    }
    own = {"cache-control": "no-store", **(headers or {})}
    return Page(template, {**frame, **values}, status, own, tables=tables)
