"""How good what the person's party publishes is, against the median of other parties of its role."""

from __future__ import annotations

from schemas.events.base import Role
from services.pages.console import N_, console_of, console_page, signed_in
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.people.domain.person import Permission
from services.query.published.quality import (
    LEAST_EVENTS,
    LEAST_PARTIES,
    NAMES,
    SAMPLE,
    medians,
    read_measures,
)

pages = PageRoutes()
MEASURES = {
    "refused": (N_("Refused"), N_("Of all messages, those that were refused.")),
    "lateness": (N_("Lateness"), N_("From what happened to its publication; half of the events take no longer.")),
    "transfer": (N_("On the way to the platform"), N_("From publication to receipt; half of the events take no longer.")),
    "corrections": (N_("Corrections"), N_("Of all events, those that correct or take back others.")),
    "missing": (N_("Announced and not followed"), N_("Of what was announced for a time more than a day ago, what was not followed by the fact.")),
    "places": (N_("Unknown places"), N_("Of all events, those with a place or station code that is not known.")),
    "digits": (N_("Check digits"), N_("Of all events, those with a number whose check digit disagrees.")),
    "doubtful": (N_("With remarks"), N_("Of all events, those with any remark.")),
}  # fmt: skip
_TIMES = frozenset({"lateness", "transfer"})
ROLES = {
    Role.OPERATOR: N_("Train operator"),
    Role.RAILWAY: N_("Railway"),
    Role.CUSTOMS: N_("Customs"),
    Role.TERMINAL: N_("Terminal"),
    Role.FORWARDER: N_("Forwarder"),
    Role.SHIPPER: N_("Shipper"),
    Role.CONSIGNEE: N_("Consignee"),
    Role.BANK: N_("Bank"),
    Role.INSURER: N_("Insurer"),
}
SHARE_COLUMNS = (
    Column("measure", N_("Measure"), Kind.CODE, words={name: title for name, (title, _) in MEASURES.items()}),
    Column("own", N_("Yours"), Kind.SHARE),
    Column("median", N_("Median of the others"), Kind.SHARE),
    Column("what", N_("What it is"), Kind.CODE, words={name: what for name, (_, what) in MEASURES.items()}),
)
TIME_COLUMNS = (
    SHARE_COLUMNS[0],
    Column("own", N_("Yours"), Kind.DURATION),
    Column("median", N_("Median of the others"), Kind.DURATION),
    SHARE_COLUMNS[3],
)


@pages.get("/console/quality", signed_in=True)
def quality(request: PageRequest) -> Page:
    """The measures of the person's party now, and their medians among at least five other parties of a role that it has."""
    viewer = signed_in(request, Permission.EVENTS)
    roles = [role for role in ROLES if role in request.party.roles]
    chosen = request.query.get("role", "") or (roles[0].value if roles else "")
    role = next((each for each in roles if each.value == chosen), None)
    if role is None and chosen:
        raise PageError(400)
    own = read_measures(request.session, request.registry, request.party.code, request.now)
    known = (
        {}
        if role is None
        else console_of(request.context).measures.of_role(
            request.session, request.registry, role, request.now
        )
    )
    others = [each for code, each in known.items() if code != request.party.code]
    middle = medians(others)
    rows = [
        {"measure": name, "own": getattr(own, name), "median": middle[name], "what": name} for name in NAMES
    ]
    tables = (
        Table("quality", SHARE_COLUMNS, [r for r in rows if r["measure"] not in _TIMES], N_("Shares")),
        Table("quality-times", TIME_COLUMNS, [r for r in rows if r["measure"] in _TIMES], N_("Times")),
    )
    values = {
        "shares": tables[0],
        "times": tables[1],
        "events": own.events,
        "sample": SAMPLE,
        "least_events": LEAST_EVENTS,
        "least": LEAST_PARTIES,
        "few": any(each["median"] is None for each in rows),
        "roles": {each: ROLES[each] for each in roles},
        "role": role,
    }
    return console_page(request, viewer, "console_quality.html", values, tables=tables)
