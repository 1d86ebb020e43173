"""The report of a shift, to be printed, and its hand-over to another team."""

from __future__ import annotations

from collections.abc import Mapping

from services.cases.domain.lifecycle import Refused, StepKind, StepRequest
from services.cases.domain.shift_report import CaseSummary, ShiftSummary, shift_report
from services.cases.store import overview
from services.cases.store.overview import Listed, Wanted
from services.ledger.storage.decision_locks import lock_key
from services.pages.auth.sign_in import SignedIn
from services.pages.console import N_, console_page, signed_in
from services.pages.console_cases import (
    CASE,
    HOUR,
    LONGEST_TEXT,
    REFUSALS,
    WORDS,
    case_row,
    case_scope,
    case_service,
    case_values,
    is_text,
    own_team,
    own_teams,
    party_team,
    party_teams,
    visible_cases,
)
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest, Redirect
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.people.domain.person import Permission

pages = PageRoutes()
SHIFTS = (8, 12, 24)
"""Hours of a report."""


@pages.get("/console/shift", signed_in=True)
def shift(request: PageRequest) -> Page:
    """What was opened and closed in the last hours and what stands, by crossing and owner; to be printed, and to be handed over."""
    viewer = signed_in(request, Permission.CASES)
    return _shift_page(request, viewer)


@pages.post("/console/shift/hand-over", signed_in=True)
def hand_over(request: PageRequest) -> Page | Redirect:
    """Give every case that a team has to another one of its party, each by a step of its own, all in one transaction."""
    viewer = signed_in(request, Permission.CASES_ACT)
    by, to = (
        own_team(viewer, request.form.get("by", "")),
        party_team(request, viewer, request.form.get("to", "")),
    )
    note = request.form.get("note", "")
    if by is None or to is None or by == to:
        return _shift_page(request, viewer, "form")
    if note and not is_text(note):
        return _shift_page(request, viewer, "text")
    service, who = case_service(request), viewer.who.signatory
    owned = overview.listed(request.session, Wanted(owner=by, limit=10_000))
    for each in sorted(owned, key=lambda case: lock_key(case.id)):
        steps = [StepRequest(StepKind.NOTED, by, text=note, person=who)] if note else []
        for step in (*steps, StepRequest(StepKind.ASSIGNED, by, to=to, person=who)):
            if isinstance(service.take_step(request.session, each.id, step), Refused):
                raise PageError(409)
    return Redirect("/console/shift")


def _shift_page(request: PageRequest, viewer: SignedIn, refused: str = "") -> Page:
    hours = request.query.get("hours", "12")
    if not hours.isdecimal() or int(hours) not in SHIFTS:
        raise PageError(400)
    since = request.now - int(hours) * HOUR
    wanted = Wanted(closed_since=since, limit=10_000, scope=case_scope(request))
    found = {case.id: case for case in visible_cases(request, overview.listed(request.session, wanted))}
    steps = [step for step in overview.steps_since(request.session, since) if step.case in found]
    posts = shift_report(map(_summary, found.values()), steps, since)
    own = own_teams(viewer)
    tables = _report(posts, found, request.now), _notes(posts)
    values = {
        "tables": tables,
        "since": since,
        "until": request.now,
        "hours": int(hours),
        "shifts": SHIFTS,
        "posts": [
            {
                "crossing": crossing,
                "owner": owner,
                "lists": {
                    name: [case_values(found[id_], request.now) for id_ in getattr(post, name)]
                    for name in ("opened", "closed", "standing")
                },
                "notes": post.notes,
            }
            for (crossing, owner), post in posts.items()
        ],
        "may_act": viewer.may(Permission.CASES_ACT) and bool(own),
        "own": own,
        "teams": sorted(party_teams(request, viewer), key=lambda team: team == own[0].name if own else False),
        "longest": LONGEST_TEXT,
        "refused": REFUSALS.get(refused, ""),
        **WORDS,
    }
    status = 409 if refused else 200
    return console_page(request, viewer, "console_shift.html", values, status, tables=tables)


def _report(posts: Mapping[tuple[str, str], ShiftSummary], found: Mapping[bytes, Listed], now: int) -> Table:
    """A case stands in every list of the report that it belongs to."""
    lists = {"opened": N_("Opened"), "closed": N_("Closed"), "standing": N_("Standing")}
    rows = [
        {"list": name, **case_row(found[id_], now)}
        for post in posts.values()
        for name in lists
        for id_ in getattr(post, name)
    ]
    columns = (Column("list", N_("List"), Kind.CODE, words=lists), *CASE)
    return Table("shift", columns, rows, N_("Shift report"))


def _notes(posts: Mapping[tuple[str, str], ShiftSummary]) -> Table:
    columns = (
        Column("written", N_("When"), Kind.MOMENT),
        Column("case", N_("Case"), Kind.CODE, href="page"),
        Column("by", N_("Written by"), Kind.CODE),
        Column("note", N_("Note")),
    )
    rows = [
        {
            "written": each.at,
            "case": each.case.hex(),
            "page": f"/console/cases/{each.case.hex()}",
            "by": str(each.by),
            "note": each.text or each.reason,
        }
        for post in posts.values()
        for each in post.notes
    ]
    return Table("notes", columns, rows, N_("Notes"))


def _summary(case: Listed) -> CaseSummary:
    owner = "" if case.life.owner is None else str(case.life.owner)
    return CaseSummary(case.id, case.crossing, owner, case.life.closed)
